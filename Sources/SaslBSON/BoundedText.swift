/// A text under construction that never grows beyond a bound, with everything escaped that could confuse a terminal or
/// a log: control characters, and the invisible ones that change the direction or the line.
package struct BoundedText {
    /// The text so far.
    package private(set) var text = ""
    /// Whether something was left out.
    package private(set) var isFull = false
    private let limit: Int

    /// Creates an empty text that may grow to `limit` UTF-8 bytes, not counting the "…" that then ends it.
    package init(limit: Int) {
        self.limit = limit
    }

    /// How many UTF-8 bytes of a peer's text are kept, in a report or an error.
    package static let peerLimit = 1024
    /// How many entries of a peer's list are kept.
    package static let peerEntries = 100

    /// A peer's text, cut and escaped.
    package static func ofPeer(_ text: String, limit: Int = peerLimit) -> String {
        var bounded = BoundedText(limit: limit)
        bounded.appendEscaped(text)
        return bounded.text
    }

    /// Appends text that is known to be safe, all of it or nothing.
    package mutating func append(_ piece: String) {
        guard !isFull else { return }
        guard piece.utf8.count <= limit - text.utf8.count else {
            text += "…"
            isFull = true
            return
        }
        text += piece
    }

    /// Appends text from anywhere, escaped; quotes and backslashes too if it goes between quotes.
    package mutating func appendEscaped(_ piece: String, quoted: Bool = false) {
        for scalar in piece.unicodeScalars {
            guard !isFull else { return }
            append(Self.escaped(scalar, quoted: quoted))
        }
    }

    private static func escaped(_ scalar: Unicode.Scalar, quoted: Bool) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\"" where quoted: return "\\\""
        case "\\" where quoted: return "\\\\"
        default: break
        }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .surrogate:
            return "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        default:
            return String(Character(scalar))
        }
    }
}
