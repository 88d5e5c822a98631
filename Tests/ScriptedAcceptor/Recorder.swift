import Foundation
import Synchronization

/// Writes what clients send to a file, one JSON object a line, for tests that look at the shape of a conversation.
final class Recorder: Sendable {
    /// One line.
    struct Entry: Encodable {
        /// The command's name, `clear` for the unwrapped last message, or `context` for an established context.
        var kind: String
        var database: String?
        var mechanism: String?
        /// The payload's BSON type and subtype, for example `binary 0`.
        var payloadType: String?
        /// Bytes in hexadecimal.
        var bytes: String?
        /// Whether the unwrapped message was encrypted.
        var isConfidential: Bool?
        /// The context's flags, as the bits of the C bindings.
        var flags: UInt32?
        var initiator: String?
    }

    private let path: String?
    private let lock = Mutex(())

    init(path: String?) {
        self.path = path
    }

    func record(_ entry: Entry) {
        guard let path else { return }
        lock.withLock { _ in
            guard let line = try? JSONEncoder().encode(entry), let file = fopen(path, "a") else { return }
            defer { fclose(file) }
            _ = line.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            fputc(10, file)
        }
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
