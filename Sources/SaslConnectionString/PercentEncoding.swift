/// A part of the connection string. Its indices are byte offsets in the whole string.
typealias Bytes = ArraySlice<UInt8>

/// Decodes percent escapes (RFC 3986 section 2.1). `+` is unchanged.
///
/// - Throws: ``ConnectionStringError/Code/invalidEncoding`` at the first malformed escape, or at the start of a part
///   that does not decode to UTF-8.
func percentDecoded(_ raw: Bytes, part: String) throws(ConnectionStringError) -> String {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(raw.count)
    var index = raw.startIndex
    while index < raw.endIndex {
        let byte = raw[index]
        guard byte == UInt8(ascii: "%") else {
            decoded.append(byte)
            index += 1
            continue
        }
        guard let value = escapedByte(in: raw, at: index) else {
            throw ConnectionStringError(
                .invalidEncoding, "a percent sign must be followed by two hexadecimal digits; write %25 for the sign",
                offset: index, part: part)
        }
        decoded.append(value)
        index += 3
    }
    guard let text = String(validating: decoded, as: UTF8.self) else {
        throw ConnectionStringError(
            .invalidEncoding, "the percent escapes do not decode to UTF-8", offset: raw.startIndex, part: part)
    }
    return text
}

/// The byte of the escape at an index; `nil` when it is malformed.
func escapedByte(in raw: Bytes, at index: Int) -> UInt8? {
    guard raw.endIndex - index > 2, let high = hexDigit(raw[index + 1]), let low = hexDigit(raw[index + 2]) else {
        return nil
    }
    return high << 4 | low
}

func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// Bytes that need no escape.
package enum PlainBytes {
    /// RFC 3986's unreserved characters.
    case unreserved
    /// Those and common characters in values that have no meaning to the parser.
    case optionValue

    func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        case UInt8(ascii: "$"), UInt8(ascii: "/"), UInt8(ascii: ":"):
            self == .optionValue
        default:
            false
        }
    }
}

/// The encoding of RFC 3986 section 2.1.
package func percentEncoded(_ text: String, keeping plain: PlainBytes) -> String {
    let digits = Array("0123456789ABCDEF")
    var encoded = ""
    for byte in text.utf8 {
        if plain.contains(byte) {
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            encoded += "%"
            encoded.append(digits[Int(byte >> 4)])
            encoded.append(digits[Int(byte & 15)])
        }
    }
    return encoded
}
