/// Keeps passwords out of messages that repeat the command line.
enum Redaction {
    /// The message without any argument that could be, or hold, a connection string: however wrong it is, a password may
    /// be in it.
    static func withoutArguments(_ message: String, _ arguments: some Sequence<String>) -> String {
        // An option may carry its value behind an equals sign; ArgumentParser then repeats the value alone.
        let texts = arguments.flatMap { argument -> [String] in
            let scalars = argument.unicodeScalars
            guard scalars.first == "-", let equals = scalars.firstIndex(of: "=") else { return [argument] }
            return [argument, String(scalars[scalars.index(after: equals)...])]
        }
        return texts.filter { $0.utf8.contains(UInt8(ascii: "@")) || !$0.utf8.ranges(of: "://".utf8).isEmpty }
            .sorted { $0.count > $1.count }
            .reduce(message) { $0.replacing($1, with: "<redacted>") }
    }
}
