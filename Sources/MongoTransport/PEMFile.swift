internal import SecretMemory

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Reads files with certificates and keys.
enum PEMFile {
    /// Why a file cannot be read, in the system's words.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// More than any bundle of authorities has.
    private static let limit = 16 * 1024 * 1024

    /// Lends the contents of a file, and wipes them afterwards: keys are among them.
    static func withContents<R>(of path: String, _ body: ([UInt8]) throws -> R) throws -> R {
        // A named pipe would block, and be empty for the next connection.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw systemFailure() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw systemFailure() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(description: "it is not a regular file") }
        guard status.st_size > 0 else { throw Failure(description: "it is empty") }
        guard status.st_size <= limit else { throw Failure(description: "it is larger than \(limit) bytes") }
        var contents = [UInt8](repeating: 0, count: Int(status.st_size))
        defer { wipe(&contents) }
        var filled = 0
        while filled < contents.count {
            let count = contents.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw count < 0 ? systemFailure() : Failure(description: "it changed while it was read")
            }
            filled += count
        }
        // Editors of some systems put a byte order mark first. A line break in its place has no meaning, and avoids a
        // second copy of a key in memory.
        if contents.starts(with: [0xEF, 0xBB, 0xBF]) {
            for index in 0..<3 { contents[index] = UInt8(ascii: "\n") }
        }
        return try body(contents)
    }

    /// The parts of a file with one label (RFC 7468), with their boundaries: other contents, perhaps keys, are not
    /// copied.
    ///
    /// - Returns: The parts in their order, and whether the last one has no end.
    static func blocks(_ label: String, in contents: [UInt8]) -> (blocks: [[UInt8]], isCut: Bool) {
        let (begin, end) = (Array("-----BEGIN \(label)-----".utf8), Array("-----END \(label)-----".utf8))
        var blocks: [[UInt8]] = []
        var rest = contents[...]
        while let first = rest.firstRange(of: begin)?.lowerBound {
            guard let last = rest[first...].firstRange(of: end)?.upperBound else { return (blocks, true) }
            blocks.append(Array(rest[first..<last]))
            rest = rest[last...]
        }
        return (blocks, false)
    }

    private static func systemFailure() -> Failure {
        Failure(description: SystemMessage.text(for: errno))
    }
}

/// The system's texts for its error numbers.
enum SystemMessage {
    static func text(for number: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            buffer.initialize(repeating: 0)
            guard let text = buffer.baseAddress, strerror_r(number, text, buffer.count) == 0 else {
                return "error \(number)"
            }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
