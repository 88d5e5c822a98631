/// An object identifier, as GSS-API identifies mechanisms and name types (RFC 2744 section 3.3).
public struct GSSObjectIdentifier: Sendable, Hashable {
    /// The DER encoding of the value, without tag and length.
    public let derContents: [UInt8]

    /// Creates an identifier from DER contents, as a C library provides them.
    public init(derContents: [UInt8]) {
        self.derContents = derContents
    }
}

extension GSSObjectIdentifier: CustomStringConvertible {
    /// The dotted form, for example `1.2.840.113554.1.2.2`; hexadecimal where the contents are not well-formed.
    public var description: String {
        var arcs: [UInt64] = []
        var arc: UInt64 = 0
        var isInsideArc = false
        for byte in derContents {
            // An arc that begins with zero bits only (X.690 section 8.19.2) would read like the same one without them.
            guard arc <= UInt64.max >> 7, isInsideArc || byte != 0x80 else { return hexadecimal }
            arc = arc << 7 | UInt64(byte & 0x7f)
            isInsideArc = byte & 0x80 != 0
            guard !isInsideArc else { continue }
            if arcs.isEmpty {
                let first = min(arc / 40, 2)
                arcs = [first, arc - first * 40]
            } else {
                arcs.append(arc)
            }
            arc = 0
        }
        guard !arcs.isEmpty, !isInsideArc else { return hexadecimal }
        return arcs.map { String($0) }.joined(separator: ".")
    }

    private var hexadecimal: String {
        "0x" + derContents.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension GSSObjectIdentifier {
    /// The Kerberos V5 mechanism, `1.2.840.113554.1.2.2` (RFC 4121).
    public static let kerberos5 = GSSObjectIdentifier(
        derContents: [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02])
    /// The negotiation mechanism SPNEGO, `1.3.6.1.5.5.2` (RFC 4178).
    public static let spnego = GSSObjectIdentifier(derContents: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x02])
}
