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
    /// The handler's data: memory at a fixed address, written before the handler is installed.
    private nonisolated(unsafe) static let pipeEnd = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    /// When the first interrupt came, in milliseconds; 0 before that.
    private nonisolated(unsafe) static let first = UnsafeMutablePointer<Int>.allocate(capacity: 1)

    /// Runs an operation that an interrupt cancels. Called once in a process.
    static func during<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return try await body() }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        pipeEnd.initialize(to: ends[1])
        first.initialize(to: 0)
        let task = Task { try await body() }
        let source = DispatchSource.makeReadSource(fileDescriptor: ends[0], queue: .global())
        source.setEventHandler { task.cancel() }
        source.resume()
        // Not a Dispatch signal source, which ignores a signal until it is installed.
        let inherited = signal(SIGINT) { _ in
            let number = errno
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            let now = 1 + time.tv_sec * 1000 + time.tv_nsec / 1_000_000
            if Interrupt.first.pointee == 0 {
                Interrupt.first.pointee = now
            } else if now - Interrupt.first.pointee > 250 {
                // Sooner it is the same interrupt: timeout(1) signals its child, and then the child's group.
                _exit(128 + SIGINT)
            }
            _ = "^".withCString { write(Interrupt.pipeEnd.pointee, $0, 1) }
            errno = number
        }
        // If it is ignored at the start, as for a shell's background jobs, that is kept.
        if unsafeBitCast(inherited, to: Int.self) == StandardStreams.ignored { signal(SIGINT, SIG_IGN) }
        defer {
            signal(SIGINT, inherited)
            source.cancel()
        }
        return try await task.value
    }
}
