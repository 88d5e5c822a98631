/// Services of a security context, requested by an initiator and granted by the mechanism (RFC 2744 section 5.19).
public struct GSSContextFlags: OptionSet, Sendable, Hashable, CustomStringConvertible {
    /// The flag bits of the C bindings.
    public let rawValue: UInt32

    /// Creates a set from flag bits. Unknown bits are kept.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The initiator's credentials are delegated to the acceptor.
    public static let delegation = GSSContextFlags(rawValue: 1)
    /// Mutual authentication: the acceptor proves its identity too.
    public static let mutualAuthentication = GSSContextFlags(rawValue: 2)
    /// Replayed messages are detected.
    public static let replayDetection = GSSContextFlags(rawValue: 4)
    /// Messages out of order are detected.
    public static let sequenceDetection = GSSContextFlags(rawValue: 8)
    /// Messages can be encrypted.
    public static let confidentiality = GSSContextFlags(rawValue: 16)
    /// Messages can be given a checksum.
    public static let integrity = GSSContextFlags(rawValue: 32)
    /// The initiator is anonymous to the acceptor.
    public static let anonymity = GSSContextFlags(rawValue: 64)
    /// The protection services are ready before the context is established.
    public static let protectionReady = GSSContextFlags(rawValue: 128)
    /// The context can be moved to another process.
    public static let transferable = GSSContextFlags(rawValue: 256)

    /// Both sides have bound the context to the same channel. An acceptor sees it if the library reports it (MIT
    /// Kerberos 1.19).
    public static let channelBound = GSSContextFlags(rawValue: 2048)

    private static let names: [(flag: GSSContextFlags, name: String)] = [
        (.delegation, "deleg"), (.mutualAuthentication, "mutual"), (.replayDetection, "replay"),
        (.sequenceDetection, "sequence"), (.confidentiality, "conf"), (.integrity, "integ"), (.anonymity, "anon"),
        (.protectionReady, "prot_ready"), (.transferable, "trans"), (.channelBound, "channel_bound"),
    ]

    /// The flags by their RFC 2743 names, for example `mutual, integ`; unknown bits in hexadecimal.
    public var description: String {
        var parts = Self.names.filter { contains($0.flag) }.map(\.name)
        let unknown = subtracting(Self.names.reduce(into: []) { $0.formUnion($1.flag) }).rawValue
        if unknown != 0 { parts.append("0x" + String(unknown, radix: 16)) }
        return parts.isEmpty ? "(none)" : parts.joined(separator: ", ")
    }
}
