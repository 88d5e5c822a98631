/// Threads for C calls that block and cannot be cancelled: `gss_init_sec_context`, `getaddrinfo`.
///
/// Such a call must run neither on an event loop nor on Swift's cooperative pool, where it would stop others. Here each
/// piece of work has a thread to itself. Its caller waits with a deadline; at the deadline, or when its task is
/// cancelled, the caller gets its error at once. The thread is then *abandoned*: it ends what it does, frees what it
/// owns, and no longer counts against ``Limits/maximumThreads``, so that another takes its place.
///
/// The number of threads is bounded by ``Limits/maximumThreads`` plus ``Limits/maximumAbandoned``, the queue by
/// ``Limits/maximumWaiting``. Beyond that, callers get ``BlockingWorkError/Code/exhausted``.
///
/// A process must not call `exit`, or return from its main function, while a thread is still at work in a C library: the
/// library's own exit handlers take away what that thread uses. MIT's then aborts the process, when a KDC answers in just
/// that moment. Wait until ``statistics`` counts none as active or abandoned, or leave by `_exit`.
public final class BlockingWorkers: Sendable {
    /// Bounds on threads and queue.
    public struct Limits: Sendable, Hashable {
        /// Threads whose work somebody waits for.
        public var maximumThreads: Int
        /// Threads whose work nobody waits for any more, in addition. Once so many are stuck, further ones count as
        /// active until they return.
        public var maximumAbandoned: Int
        /// Pieces of work that wait for a thread.
        public var maximumWaiting: Int
        /// Threads that are kept for later when there is no work.
        public var maximumIdleThreads: Int

        /// Creates limits. Values below 1 (0 for waiting and idle ones) are raised to it.
        public init(
            maximumThreads: Int = 64, maximumAbandoned: Int = 64, maximumWaiting: Int = 4096,
            maximumIdleThreads: Int = 4
        ) {
            self.maximumThreads = max(1, maximumThreads)
            self.maximumAbandoned = max(1, maximumAbandoned)
            self.maximumWaiting = max(0, maximumWaiting)
            self.maximumIdleThreads = max(0, maximumIdleThreads)
        }
    }

    /// How busy the workers are.
    public struct Statistics: Sendable, Hashable, CustomStringConvertible {
        /// Threads at work that somebody waits for, or pinned and waiting for their next piece of work.
        public var active: Int
        /// Threads at work that nobody waits for any more.
        public var abandoned: Int
        /// Pieces of work without a thread yet.
        public var waiting: Int
        /// Threads without work.
        public var idle: Int

        /// The four numbers.
        public var description: String {
            "\(active) active, \(abandoned) abandoned, \(waiting) waiting, \(idle) idle"
        }
    }

    let dispatcher: Dispatcher

    /// Creates workers. Threads are started when they are needed and end with the last reference.
    public init(limits: Limits = .init()) {
        dispatcher = Dispatcher(limits: limits)
    }

    deinit {
        dispatcher.shutDown()
    }

    /// How busy the workers are at this moment.
    public var statistics: Statistics { dispatcher.statistics }

    /// Runs one piece of work and waits for its result.
    ///
    /// - Parameters:
    ///   - deadline: When to stop waiting.
    ///   - body: The work. When nobody waits for it any more before it starts, it does not start.
    /// - Throws: What `body` throws; ``BlockingWorkError``; `CancellationError`.
    public func run<Success: Sendable>(
        by deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () throws -> Success
    ) async throws -> Success {
        try Task.checkCancellation()
        let result = OneShot<Success>()
        let session = try dispatcher.submit {
            guard !result.isResolved else { return nil }
            let outcome = Result { try body() }
            return { result.resolve(outcome) }
        }
        return try await result.value(by: deadline) { [dispatcher] in
            dispatcher.abandon(session)
        } deadlineError: { [dispatcher] in
            Self.deadlineError(dispatcher.statistics)
        }
    }

    /// Takes a thread for a series of calls that share a state, and makes that state on it.
    ///
    /// - Parameters:
    ///   - deadline: When to stop waiting for a thread and for `makeState`.
    ///   - makeState: Makes the state. It is made, used and released on one thread and never leaves it, so it need not
    ///     be `Sendable`.
    /// - Throws: What `makeState` throws; ``BlockingWorkError``; `CancellationError`.
    public func pin<State: ~Copyable>(
        by deadline: ContinuousClock.Instant, _ makeState: @escaping @Sendable () throws -> State
    ) async throws -> PinnedWork<State> {
        try Task.checkCancellation()
        let channel = WorkChannel<State>()
        let ready = OneShot<Void>()
        let released = OneShot<Void>()
        let session = try dispatcher.submit {
            let failure = ready.isResolved ? nil : channel.serve(ready: ready, makeState)
            return {
                if let failure { ready.resolve(.failure(failure)) }
                released.resolve(.success(()))
            }
        }
        let work = PinnedWork(channel: channel, dispatcher: dispatcher, session: session, released: released)
        try await ready.value(by: deadline) {
            work.abandon()
        } deadlineError: { [dispatcher] in
            Self.deadlineError(dispatcher.statistics)
        }
        return work
    }

    static func deadlineError(_ statistics: Statistics) -> BlockingWorkError {
        BlockingWorkError(.deadlineExceeded, "the deadline passed during a blocking call (workers: \(statistics))")
    }
}
