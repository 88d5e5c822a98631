import ArgumentParser
import Dispatch
import Glibc
import Synchronization

/// The signals that would end this program, with their default replaced.
///
/// A program that a signal ends cannot stop its realm cleanly, so signals must not end it.
struct Signals {
    /// What is interrupted by the next signal.
    private final class Preparation: Sendable {
        private struct State {
            var isUnderWay = false
            var cancel: (@Sendable () -> Void)?
            var signal: Int32?
        }

        private let state = Mutex(State())

        /// - Returns: Whether the signal is for the preparation.
        func interrupt(by number: Int32) -> Bool {
            let (isUnderWay, cancel) = state.withLock { state in
                if state.isUnderWay, state.signal == nil { state.signal = number }
                return (state.isUnderWay, state.cancel)
            }
            cancel?()
            return isUnderWay
        }

        func begin() { state.withLock { $0.isUnderWay = true } }

        func onSignal(_ cancel: @escaping @Sendable () -> Void) {
            let hasCome = state.withLock { state in
                if state.isUnderWay { state.cancel = cancel }
                return state.signal != nil
            }
            if hasCome { cancel() }
        }

        /// - Returns: The signal that came before.
        func end() -> Int32? {
            state.withLock { state in
                (state.isUnderWay, state.cancel) = (false, nil)
                return state.signal
            }
        }
    }

    /// Each signal that arrives after the preparation.
    let arriving: AsyncStream<Int32>
    private let preparation: Preparation
    private let sources: [any DispatchSourceSignal]

    /// Starts to watch. Children start with the default for all signals again.
    init(_ numbers: [Int32]) {
        let (arriving, arrival) = AsyncStream.makeStream(of: Int32.self)
        self.arriving = arriving
        let preparation = Preparation()
        self.preparation = preparation
        let queue = DispatchQueue(label: "testrealm.signals")
        sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if !preparation.interrupt(by: number) { arrival.yield(number) }
            }
            source.activate()
            return source
        }
        // Standard output may be closed before this process ends.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Runs an operation that prepares something, calls `ready`, and continues. A signal before that
    /// cancels it, and then `ready` throws.
    ///
    /// - Throws: What `body` throws; after a signal the exit status that a shell has for it.
    func preparing<Result: Sendable>(
        _ body: @escaping @Sendable (_ ready: @Sendable () throws -> Void) async throws -> Result
    ) async throws -> Result {
        preparation.begin()
        let task = Task { [preparation] in
            try await body {
                if preparation.end() != nil { throw CancellationError() }
            }
        }
        preparation.onSignal { task.cancel() }
        do {
            return try await task.value
        } catch {
            if let number = preparation.end() { throw ExitCode(128 + number) }
            throw error
        }
    }
}
