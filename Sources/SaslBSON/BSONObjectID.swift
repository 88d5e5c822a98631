/// The 12 bytes of an ObjectID.
public struct BSONObjectID: Sendable {
    // Two integers instead of an array: no allocation, and 12 bytes in the enum that holds it.
    let high: UInt64
    let low: UInt32

    init(high: UInt64, low: UInt32) {
        self.high = high
        self.low = low
    }

    /// How many bytes an ObjectID has.
    public static let byteCount = 12

    /// Creates an ObjectID from its bytes; nil unless there are exactly 12.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Creates an ObjectID from 24 hexadecimal digits, of either case.
    /// - Throws: `BSONError` with code `invalidText` and the offset of the first character that is wrong.
    public init(hex: String) throws(BSONError) {
        let digits = Array(hex.utf8.prefix(25))
        guard digits.count == 24 else {
            throw BSONError(.invalidText, "An ObjectID is 24 hexadecimal digits.", offset: min(digits.count, 24))
        }
        var bytes: [UInt8] = []
        var half: UInt8?
        for (offset, digit) in digits.enumerated() {
            guard let nibble = Self.nibble(digit) else {
                throw BSONError(.invalidText, "Not a hexadecimal digit.", offset: offset)
            }
            if let upper = half {
                bytes.append(upper << 4 | nibble)
                half = nil
            } else {
                half = nibble
            }
        }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The 12 bytes, as on the wire.
    public var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * $0)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: low >> UInt32(24 - 8 * $0)) }
    }

    /// The 24 hexadecimal digits, in lower case.
    public var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension BSONObjectID: Hashable, Comparable, CustomStringConvertible {
    /// The order of the bytes.
    public static func < (left: BSONObjectID, right: BSONObjectID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// The 24 hexadecimal digits.
    public var description: String { hex }
}
