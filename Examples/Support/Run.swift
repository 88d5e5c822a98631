#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Prints a line at once, without the buffer of `print`: a script may be waiting for it.
package func say(_ text: String) {
    put(text, STDOUT_FILENO)
}

/// Runs an example: an error is one line, and the exit status 1.
package func run(_ body: @Sendable () async throws -> Void) async {
    do {
        try await body()
    } catch {
        put("error: \(error)", STDERR_FILENO)
        exit(1)
    }
}

private func put(_ text: String, _ file: Int32) {
    var rest = Array("\(text)\n".utf8)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
    }
}
