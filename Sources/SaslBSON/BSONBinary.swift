/// Bytes with a subtype (bsonspec.org, `binary`).
public struct BSONBinary: Sendable, Hashable {
    /// What the bytes mean; 0 is "generic", 0x80 and above are the user's own.
    public var subtype: UInt8
    /// The bytes. For subtype 2 ("old binary") without the inner length, which the codec checks and writes itself.
    public var bytes: [UInt8]

    /// Creates a binary value, of the generic subtype by default.
    public init(subtype: UInt8 = BSONBinary.genericSubtype, bytes: [UInt8]) {
        self.subtype = subtype
        self.bytes = bytes
    }

    /// Subtype 0, for bytes of no special meaning.
    public static let genericSubtype: UInt8 = 0x00
    /// Subtype 2, deprecated: its content starts with its own length once more.
    public static let oldBinarySubtype: UInt8 = 0x02
}

extension BSONBinary: CustomStringConvertible {
    /// Subtype and length. Never the bytes, which may be a SASL token or a password.
    public var description: String {
        "Binary(\(subtype), \(bytes.count) bytes)"
    }
}

extension BSONBinary: CustomReflectable {
    /// As the description: `dump` must not show the bytes either.
    public var customMirror: Mirror {
        Mirror(self, children: ["subtype": subtype as Any, "count": bytes.count as Any], displayStyle: .struct)
    }
}
