import Foundation
import Logging
import NIOConcurrencyHelpers

/// A log in memory: a line for each message, with all its metadata.
final class LogLines: Sendable {
    private struct Handler: LogHandler {
        let lines: LogLines
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.map { "\($0.key)=\($0.value)" }.sorted()
            lines.add("\(event.level) \(event.message) \(all.joined(separator: " "))")
        }
    }

    private let state = NIOLockedValueBox<[String]>([])

    /// All lines.
    var text: String { state.withLockedValue { $0.joined(separator: "\n") } }

    var handler: any LogHandler { Handler(lines: self) }

    private func add(_ line: String) {
        state.withLockedValue { $0.append(line) }
    }
}

/// The ways in which bytes can get into a text.
enum Forms {
    static func of(_ bytes: [UInt8]) -> [String] {
        let hexadecimal = bytes.map { String(format: "%02x", $0) }
        var forms = [
            hexadecimal.joined(), hexadecimal.joined(separator: " "), Data(bytes).base64EncodedString(),
            bytes.map { "\($0)" }.joined(separator: ", "), String(decoding: bytes, as: UTF8.self),
        ]
        // Parts of a token are as good as all of it: keys and nonces stand between commas.
        forms += String(decoding: bytes, as: UTF8.self).split(separator: ",").map(String.init).filter { $0.count > 8 }
        return forms
    }
}
