/// The server's Kerberos name in a `mongod.conf`; the rest of the file is ignored.
///
/// This is not a YAML parser. It reads the lines of both forms that such files have, which is enough for the usual
/// forms of these settings:
///
///     setParameter:                                   setParameter = saslHostName=db.example.com
///        saslHostName: db.example.com
///
/// It does not guess: if one of the settings is in an anchor, a block or a mapping over several lines, or
/// comes from a program (`__exec`, `__rest`), it is in ``unread``.
struct MongodConfiguration: Sendable, Hashable {
    /// A value, or its unsupported form.
    struct Setting: Sendable, Hashable {
        /// The name in the file, for example `setParameter.saslHostName`.
        var name: String
        var value: String
        /// Counted from 1.
        var line: Int
    }

    /// The server's host; `nil` if the file leaves it to mongod.
    private(set) var hostName: Setting?
    /// The principal's first part; `nil` if the file leaves it to mongod.
    private(set) var serviceName: Setting?
    /// What may set one of them in a way that is not understood, in the file's order.
    private(set) var unread: [Setting] = []

    /// How many bytes of a file are read.
    static let limit = 1 << 20

    private enum Key: Hashable { case host, service }

    /// Both names of each. mongod prefers a parameter to an option.
    private static let names: [(key: Key, name: String)] = [
        (.host, "setParameter.saslHostName"), (.service, "setParameter.saslServiceName"),
        (.host, "security.sasl.hostName"), (.service, "security.sasl.serviceName"),
    ]

    /// Reads a file's text.
    init(_ bytes: [UInt8]) {
        var reader = Reader()
        // A byte order mark, as written by Windows editors.
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() { reader.read(line, number: index + 1) }
        unread = reader.unread
        func first(_ key: Key) -> Setting? {
            Self.names.lazy.filter { $0.key == key }.compactMap { reader.values[$0.name] }.first { !$0.value.isEmpty }
        }
        (hostName, serviceName) = (first(.host), first(.service))
    }

    /// Whether a name is that of a setting, of its parent, or of its child.
    private static func isRelated(_ path: String) -> Bool {
        path.isEmpty || names.contains { isInside($0.name, path) || isInside(path, $0.name) }
    }

    /// A value from a program or a server (`__exec`, `__rest`): the setting, or empty for the whole file; `nil` for
    /// others.
    private static func settingOfExpansion(_ path: String) -> String? {
        for name in ["__exec", "__rest"] {
            if path == name { return "" }
            if path.utf8.reversed().starts(with: ".\(name)".utf8.reversed()) {
                return String(decoding: path.utf8.dropLast(name.utf8.count + 1), as: UTF8.self)
            }
        }
        return nil
    }

    private static func isInside(_ path: String, _ outer: String) -> Bool {
        path == outer || path.utf8.starts(with: "\(outer).".utf8)
    }

    private struct Reader {
        private(set) var values: [String: Setting] = [:]
        private(set) var unread: [Setting] = []
        /// The parent keys of the line, with their indentation.
        private var stack: [(indentation: Int, path: String)] = []
        /// The indentation of the key of a block of text: deeper lines are that text.
        private var block: Int?

        mutating func read(_ line: ArraySlice<UInt8>, number: Int) {
            let content = YAMLText.trimmed(YAMLText.withoutComment(line))
            guard !content.isEmpty else { return }
            let indentation = line.prefix(while: YAMLText.isBlank).count
            if let block, indentation > block { return }
            block = nil
            if content.first == UInt8(ascii: "{"), stack.isEmpty {
                // The whole file as one mapping.
                guard let pairs = YAMLText.mapping(content) else { return noteUnread("", content, number) }
                for pair in pairs { note(pair.path, pair.value, number) }
                return
            }
            guard let (key, separator, rest) = YAMLText.key(content) else { return }
            if separator == UInt8(ascii: "=") {
                guard key == "setParameter" else { return }
                let parts = rest.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else { return }
                let name = "setParameter.\(String(decoding: YAMLText.trimmed(parts[0]), as: UTF8.self))"
                note(name, String(decoding: YAMLText.trimmed(parts[1]), as: UTF8.self), number)
                return
            }
            while let last = stack.last, last.indentation >= indentation { stack.removeLast() }
            let path = stack.last.map { "\($0.path).\(key)" } ?? key
            switch rest.first {
            case nil:
                stack.append((indentation, path))
            case UInt8(ascii: "|"), UInt8(ascii: ">"):
                block = indentation
                noteUnread(path, rest, number)
            case UInt8(ascii: "{"):
                guard let pairs = YAMLText.mapping(rest) else { return noteUnread(path, rest, number) }
                for pair in pairs { note("\(path).\(pair.path)", pair.value, number) }
            default:
                guard let value = YAMLText.scalar(rest) else { return noteUnread(path, rest, number) }
                note(path, value, number)
            }
        }

        private mutating func note(_ path: String, _ value: String, _ line: Int) {
            if MongodConfiguration.names.contains(where: { $0.name == path }) {
                values[path] = Setting(name: path, value: value, line: line)
            } else if MongodConfiguration.settingOfExpansion(path) != nil {
                noteUnread(path, value.utf8, line)
            }
        }

