/// Servers and connection strings choose parts of the output: they must not control a terminal.
package enum Printable {
    /// One line in which every scalar that moves, hides or reorders text is escaped.
    package static func line(_ line: String) -> String {
        escaped(line) { "\\u{\(String($0.value, radix: 16))}" }
    }

    /// The same for text of several lines.
    package static func text(_ text: String) -> String {
        text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line(String($0)) }
            .joined(separator: "\n")
    }

    /// JSON in which they are escaped. Outside of its strings there are only line breaks.
    static func json(_ text: String) -> String {
        escaped(text, keepingLineBreaks: true) { scalar in
            String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }.joined()
        }
    }

    private static func escaped(
        _ text: String, keepingLineBreaks: Bool = false, _ escape: (Unicode.Scalar) -> String
    ) -> String {
        // Most reports are ASCII, and those of many hosts are long.
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) || keepingLineBreaks && $0 == 0x0A }
        guard !isPlain, text.unicodeScalars.contains(where: isUnsafe) else { return text }
        return text.unicodeScalars.reduce(into: "") { text, scalar in
            if isUnsafe(scalar), !(keepingLineBreaks && scalar == "\n") {
                text += escape(scalar)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return !(0x20..<0x7F).contains(scalar.value) }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
        default: false
        }
    }
}
