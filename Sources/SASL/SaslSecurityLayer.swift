/// A set of security layers. The bits are those of RFC 4752 section 3.3.
public struct SaslSecurityLayers: OptionSet, Sendable, Hashable, CustomStringConvertible {
    /// The bit mask on the wire.
    public let rawValue: UInt8

    /// Creates a set from a bit mask. Unknown bits are kept.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Messages are not protected.
    public static let none = SaslSecurityLayers(rawValue: 1)
    /// Integrity protection: messages carry a keyed checksum.
    public static let integrity = SaslSecurityLayers(rawValue: 2)
    /// Confidentiality: messages are encrypted and integrity-protected.
    public static let confidentiality = SaslSecurityLayers(rawValue: 4)
    /// All three.
    public static let all: SaslSecurityLayers = [.none, .integrity, .confidentiality]

    /// The layers' names, for example `none, integrity`; unknown bits in hexadecimal.
    public var description: String {
        var names: [String] = []
        if contains(.none) { names.append("none") }
        if contains(.integrity) { names.append("integrity") }
        if contains(.confidentiality) { names.append("confidentiality") }
        let unknown = rawValue & ~Self.all.rawValue
        if unknown != 0 { names.append("0x" + String(unknown, radix: 16)) }
        return names.isEmpty ? "(empty)" : names.joined(separator: ", ")
    }
}

/// Protects the messages after a complete exchange (RFC 4422 section 3.7).
///
/// A layer keeps sequence numbers and keys: one owner, messages in order. Framing is up to the protocol: RFC 4422
/// puts four octets of length, most significant first, before each wrapped buffer.
public protocol SaslSecurityLayer: AnyObject {
    /// This layer's protection: exactly one bit.
    var protection: SaslSecurityLayers { get }

    /// The longest plain message that ``wrap(_:)`` takes, in bytes, so that its result stays within what the peer can
    /// receive. `Int.max` where there is no limit.
    var maximumPlaintextLength: Int { get }

    /// The longest protected message that ``unwrap(_:)`` takes, in bytes: what this side announced to the peer.
    var maximumCiphertextLength: Int { get }

    /// Protects one message.
    ///
    /// - Throws: ``SaslError/Code/tooLarge`` above ``maximumPlaintextLength``; ``SaslError/Code/mechanismFailure``.
    func wrap(_ message: [UInt8]) throws(SaslError) -> [UInt8]

    /// Verifies one protected message and returns its plain text.
    ///
    /// - Throws: ``SaslError/Code/tooLarge`` above ``maximumCiphertextLength``; ``SaslError/Code/securityLayer`` when
    ///   the message is not protected as agreed; ``SaslError/Code/mechanismFailure``.
    func unwrap(_ message: [UInt8]) throws(SaslError) -> [UInt8]
}

/// The layer "none": messages are not protected.
public final class NoSecurityLayer: SaslSecurityLayer {
    /// Creates the layer.
    public init() {}

    /// Always ``SaslSecurityLayers/none``.
    public var protection: SaslSecurityLayers { .none }
    /// No limit.
    public var maximumPlaintextLength: Int { .max }
    /// No limit.
    public var maximumCiphertextLength: Int { .max }
    /// The message itself.
    public func wrap(_ message: [UInt8]) throws(SaslError) -> [UInt8] { message }
    /// The message itself.
    public func unwrap(_ message: [UInt8]) throws(SaslError) -> [UInt8] { message }
}
