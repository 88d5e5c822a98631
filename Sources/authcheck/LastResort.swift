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
    /// What is said of a check that does not end by itself.
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
        /// Whether a report is being printed: then there cannot be another one.
        var isPrinting = false
        /// When somebody last took some of the report.
        var lastWrite = ContinuousClock.now
    }

    /// How long a reader may take nothing.
    private static let patience = Duration.seconds(2)

    private static let state = Locked(State())

    /// Begins to watch. The time beyond the deadline is for the end of the check itself: half a second, and more for many
    /// hosts.
    static func watch(
        _ deadline: ContinuousClock.Instant, _ output: OutputOptions, hosts: Int = 1,
        saying lastWords: @escaping @Sendable () -> LastWords = LastWords.ofCheck
    ) {
        arm(at: deadline + .milliseconds(500 + 5 * hosts), output, lastWords)
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

    /// Ends the watch: nothing is under way, and what comes next has a deadline of its own.
    static func rest() {
        let timer = state.withLock { state in
            state.isPrinting = false
            defer { state.timer = nil }
            return state.timer
        }
        timer?.cancel()
    }

    /// The report is there and is being printed: from here on only a reader that takes nothing is waited for in vain.
    static func beginPrinting() { state.withLock { ($0.isPrinting, $0.lastWrite) = (true, .now) } }

    static func wrote() { state.withLock { $0.lastWrite = .now } }

    private static func giveUp(_ output: OutputOptions, _ lastWords: @escaping @Sendable () -> LastWords) {
        let (isPrinting, lastWrite) = state.withLock { state -> (Bool, ContinuousClock.Instant) in
            defer { state.isPrinting = true }
            return (state.isPrinting, state.lastWrite)
        }
        guard !isPrinting || lastWrite + patience <= .now else {
            return arm(at: lastWrite + patience, output, lastWords)
        }
        let last = lastWords()
        if !isPrinting, StandardStreams.isWritable(STDOUT_FILENO, within: 0),
            let text = try? output.text(of: last.report)
        {
            StandardStreams.write(text + "\n", to: STDOUT_FILENO)
        }
        if StandardStreams.isWritable(STDERR_FILENO, within: 0) { Diagnostics.print(last.summary) }
        _exit(last.exitStatus)
    }
}
