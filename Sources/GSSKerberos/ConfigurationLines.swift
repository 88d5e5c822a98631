/// The lines of one file of the configuration, as the profile library reads them: it reports that a file is malformed,
/// but not where.
struct ConfigurationLines {
    /// Something that a line says.
    enum Item {
        /// `name = value`, with the sections around it before the name.
        case relation(path: [String], value: String, line: Int)
        /// `include` or `includedir`.
        case include(path: String, isFolder: Bool, line: Int)
    }

    /// The first line that the library rejects.
    struct Fault: Error {
        var line: Int
        var text: String
    }

    private(set) var items: [Item] = []
    private(set) var fault: Fault?

    private enum State {
        /// Text before the first section is ignored.
        case beforeSections
        case lines
        /// A line has ended with the equals sign.
        case beforeBrace
    }

    /// How many bytes of a line the library reads at a time: the rest is another line to it.
    private static let longestPiece = 2047
    private static let mostItems = 10_000

    private var state = State.beforeSections
    private var sections: [String] = []
    /// A line whose value begins with a brace and continues, perhaps with a comment: to the library that is not a
    /// subsection.
    private var suspect: Int?

    init(_ bytes: [UInt8]) {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        do throws(Fault) {
            for (index, line) in lines.enumerated() {
                var rest = line
                repeat {
                    let piece = rest.prefix(Self.longestPiece)
                    rest = rest.dropFirst(Self.longestPiece)
                    try read(piece.prefix { $0 != 0 }, index + 1)
                } while !rest.isEmpty
                if items.count >= Self.mostItems { return }
            }
        } catch {
            fault = error
        }
    }

    private mutating func read(_ line: ArraySlice<UInt8>, _ number: Int) throws(Fault) {
        for (word, isFolder) in [("include", false), ("includedir", true)] {
            let rest = line.dropFirst(word.utf8.count)
            guard line.starts(with: word.utf8), rest.first.map(Self.isBlank) ?? true else { continue }
            items.append(.include(path: Self.text(Self.trimmed(rest)), isFolder: isFolder, line: number))
            return
        }
        switch state {
        case .beforeSections:
            guard line.first == UInt8(ascii: "[") else { return }
            state = .lines
            try readUsual(line, number)
        case .lines:
            try readUsual(line, number)
        case .beforeBrace:
            guard line.drop(while: Self.isBlank).first == UInt8(ascii: "{") else {
                throw Fault(line: number, text: "a value or \"{\" is missing after \"=\"")
            }
            state = .lines
        }
    }

    private mutating func readUsual(_ line: ArraySlice<UInt8>, _ number: Int) throws(Fault) {
        let content = Self.trimmed(line)
        switch content.first {
        case nil, UInt8(ascii: ";"), UInt8(ascii: "#"): return
        case UInt8(ascii: "["): try beginSection(content, number)
        case UInt8(ascii: "}"):
            guard sections.count > 1 else {
                let hint = suspect.map { ": line \($0) has something after its \"{\"" } ?? ""
                throw Fault(line: number, text: "there is no \"{\" for this \"}\"" + hint)
            }
            sections.removeLast()
        default: try readRelation(content, number)
        }
    }

    private mutating func beginSection(_ line: ArraySlice<UInt8>, _ number: Int) throws(Fault) {
        guard sections.count <= 1 else {
            throw Fault(line: number, text: "a section begins before the \"}\" of \"\(sections.last ?? "")\"")
        }
        guard let end = line.firstIndex(of: UInt8(ascii: "]")) else {
            throw Fault(line: number, text: "the \"]\" of a section's name is missing")
        }
        var rest = line[(end + 1)...]
        if rest.first == UInt8(ascii: "*") { rest = rest.dropFirst() }
        guard rest.allSatisfy(Self.isBlank) else {
            throw Fault(line: number, text: "something follows a section's name, perhaps a comment")
        }
        sections = [Self.text(line[(line.startIndex + 1)..<end])]
    }

    private mutating func readRelation(_ line: ArraySlice<UInt8>, _ number: Int) throws(Fault) {
        guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else {
            throw Fault(line: number, text: "there is no \"=\" in the line")
        }
        let tag = line[..<equals]
        var name = tag.prefix { !Self.isBlank($0) }
        guard !tag.isEmpty, tag[name.endIndex...].allSatisfy(Self.isBlank) else {
            throw Fault(line: number, text: "there must be one word before the \"=\"")
        }
        name = name.prefix { $0 != UInt8(ascii: "*") }
        let value = line[(equals + 1)...].drop(while: Self.isBlank)
        if value.isEmpty {
            sections.append(Self.text(name))
            state = .beforeBrace
        } else if value.first == UInt8(ascii: "{"), value.dropFirst().allSatisfy(Self.isBlank) {
            sections.append(Self.text(name))
        } else {
            if value.first == UInt8(ascii: "{") { suspect = number }
            let text = value.first == UInt8(ascii: "\"") ? Self.unquoted(value) : Self.text(value)
            items.append(.relation(path: sections + [Self.text(name)], value: text, line: number))
        }
    }

    private static func unquoted(_ value: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in value.dropFirst() {
            if isEscaped {
                bytes.append(byte == UInt8(ascii: "n") ? 0x0A : byte == UInt8(ascii: "t") ? 0x09 : byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                break
            } else {
                bytes.append(byte)
            }
        }
        return text(bytes[...])
    }

    /// Without white space at both ends.
    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let begun = bytes.drop(while: isBlank)
        guard let last = begun.lastIndex(where: { !isBlank($0) }) else { return [] }
        return begun[...last]
    }

    /// What C calls white space.
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
