internal import Dispatch
internal import NIOConcurrencyHelpers

/// A result that is given once, from any thread, and awaited once. The first to give it wins: the work, the deadline or
/// the cancellation.
final class OneShot<Success: Sendable>: Sendable {
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

    private let state = NIOLockedValueBox(State.empty)

    /// Gives the result, unless somebody has done so before.
    func resolve(_ result: Result<Success, any Error>) {
        let continuation: CheckedContinuation<Success, any Error>? = state.withLockedValue { state in
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

    /// Whether somebody has given the result.
    var isResolved: Bool {
        state.withLockedValue { state in
            switch state {
            case .empty, .awaited: false
            case .resolved, .delivered: true
            }
        }
    }

    /// Waits for the result until the deadline or the task's cancellation.
    ///
    /// - Parameter giveUp: Called once when the wait ends without the work's result, before its error is thrown: who
    ///   has the error can rely on it.
    func value(
        by deadline: ContinuousClock.Instant,
        giveUp: @escaping @Sendable () -> Void,
        deadlineError: @escaping @Sendable () -> BlockingWorkError
    ) async throws -> Success {
        do {
            return try await withTaskCancellationHandler {
                let timer = startTimer(deadline) { [self] in
                    resolve(.failure(GivenUp(reason: deadlineError())))
                }
                defer { timer.cancel() }
                return try await withCheckedThrowingContinuation { wait($0) }
            } onCancel: {
                resolve(.failure(GivenUp(reason: CancellationError())))
            }
        } catch let error as GivenUp {
            giveUp()
            throw error.reason
        }
    }

    /// Not `Task.sleep`: a sleep that is cancelled keeps its memory until its time has come, and most of these are.
    private func startTimer(
        _ deadline: ContinuousClock.Instant, _ handler: @escaping @Sendable () -> Void
    ) -> any DispatchSourceTimer {
        let timer = DispatchSource.makeTimerSource(queue: .global(qos: .userInitiated))
        let left = max(.zero, min(deadline - ContinuousClock.now, .seconds(86_400 * 365)))
        timer.schedule(deadline: .now() + .nanoseconds(Int(left / .nanoseconds(1))), leeway: .nanoseconds(0))
        timer.setEventHandler(handler: handler)
        timer.resume()
        return timer
    }

    /// Waits for a result that cannot fail and is sure to come soon, whatever becomes of the task.
    func value() async where Success == Void {
        _ = try? await withCheckedThrowingContinuation { wait($0) }
    }

    private func wait(_ continuation: CheckedContinuation<Success, any Error>) {
        let early: Result<Success, any Error>? = state.withLockedValue { state in
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
