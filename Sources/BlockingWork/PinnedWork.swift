internal import Dispatch
internal import NIOConcurrencyHelpers

/// A thread of its own with a state on it, for calls that must come one after another on the same thread.
///
/// The state is released on that thread: when ``finish()`` is called, when the last reference goes, or, after a deadline
/// or cancellation, as soon as the call that blocks returns.
public final class PinnedWork<State: ~Copyable>: Sendable {
    private let channel: WorkChannel<State>
    private let dispatcher: Dispatcher
    private let session: Dispatcher.SessionID
    private let released: OneShot<Void>

    init(
        channel: WorkChannel<State>, dispatcher: Dispatcher, session: Dispatcher.SessionID, released: OneShot<Void>
    ) {
        self.channel = channel
        self.dispatcher = dispatcher
        self.session = session
        self.released = released
    }

    deinit {
        channel.close()
    }

    /// Runs a piece of work on the thread, with its state.
    ///
    /// After a deadline or a cancellation the state may be in the middle of a call: the worker is abandoned and takes no
    /// more work. An error that `body` throws leaves it usable.
    ///
    /// - Throws: What `body` throws; ``BlockingWorkError``; `CancellationError`.
    public func run<Success: Sendable>(
        by deadline: ContinuousClock.Instant, _ body: @escaping @Sendable (inout State) throws -> Success
    ) async throws -> Success {
        try Task.checkCancellation()
        let result = OneShot<Success>()
        let isTaken = channel.send { state in
            guard !result.isResolved else { return }
            result.resolve(Result { try body(&state) })
        }
        guard isTaken else {
            throw BlockingWorkError(.abandoned, "this worker was given up after a deadline, a cancellation or its end")
        }
        return try await result.value(by: deadline) {
            self.abandon()
        } deadlineError: { [dispatcher] in
            BlockingWorkers.deadlineError(dispatcher.statistics)
        }
    }

    /// Releases the state on its thread and gives the thread back. What was handed in before is done first.
    public func finish() {
        channel.close()
    }

    /// Like ``finish()``, and waits until the state is released, so that nothing of it runs on when the caller goes on:
    /// a C library must not be at work while its process exits.
    ///
    /// Does not wait for a worker that was abandoned, which may be stuck for long. Call it once.
    public func finishAndWait() async {
        guard channel.close() else { return }
        await released.value()
    }

    func abandon() {
        channel.close()
        dispatcher.abandon(session)
    }
}

/// Carries closures to the one thread that owns a state.
final class WorkChannel<State: ~Copyable>: Sendable {
    typealias Job = @Sendable (inout State) -> Void

    private struct Queue {
        var jobs: [Job] = []
        var isClosed = false
    }

    private let queue = NIOLockedValueBox(Queue())
    private let semaphore = DispatchSemaphore(value: 0)

    /// Queues a closure, unless the channel is closed.
    func send(_ job: @escaping Job) -> Bool {
        let isTaken = queue.withLockedValue { queue in
            guard !queue.isClosed else { return false }
            queue.jobs.append(job)
            return true
        }
        if isTaken { semaphore.signal() }
        return isTaken
    }

    /// Lets the thread go once it has done what was sent before.
    ///
    /// - Returns: Whether the channel was open until now.
    @discardableResult
    func close() -> Bool {
        let wasOpen = queue.withLockedValue { queue in
            defer { queue.isClosed = true }
            return !queue.isClosed
        }
        semaphore.signal()
        return wasOpen
    }

    /// Makes the state and runs what is sent, until the channel is closed. The state is gone when it returns.
    ///
    /// - Returns: Why there is no state.
    func serve(ready: OneShot<Void>, _ makeState: () throws -> State) -> (any Error)? {
        do {
            var state = try makeState()
            ready.resolve(.success(()))
            serve(&state)
            return nil
        } catch {
            return error
        }
    }

    func serve(_ state: inout State) {
        while true {
            semaphore.wait()
            let job: Job? = queue.withLockedValue { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
            guard let job else {
                if queue.withLockedValue({ $0.isClosed && $0.jobs.isEmpty }) { return }
                continue
            }
            job(&state)
        }
    }
}
