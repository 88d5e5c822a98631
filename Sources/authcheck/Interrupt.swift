import Dispatch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// `^C` ends a check with the report so far; a second one ends the process.
enum Interrupt {
    /// Runs something that an interrupt cancels.
    ///
    /// - Returns: Its result, and whether there was an interrupt.
    static func during<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> (result: Result, wasInterrupted: Bool) {
        let task = Task { try await body() }
        // Who started us to ignore it, as a shell does with what runs in the background, meant that.
        let inherited = signal(SIGINT, SIG_IGN)
        guard unsafeBitCast(inherited, to: Int.self) != StandardStreams.ignored else {
            return (try await task.value, false)
        }
        let source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            if task.isCancelled { _exit(128 + SIGINT) }
            task.cancel()
        }
        source.resume()
        defer {
            source.cancel()
            signal(SIGINT, inherited)
        }
        let result = try await task.value
        return (result, task.isCancelled)
    }
}
