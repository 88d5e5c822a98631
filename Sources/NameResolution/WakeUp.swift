#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Ends waits in `poll` from another thread, current and later ones.
package final class WakeUp: Sendable {
    /// Readable once ``signal()`` was called.
    package let descriptor: Int32
    private let writeEnd: Int32

    /// - Returns: `nil` when the process has no descriptors left.
    package init?() {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (descriptor, writeEnd) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    package func signal() {
        // A full pipe is readable already.
        _ = write(writeEnd, [0], 1)
    }
}
