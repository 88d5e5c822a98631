/// A decimal floating-point number: IEEE 754-2008 decimal128 in the binary integer encoding.
///
/// The value is its 128 bits. Equality compares them, so `1.0` and `1.00`, which are of one cohort, differ, as do the
/// many encodings of NaN.
public struct BSONDecimal128: Sendable, Hashable {
    /// The upper 64 bits: sign, combination field, and the upper part of the coefficient.
    public let high: UInt64
    /// The lower 64 bits of the coefficient.
    public let low: UInt64

    /// Creates a number from its 128 bits.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Creates a number from its bytes, the lowest first as on the wire; nil unless there are exactly 16.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        low = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        high = bytes.dropFirst(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The 16 bytes, the lowest first as on the wire.
    public var bytes: [UInt8] {
        [low, high].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(8 * $0)) } }
    }

    /// The positive quiet NaN with an empty payload.
    public static let nan = BSONDecimal128(high: 0x7C00_0000_0000_0000, low: 0)
    /// Positive infinity.
    public static let infinity = BSONDecimal128(high: 0x7800_0000_0000_0000, low: 0)

    /// Whether this is any NaN.
    public var isNaN: Bool { high & 0x7C00_0000_0000_0000 == 0x7C00_0000_0000_0000 }
    /// Whether this is an infinity.
    public var isInfinite: Bool { high & 0x7C00_0000_0000_0000 == 0x7800_0000_0000_0000 }
    /// Whether the sign bit is set; a zero, an infinity and a NaN have one too.
    public var isNegative: Bool { high >> 63 == 1 }

    static let exponentBias = 6176
    static let minimumExponent = -6176
    static let maximumExponent = 6111
    /// 34 digits.
    static let maximumCoefficient: UInt128 = 9_999_999_999_999_999_999_999_999_999_999_999
    static let maximumDigits = 34

    /// The number is `coefficient` times ten to the `exponent`; meaningless for NaN and infinity.
    var finiteParts: (coefficient: UInt128, exponent: Int) {
        if high >> 61 & 3 == 3 {
            // The combination field says that the coefficient starts with binary 100, which makes it larger than 34
            // digits can be: IEEE 754-2008 section 3.5.2 takes such a coefficient for zero.
            return (0, Int(high >> 47 & 0x3FFF) - Self.exponentBias)
        }
        let coefficient = UInt128(high & 0x0001_FFFF_FFFF_FFFF) << 64 | UInt128(low)
        return (coefficient > Self.maximumCoefficient ? 0 : coefficient, Int(high >> 49 & 0x3FFF) - Self.exponentBias)
    }

    /// Creates a finite number; the coefficient and the exponent are in range.
    init(isNegative: Bool, coefficient: UInt128, exponent: Int) {
        high =
            (isNegative ? 1 << 63 : 0) | UInt64(truncatingIfNeeded: exponent + Self.exponentBias) << 49
            | UInt64(truncatingIfNeeded: coefficient >> 64)
        low = UInt64(truncatingIfNeeded: coefficient)
    }
}
