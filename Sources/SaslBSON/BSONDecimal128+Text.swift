extension BSONDecimal128: CustomStringConvertible {
    /// The number as the BSON decimal128 specification writes it, which is the "to-scientific-string" form of the General
    /// Decimal Arithmetic specification: `1.50`, `-0`, `1E+3`, `NaN`, `-Infinity`.
    public var description: String {
        if isNaN { return "NaN" }
        let sign = isNegative ? "-" : ""
        if isInfinite { return sign + "Infinity" }
        let (coefficient, exponent) = finiteParts
        let digits = String(coefficient)
        let adjusted = exponent + digits.count - 1
        guard exponent <= 0, adjusted >= -6 else {
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            return "\(sign)\(digits.prefix(1))\(fraction)E\(adjusted < 0 ? "" : "+")\(adjusted)"
        }
        if exponent == 0 { return sign + digits }
        let wholeCount = digits.count + exponent
        if wholeCount > 0 {
            return "\(sign)\(digits.prefix(wholeCount)).\(digits.dropFirst(wholeCount))"
        }
        return sign + "0." + String(repeating: "0", count: -wholeCount) + digits
    }

    /// Reads a number as the BSON decimal128 specification has it: a decimal number with an optional exponent, or
    /// `Infinity`, `Inf` or `NaN`, each with an optional sign, letters of either case.
    ///
    /// Nothing is ever rounded: zeros are added to or taken from the coefficient where that brings the exponent into
    /// range, and a zero takes the nearest exponent possible.
    /// - Throws: `BSONError` with code `invalidText` if the text is not a number, or not one that fits exactly.
    public init(_ text: String) throws(BSONError) {
        var scanner = DecimalScanner(text)
        let isNegative = scanner.skipSign() ?? false
        if scanner.skipWord("nan") {
            guard scanner.isAtEnd else { throw scanner.notANumber }
            self = isNegative ? BSONDecimal128(high: Self.nan.high | 1 << 63, low: 0) : .nan
        } else if scanner.skipWord("infinity") || scanner.skipWord("inf") {
            guard scanner.isAtEnd else { throw scanner.notANumber }
            self = isNegative ? BSONDecimal128(high: Self.infinity.high | 1 << 63, low: 0) : .infinity
        } else {
            let number = try scanner.scanNumber()
            self = try number.encoded(isNegative: isNegative)
        }
    }
}

/// A number that may not fit yet: `coefficient` times ten to the `exponent`, without trailing zeros in the coefficient
/// beyond the 34 digits that it has at most.
private struct ScannedDecimal {
    var coefficient: UInt128 = 0
    var exponent = 0

    func encoded(isNegative: Bool) throws(BSONError) -> BSONDecimal128 {
        let lowest = BSONDecimal128.minimumExponent
        let highest = BSONDecimal128.maximumExponent
        var (coefficient, exponent) = (coefficient, exponent)
        if coefficient == 0 {
            exponent = min(max(exponent, lowest), highest)
        }
        while exponent < lowest {
            guard coefficient % 10 == 0 else { throw Self.inexact("is too small") }
            coefficient /= 10
            exponent += 1
        }
        while exponent > highest {
            guard coefficient <= BSONDecimal128.maximumCoefficient / 10 else { throw Self.inexact("is too large") }
            coefficient *= 10
            exponent -= 1
        }
        return BSONDecimal128(isNegative: isNegative, coefficient: coefficient, exponent: exponent)
    }

    static func inexact(_ reason: String) -> BSONError {
        BSONError(.invalidText, "The number \(reason) for a decimal128 without rounding.", offset: 0)
    }
}

private struct DecimalScanner {
    private let text: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.text = Array(text.utf8)
    }

    var isAtEnd: Bool { position == text.count }

    var notANumber: BSONError {
        BSONError(.invalidText, "The text is not a decimal number.", offset: position)
    }

    private var next: UInt8? { isAtEnd ? nil : text[position] }

    /// Skips a sign and says whether it is a minus; nil if there is none.
    mutating func skipSign() -> Bool? {
        switch next {
        case UInt8(ascii: "-"):
            position += 1
            return true
        case UInt8(ascii: "+"):
            position += 1
            return false
        default:
            return nil
        }
    }

    /// Skips a word, given in lower case and found in either.
    mutating func skipWord(_ word: StaticString) -> Bool {
        let length = word.utf8CodeUnitCount
        guard text.count - position >= length else { return false }
        let found = text[position..<(position + length)].map { $0 | 0x20 }
        guard word.withUTF8Buffer({ found.elementsEqual($0) }) else { return false }
        position += length
        return true
    }

    /// Scans digits, point and exponent up to the end of the text.
    mutating func scanNumber() throws(BSONError) -> ScannedDecimal {
        var number = ScannedDecimal()
        var digitCount = 0
        var hasPoint = false
        var pendingZeros = 0  // zeros that are only written out if another digit follows
        while let byte = next {
            if byte == UInt8(ascii: "."), !hasPoint {
                hasPoint = true
            } else if let digit = Self.digit(byte) {
                digitCount += 1
                if hasPoint { number.exponent -= 1 }
                if digit == 0, number.coefficient != 0 {
                    pendingZeros += 1
                } else {
                    try append(digit, after: pendingZeros, to: &number)
                    pendingZeros = 0
                }
            } else {
                break
            }
            position += 1
        }
        guard digitCount > 0 else { throw notANumber }
        // The zeros at the end belong to the number ("1.0" is not "1") as far as there is room for them.
        while pendingZeros > 0, number.coefficient <= BSONDecimal128.maximumCoefficient / 10 {
            number.coefficient *= 10
            pendingZeros -= 1
        }
        number.exponent += pendingZeros
        if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            number.exponent += try scanExponent()
        }
        guard isAtEnd else { throw notANumber }
        return number
    }

    private func append(_ digit: UInt8, after zeros: Int, to number: inout ScannedDecimal) throws(BSONError) {
        guard zeros < BSONDecimal128.maximumDigits else { throw ScannedDecimal.inexact("has too many digits") }
        for next in repeatElement(UInt8(0), count: zeros) + [digit] {
            // At most 34 digits are in the coefficient before, so the product is far below 2^128.
            let coefficient = number.coefficient * 10 + UInt128(next)
            guard coefficient <= BSONDecimal128.maximumCoefficient else {
                throw ScannedDecimal.inexact("has too many digits")
            }
            number.coefficient = coefficient
        }
    }

    private mutating func scanExponent() throws(BSONError) -> Int {
        let isNegative = skipSign() ?? false
        guard let first = next, Self.digit(first) != nil else { throw notANumber }
        var exponent = 0
        while let byte = next, let digit = Self.digit(byte) {
            // Beyond this bound the number does not fit, whatever its digits are.
            exponent = min(exponent * 10 + Int(digit), Int(Int32.max))
            position += 1
        }
        return isNegative ? -exponent : exponent
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? byte - UInt8(ascii: "0") : nil
    }
}
