/// Reads the forms of values that the connection string specification defines.
enum OptionValue {
    /// `true` and `false`, and the deprecated forms, which include other letter cases: the intent of
    /// `ssl=False` must not be inverted.
    static func boolean(_ text: String) -> (value: Bool, isDeprecated: Bool)? {
        switch text {
        case "true": return (true, false)
        case "false": return (false, false)
        default: break
        }
        return switch asciiLowercased(text) {
        case "true", "1", "yes", "y", "t": (true, true)
        case "false", "0", "-1", "no", "n", "f": (false, true)
        default: nil
        }
    }

    /// Decimal digits with an optional minus sign.
    static func integer(_ text: String) -> Int? {
        text.utf8.first == UInt8(ascii: "+") ? nil : Int(text)
    }

    /// `name:value,name:value`. Separators are the unencoded `,` and the first unencoded `:` of each pair, so that an
    /// encoded one can be part of a value. A text without any unencoded `:` was encoded as a whole: it is decoded
    /// first and cut afterwards.
    ///
    /// - Returns: No pairs for empty text; `nil` when a pair has no name or no colon.
    static func pairs(_ raw: Bytes, part: String) throws(ConnectionStringError) -> [(name: String, value: String)]? {
        if raw.isEmpty { return [] }
        guard raw.contains(UInt8(ascii: ":")) else {
            let text = try percentDecoded(raw, part: part)
            return pairs(Array(text.utf8)[...]) { String(decoding: $0, as: UTF8.self) }
        }
        // All of it is known to decode, so a pair that does not is split inside a character.
        return pairs(raw) { try? percentDecoded($0, part: part) }
    }

    /// How many pairs a list may have: each of them may bring a warning.
    static let maximumPairs = 100

    private static func pairs(_ raw: Bytes, decode: (Bytes) -> String?) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        for piece in raw.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let colon = piece.firstIndex(of: UInt8(ascii: ":")), colon > piece.startIndex,
                let name = decode(piece[..<colon]), let value = decode(piece[(colon + 1)...])
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    /// RFC 6335 section 5.1, but up to the 62 bytes that a DNS label leaves after the underscore.
    static func isServiceName(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let hyphen = UInt8(ascii: "-")
        let isLetter = { (byte: UInt8) in (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        return (1...62).contains(bytes.count) && bytes.first != hyphen && bytes.last != hyphen
            && bytes.contains(where: isLetter) && bytes.allSatisfy { isLetter($0) || isDigit($0) || $0 == hyphen }
            && !zip(bytes, bytes.dropFirst()).contains { $0 == hyphen && $1 == hyphen }
    }
}
