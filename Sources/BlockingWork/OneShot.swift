/// A result that is given once, from any thread, and awaited once. The first to set it wins: the work, the deadline
/// or the cancellation.
package final class OneShot<Success: Sendable>: Sendable {
    private enum State {
        case empty
        case awaited(CheckedContinuation<Success, any Error>)
        case resolved(Result<Success, any Error>)
        case delivered
    }

    /// Why a wait ends without the work's result.
    private struct GivenUp: Error {
        let reason: any Error
    }

    private let state = Locked(State.empty)

    package init() {}

    /// Sets the result, unless it was already set.
    package func resolve(_ result: Result<Success, any Error>) {
        let continuation: CheckedContinuation<Success, any Error>? = state.withLock { state in
            switch state {
            case .empty:
                state = .resolved(result)
                return nil
            case .awaited(let continuation):
                state = .delivered
                return continuation
            case .resolved, .delivered:
                return nil
            }
        }
        continuation?.resume(with: result)
    }

    /// Whether the result is set.
    package var isResolved: Bool {
        state.withLock { state in
            switch state {
            case .empty, .awaited: false
            case .resolved, .delivered: true
            }
        }
    }

    /// Waits for the result until the deadline or the task's cancellation.
    ///
    /// - Parameter subject: What is waited for, for the error at the deadline.
    package func value(
        by deadline: ContinuousClock.Instant, waitingFor subject: @escaping @Sendable () -> String,
        giveUp: @escaping @Sendable () -> Void
    ) async throws -> Success {
        try await value(by: deadline, orThrow: { .late(hasBegun: true, subject) }, giveUp: giveUp)
    }

    /// Waits for the result until the deadline or the task's cancellation.
    ///
    /// - Parameters:
    ///   - lateness: Makes the error at the deadline.
    ///   - giveUp: Called once when the wait ends without the work's result, before
    ///     its error is thrown.
    func value(
        by deadline: ContinuousClock.Instant, orThrow lateness: @escaping @Sendable () -> BlockingWorkError,
        giveUp: @escaping @Sendable () -> Void
    ) async throws -> Success {
        do {
            return try await withTaskCancellationHandler {
                let timer: DeadlineTimer
                do {
                    timer = try DeadlineTimer.schedule(at: deadline) { [self] in
                        resolve(.failure(GivenUp(reason: lateness())))
                    }
                } catch {
                    throw GivenUp(reason: error)
                }
                defer { timer.cancel() }
                return try await value()
            } onCancel: {
                resolve(.failure(GivenUp(reason: CancellationError())))
            }
        } catch let error as GivenUp {
            giveUp()
            throw error.reason
        }
    }

    /// Waits for the result without a deadline.
    package func value() async throws -> Success {
        try await withCheckedThrowingContinuation { wait($0) }
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
