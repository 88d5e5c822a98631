import AuthCheckKit
import BlockingWork

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One line on a terminal that says what is waited for, from whom and for how long. It appears if something takes long,
/// and disappears before the report.
final class LiveProgress: Sendable {
    private struct State {
        var line = ""
        var since = ContinuousClock.now
        var isShown = false
        var hasEnded = false
    }

    /// A fast answer needs no line.
    private static let patience = Duration.milliseconds(400)

    private let state = Locked(State())

    /// `nil` unless standard error is a terminal that can erase a line.
    init?() {
        guard isatty(STDERR_FILENO) == 1, ProcessInfo.processInfo.environment["TERM"] != "dumb" else { return nil }
    }

    func note(_ line: String) { state.withLock { ($0.line, $0.since) = (line, .now) } }

    /// Runs an operation with the line.
    func during<Result: Sendable>(_ body: () async -> Result) async -> Result {
        let ticker = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(200))
                show()
            }
        }
        let result = await body()
        ticker.cancel()
        clear()
        return result
    }

    private func show() {
        state.withLock { state in
            let waited = ContinuousClock.now - state.since
            guard !state.hasEnded, waited > Self.patience, !state.line.isEmpty else { return }
            state.isShown = true
            // A long line is shortened before the elapsed time.
            let time = " \(waited.components.seconds) s"
            let text = TextColumns.prefix(Printable.line(state.line), Self.width - 1 - time.utf8.count) + time
            StandardStreams.write("\r\u{1B}[K\(text)", to: STDERR_FILENO)
        }
    }

    private func clear() {
        state.withLock { state in
            state.hasEnded = true
            if state.isShown { StandardStreams.write("\r\u{1B}[K", to: STDERR_FILENO) }
        }
    }

    private static var width: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }
}
