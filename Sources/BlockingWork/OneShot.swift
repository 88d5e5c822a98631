internal import Synchronization

/// A result that is given once, from any thread, and awaited once. The first to give it wins: the work, the deadline or
/// the cancellation.
final class OneShot<Success: Sendable>: Sendable {
    private enum State {
        case empty
        case awaited(CheckedContinuation<Success, any Error>)
        case resolved(Result<Success, any Error>)
        case delivered
    }

    private let state = Mutex(State.empty)

    /// Gives the result.
    ///
    /// - Returns: Whether it was the first.
    @discardableResult
    func resolve(_ result: Result<Success, any Error>) -> Bool {
        let continuation: CheckedContinuation<Success, any Error>?
        let isFirst: Bool
        (continuation, isFirst) = state.withLock { state in
            switch state {
            case .empty:
                state = .resolved(result)
                return (nil, true)
            case .awaited(let continuation):
                state = .delivered
                return (continuation, true)
            case .resolved, .delivered:
                return (nil, false)
            }
        }
        continuation?.resume(with: result)
        return isFirst
    }

    /// Whether somebody has given the result.
    var isResolved: Bool {
        state.withLock { state in
            switch state {
            case .empty, .awaited: false
            case .resolved, .delivered: true
            }
        }
    }

    /// Waits for the result until the deadline or the task's cancellation.
    ///
    /// - Parameter giveUp: Called once when the wait ends without the work's result.
    func value(
        by deadline: ContinuousClock.Instant,
        giveUp: @escaping @Sendable () -> Void,
        deadlineError: @escaping @Sendable () -> BlockingWorkError
    ) async throws -> Success {
        try await withTaskCancellationHandler {
            let timer = Task {
                try await Task.sleep(until: deadline, clock: .continuous)
                if resolve(.failure(deadlineError())) { giveUp() }
            }
            defer { timer.cancel() }
            return try await withCheckedThrowingContinuation { wait($0) }
        } onCancel: {
            if resolve(.failure(CancellationError())) { giveUp() }
        }
    }

    private func wait(_ continuation: CheckedContinuation<Success, any Error>) {
        let early: Result<Success, any Error>? = state.withLock { state in
            guard case .resolved(let result) = state else {
                state = .awaited(continuation)
                return nil
            }
            state = .delivered
            return result
        }
        if let early { continuation.resume(with: early) }
    }
}
