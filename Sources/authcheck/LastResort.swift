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
    /// Whether a report is being printed: then there cannot be another one.
    static let isPrinting = Locked(false)
    private static let timer = Locked<DeadlineTimer?>(nil)

    /// Begins to watch.
    static func watch(_ deadline: ContinuousClock.Instant, _ format: OutputOptions.Format) {
        let alarm = try? DeadlineTimer.schedule(at: deadline + .milliseconds(500)) { giveUp(format) }
        timer.withLock { $0 = alarm }
    }

    private static func giveUp(_ format: OutputOptions.Format) {
        let report = CheckReport.timedOut()
        if !isPrinting.withLock({ $0 }), StandardStreams.isWritable(STDOUT_FILENO, within: 0) {
            _ = try? StandardStreams.print(format.text(of: report))
        }
        if StandardStreams.isWritable(STDERR_FILENO, within: 0) { Diagnostics.print(report.summary) }
        _exit(report.exitStatus)
    }
}
