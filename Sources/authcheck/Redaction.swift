/// Removes passwords from messages that repeat the command line.
enum Redaction {
    /// The message without any argument that could be, or hold, a connection string: however wrong it is, a password
    /// may be in it.
    static func withoutArguments(_ message: String, _ arguments: some Sequence<String>) -> String {
        // An option may have its value after an equals sign; ArgumentParser then repeats only the value.
        let texts = arguments.flatMap { argument -> [String] in
            let scalars = argument.unicodeScalars
            guard scalars.first == "-", let equals = scalars.firstIndex(of: "=") else { return [argument] }
            return [argument, String(scalars[scalars.index(after: equals)...])]
        }
        // By bytes: a combining mark at an argument's beginning is one character with the quotation mark before it.
        let redacted = texts.map { Array($0.utf8) }
            .filter { $0.contains(UInt8(ascii: "@")) || !$0.ranges(of: "://".utf8).isEmpty }
            .sorted { $0.count > $1.count }
            .reduce(into: Array(message.utf8)) { $0.replace($1, with: "<redacted>".utf8) }
        return String(decoding: redacted, as: UTF8.self)
    }
}
