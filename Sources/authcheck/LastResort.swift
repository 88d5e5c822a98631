import AuthCheckKit
import BlockingWork

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Ends the process if its deadline has passed and something still blocks it: a pipe without a
/// writer or reader, or a bug.
enum LastResort {
    /// The report of a check that does not end.
    struct LastWords {
        let report: any Report
        let summary: String
        let exitStatus: Int32

        static func ofCheck() -> LastWords {
            let report = CheckReport.timedOut()
            return LastWords(report: report, summary: report.summary, exitStatus: report.exitStatus)
        }
    }

    private struct State {
        var timer: DeadlineTimer?
        /// Sets the alarm for a finished report: many hosts need no more time then.
        var hurry: (@Sendable () -> Void)?
        /// Decides which thread reports: there cannot be two reports.
        var teller: Teller?
        /// When the reader last took some of the report.
        var lastWrite = ContinuousClock.now
    }

    private enum Teller { case check, lastResort }

    /// How long a reader may take nothing.
    private static let patience = Duration.seconds(2)

    private static let state = Locked(State())

    /// Starts the watch. The time beyond the deadline lets the check itself end: half a second, and more for
    /// many hosts.
    static func watch(
        _ deadline: ContinuousClock.Instant, _ output: OutputOptions, hosts: Int = 1,
        saying lastWords: @escaping @Sendable () -> LastWords = LastWords.ofCheck
    ) {
        arm(at: deadline + .milliseconds(500 + 5 * hosts), output, lastWords)
        let end = deadline + .milliseconds(500)
        state.withLock { $0.hurry = { if .now < end { arm(at: end, output, lastWords) } } }
    }

    private static func arm(
        at time: ContinuousClock.Instant, _ output: OutputOptions,
        _ lastWords: @escaping @Sendable () -> LastWords
    ) {
        let timer = try? DeadlineTimer.schedule(at: time) { giveUp(output, lastWords) }
        let old = state.withLock { state in
            defer { state.timer = timer }
            return state.timer
        }
        old?.cancel()
    }

    /// Ends the watch: nothing is under way, and the next operation has its own deadline.
    static func rest() {
        let timer = state.withLock { state in
            if state.teller == .check { state.teller = nil }
            defer { (state.timer, state.hurry) = (nil, nil) }
            return state.timer
        }
        timer?.cancel()
    }

    /// The report is finished and being printed: from here on only a stalled reader ends the process.
    ///
    /// - Parameter grace: How long the report may take until the first of it is printed.
    static func beginPrinting(grace: Duration = .zero) {
        let (isLate, hurry) = state.withLock { state in
            if state.teller == nil { state.teller = .check }
            state.lastWrite = .now + grace
            return (state.teller == .lastResort, state.hurry)
        }
        // The time for creating the report must not count for its first output.
        if grace == .zero { hurry?() }
        // The final report is being printed, and ends the process.
        while isLate { pause() }
    }

    static func wrote() { state.withLock { $0.lastWrite = .now } }

    private static func giveUp(_ output: OutputOptions, _ lastWords: @escaping @Sendable () -> LastWords) {
        let (teller, lastWrite) = state.withLock { state -> (Teller?, ContinuousClock.Instant) in
            defer { if state.teller == nil { state.teller = .lastResort } }
            return (state.teller, state.lastWrite)
        }
        guard teller == nil || lastWrite + patience <= .now else {
            return arm(at: lastWrite + patience, output, lastWords)
        }
        let last = lastWords()
        if teller == nil, let text = try? output.text(of: last.report) { output.writeLast(text) }
        if StandardStreams.isWritable(STDERR_FILENO, within: 0) { Diagnostics.print(last.summary) }
        _exit(output.status(last.exitStatus, of: last.report))
    }
}
