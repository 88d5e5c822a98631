/// Guesses what was meant.
enum TypingError {
    /// Whether a text is a word with at most two letters added, left out, changed or swapped.
    static func isLikely(_ word: String, _ text: String) -> Bool {
        let (one, other) = (Array(word.utf8), Array(text.utf8))
        guard other.count >= 3, other.count <= one.count + 2 else { return false }
        // The Levenshtein distance, row by row.
        var row = Array(0...other.count)
        for (number, byte) in one.enumerated() {
            var next = [number + 1]
            for (position, otherByte) in other.enumerated() {
                next.append(min(next[position] + 1, row[position + 1] + 1, row[position] + (byte == otherByte ? 0 : 1)))
            }
            row = next
        }
        return (row.last ?? .max) <= 2
    }

    /// Whether a text is a host name and nothing else, so that it can be repeated.
    static func isHostName(_ text: String) -> Bool {
        let letters = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: ":"):
                true
            default: false
            }
        }
        // A single word may be anything, even a password.
        let isName = text.utf8.contains(UInt8(ascii: ".")) || text == "localhost" || text.hasPrefix("localhost:")
        return letters && isName && text.utf8.count <= 259
    }
}