        private mutating func noteUnread(_ path: String, _ value: some Sequence<UInt8>, _ line: Int) {
            let setting = MongodConfiguration.settingOfExpansion(path) ?? path
            guard MongodConfiguration.isRelated(setting), unread.count < 100 else { return }
            unread.append(Setting(name: path, value: String(decoding: Array(value), as: UTF8.self), line: line))
        }
    }
}

/// The subset of YAML that ``MongodConfiguration`` reads, by bytes.
private enum YAMLText {
    static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0D].contains(byte) }

    static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let rest = text.drop(while: isBlank)
        return rest.dropLast(rest.reversed().prefix(while: isBlank).count)
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    /// A comment begins with a number sign after a blank, unless it is within a quoted value.
    static func withoutComment(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var (quote, last): (UInt8?, UInt8) = (nil, 0x20)
        for (index, byte) in zip(line.indices, line) {
            defer { last = byte }
            if let open = quote {
                if byte == open { quote = nil }
            } else if isQuote(byte), isBlank(last) || "{,:=".utf8.contains(last) {
                quote = byte
            } else if byte == UInt8(ascii: "#"), isBlank(last) {
                return line[..<index]
            }
        }
        return line
    }

    /// The key before a colon, or an equals sign in the old form; the separator; and the value.
    static func key(_ line: ArraySlice<UInt8>) -> (key: String, separator: UInt8, value: ArraySlice<UInt8>)? {
        var start = line.startIndex
        var key: String?
        if let first = line.first, isQuote(first) {
            guard let close = line.dropFirst().firstIndex(of: first) else { return nil }
            key = String(decoding: line[line.index(after: line.startIndex)..<close], as: UTF8.self)
            start = line.index(after: close)
        }
        let separator = line[start...].indices.first { index in
            let next = line.index(after: index)
            return line[index] == UInt8(ascii: "=")
                || line[index] == UInt8(ascii: ":") && (next == line.endIndex || isBlank(line[next]))
        }
        guard let separator else { return nil }
        return (
            key ?? String(decoding: trimmed(line[..<separator]), as: UTF8.self), line[separator],
            trimmed(line[line.index(after: separator)...])
        )
    }

    /// A plain one-line value; `nil` for one with a special meaning.
    static func scalar(_ text: ArraySlice<UInt8>) -> String? {
        guard let first = text.first else { return "" }
        guard isQuote(first) else {
            return "&*!|>%@`[{".utf8.contains(first) ? nil : String(decoding: text, as: UTF8.self)
        }
        guard let (value, rest) = quoted(text), rest.isEmpty else { return nil }
        return value
    }

    /// A value between quotation marks, and what follows it.
    private static func quoted(_ text: ArraySlice<UInt8>) -> (value: String, rest: ArraySlice<UInt8>)? {
        guard let quote = text.first else { return nil }
        var (bytes, rest) = ([UInt8](), text.dropFirst())
        while let byte = rest.popFirst() {
            if byte == quote {
                // Two apostrophes are one.
                guard quote == UInt8(ascii: "'"), rest.first == quote else {
                    return (String(decoding: bytes, as: UTF8.self), rest)
                }
                rest = rest.dropFirst()
            } else if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                guard let escaped = rest.popFirst(), "\"\\/".utf8.contains(escaped) else { return nil }
                bytes.append(escaped)
                continue
            }
            bytes.append(byte)
        }
        return nil
    }

    /// A mapping on one line, `{ a: b, c: { d: e } }`, with the path of each value; `nil` for one that does not end
    /// here or has other contents.
    static func mapping(_ text: ArraySlice<UInt8>) -> [(path: String, value: String)]? {
        var rest = text
        guard let pairs = mapping(&rest, depth: 0), trimmed(rest).isEmpty else { return nil }
        return pairs
    }

    private static func mapping(_ rest: inout ArraySlice<UInt8>, depth: Int) -> [(path: String, value: String)]? {
        guard depth < 10, rest.popFirst() == UInt8(ascii: "{") else { return nil }
        var pairs: [(path: String, value: String)] = []
        while true {
            rest = rest.drop(while: isBlank)
            if rest.first == UInt8(ascii: "}") {
                rest = rest.dropFirst()
                return pairs
            }
            guard let key = word(&rest, until: ":"), rest.popFirst() == UInt8(ascii: ":") else { return nil }
            rest = rest.drop(while: isBlank)
            if rest.first == UInt8(ascii: "{") {
                guard let inner = mapping(&rest, depth: depth + 1) else { return nil }
                pairs += inner.map { ("\(key).\($0.path)", $0.value) }
            } else {
                guard let value = word(&rest, until: ",}") else { return nil }
                pairs.append((key, value))
            }
            rest = rest.drop(while: isBlank)
            if rest.first == UInt8(ascii: ",") { rest = rest.dropFirst() }
        }
    }

    private static func word(_ rest: inout ArraySlice<UInt8>, until ends: String) -> String? {
        if let first = rest.first, isQuote(first) {
            guard let (value, behind) = quoted(rest) else { return nil }
            rest = behind.drop(while: isBlank)
            return value
        }
        let text = rest.prefix { !ends.utf8.contains($0) }
        guard text.endIndex < rest.endIndex else { return nil }
        rest = rest[text.endIndex...]
        return scalar(trimmed(text))
    }
}
