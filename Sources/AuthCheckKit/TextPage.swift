/// The style of a report for people.
package struct TextStyle: Sendable, Hashable {
    /// How many columns a line may have; `nil` sets no limit.
    package var width: Int?
    /// Whether marks are ASCII, for terminals and locales without others.
    package var isASCII: Bool
    /// Whether colours are used.
    package var isColored: Bool
    /// Whether all details are shown.
    package var hasDetails: Bool

    /// Creates a style.
    package init(width: Int? = nil, isASCII: Bool = false, isColored: Bool = false, hasDetails: Bool = false) {
        self.width = width
        self.isASCII = isASCII
        self.isColored = isColored
        self.hasDetails = hasDetails
    }
}

/// Lines of text, wrapped with hanging indents. Text from a server or a string cannot control the terminal.
struct TextPage {
    /// The kind of text, which determines its colour.
    enum Tone: String {
        case plain = ""
        case good = "32"
        case bad = "31;1"
        case doubtful = "33"
        case strong = "1"
        case faint = "2"
    }

    let style: TextStyle
    private(set) var lines: [String] = []

    init(_ style: TextStyle) {
        self.style = style
    }

    var text: String {
        let end = lines.lastIndex { !$0.isEmpty }.map { $0 + 1 } ?? 0
        return lines[..<end].joined(separator: "\n")
    }

    /// Adds a paragraph.
    ///
    /// - Parameters:
    ///   - lead: The text before it on its first line, in a separate column.
    ///   - indent: The columns before it.
    mutating func add(_ text: String, lead: String = "", tone: Tone = .plain, indent: Int = 0) {
        let margin = String(repeating: " ", count: indent)
        let hanging = margin + String(repeating: " ", count: TextColumns.count(lead))
        let room = style.width.map { max(20, $0 - hanging.utf8.count) }
        for (number, line) in Self.wrap(Printable.line(text), at: room).enumerated() {
            lines.append(
                (number == 0 ? margin + painted(lead, tone) : hanging) + (lead.isEmpty ? painted(line, tone) : line))
        }
    }

    /// Adds a line that must not be broken, such as a command.
    mutating func addCommand(_ command: String, indent: Int) {
        lines.append(String(repeating: " ", count: indent) + painted(Printable.line(command), .strong))
    }

    mutating func addBlank() {
        if lines.last?.isEmpty == false { lines.append("") }
    }

    func mark(_ result: CheckReport.Result, isDoubtful: Bool = false) -> (text: String, tone: Tone) {
        switch result {
        case _ where isDoubtful: (style.isASCII ? "[warn]" : "!", .doubtful)
        case .ok: (style.isASCII ? "[ok]  " : "✓", .good)
        case .failed: (style.isASCII ? "[FAIL]" : "✗", .bad)
        case .skipped: (style.isASCII ? "[-]   " : "-", .faint)
        }
    }

    func painted(_ text: String, _ tone: Tone) -> String {
        style.isColored && tone != .plain && !text.isEmpty ? "\u{1B}[\(tone.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// The words of a text; a number and its unit are one word.
    private static func words(_ text: String) -> [Substring] {
        let units: Set<Substring> = ["ms", "s", "min", "h", "d", "kB", "MB", "bytes", "KiB", "MiB"]
        var words: [Substring] = []
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            let unit = word.prefix { $0.isLetter }
            if units.contains(unit), let last = words.last, last.utf8.last.map({ (48...57).contains($0) }) == true {
                words[words.count - 1] = Substring("\(last) \(word)")
            } else {
                words.append(word)
            }
        }
        return words
    }

    /// Breaks a text between words. A word that is longer than a line stays whole: it may be a path to be copied.
    static func wrap(_ text: String, at width: Int?) -> [String] {
        guard let width, TextColumns.count(text) > width else { return [text] }
        var lines: [String] = []
        var line = ""
        var columns = 0
        for word in words(text) {
            let count = TextColumns.count(word)
            if !line.isEmpty, columns + 1 + count > width {
                lines.append(line)
                (line, columns) = (String(word), count)
            } else {
                columns += (line.isEmpty ? 0 : 1) + count
                line += (line.isEmpty ? "" : " ") + word
            }
        }
        return lines + [line]
    }
}
