internal import NIOCore

/// The wait for an operation of a channel's handlers.
struct HandshakeWait<Value: Sendable>: Sendable {
    /// The handler completes it.
    let done: EventLoopPromise<Value>

    init(on channel: any Channel) {
        done = channel.eventLoop.makePromise(of: Value.self)
    }

    /// - Parameter late: The error at the deadline.
    /// - Throws: What the handler fails with; `CancellationError`.
    func value(
        on channel: any Channel, by deadline: ContinuousClock.Instant, late: TransportError
    ) async throws -> Value {
        let done = done
        let timer = channel.eventLoop.scheduleTask(in: .until(deadline)) { done.fail(late) }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await done.futureResult.get()
        } onCancel: {
            done.fail(CancellationError())
        }
    }
}
