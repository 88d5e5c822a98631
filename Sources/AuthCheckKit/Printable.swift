/// Servers and connection strings choose parts of what is printed: nothing of them may steer a terminal.
enum Printable {
    /// One line in which every scalar that moves, hides or reorders text is spelled out.
    static func line(_ line: String) -> String {
        guard line.unicodeScalars.contains(where: isUnsafe) else { return line }
        return line.unicodeScalars.reduce(into: "") { text, scalar in
            if isUnsafe(scalar) {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }

    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse: true
        default: false
        }
    }
}
