import AuthCheckKit
import BlockingWork

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Ends the process where its deadline has passed and something still holds it up: a file that nobody writes, a pipe that
/// nobody reads, a defect of ours.
enum LastResort {
    private struct State {
        var timer: DeadlineTimer?
        /// Whether a report is being printed: then there cannot be another one.
        var isPrinting = false
        /// How many bytes have been written so far, and how many when that was looked at.
        var written = 0
        var lookedAt = 0
    }

    private static let state = Locked(State())

    /// Begins to watch. The time beyond the deadline is for the end of the check itself: half a second, and more for many
    /// hosts.
    static func watch(_ deadline: ContinuousClock.Instant, _ format: OutputOptions.Format, hosts: Int = 1) {
        arm(at: deadline + .milliseconds(500 + 5 * hosts), format)
    }

    private static func arm(at time: ContinuousClock.Instant, _ format: OutputOptions.Format) {
        let timer = try? DeadlineTimer.schedule(at: time) { giveUp(format) }
        let old = state.withLock { state in
            defer { state.timer = timer }
            return state.timer
        }
        old?.cancel()
    }

    /// The report is there and is being printed: from here on only a reader that takes nothing is waited for in vain.
    static func beginPrinting() { state.withLock { $0.isPrinting = true } }

    static func wrote(_ count: Int) { state.withLock { $0.written += count } }

    private static func giveUp(_ format: OutputOptions.Format) {
        let (isPrinting, isMoving) = state.withLock { state -> (Bool, Bool) in
            defer { (state.lookedAt, state.isPrinting) = (state.written, true) }
            return (state.isPrinting, state.isPrinting && state.written > state.lookedAt)
        }
        guard !isMoving else { return arm(at: .now + .seconds(2), format) }
        let report = CheckReport.timedOut()
        if !isPrinting, StandardStreams.isWritable(STDOUT_FILENO, within: 0), let text = try? format.text(of: report) {
            StandardStreams.write(text + "\n", to: STDOUT_FILENO)
        }
        if StandardStreams.isWritable(STDERR_FILENO, within: 0) { Diagnostics.print(report.summary) }
        _exit(report.exitStatus)
    }
}
