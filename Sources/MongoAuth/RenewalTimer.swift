// Dispatch does not say so, but its sources may be used from any thread.
@preconcurrency internal import Dispatch

/// Does something once at a time, unless it is let go of before.
///
/// Not a sleeping task: a sleep that is cancelled keeps its memory until its time has come.
final class RenewalTimer: Sendable {
    private let source: any DispatchSourceTimer

    init(at time: ContinuousClock.Instant, _ handler: @escaping @Sendable () -> Void) {
        source = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        let left = max(.zero, min(time - .now, .seconds(86_400 * 365)))
        source.schedule(deadline: .now() + .nanoseconds(Int(left / .nanoseconds(1))))
        source.setEventHandler(handler: handler)
        source.activate()
    }

    deinit {
        source.cancel()
    }
}
