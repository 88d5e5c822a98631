import AuthCheckKit
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Standard error.
enum Diagnostics {
    /// Writes one line, or several. The text cannot control a terminal.
    @Sendable static func print(_ text: String) {
        StandardStreams.write(Printable.text(text) + "\n", to: STDERR_FILENO)
    }
}

/// Writes the library's log to standard error, a line for each message.
struct DiagnosticsLog: LogHandler {
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let metadata = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let facts = metadata.map { " \($0.key)=\($0.value)" }.joined()
        Diagnostics.print(Printable.line("\(event.level): \(event.message)\(facts)"))
    }
}
