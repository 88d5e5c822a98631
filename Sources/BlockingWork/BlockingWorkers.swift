/// Threads for C calls that block and cannot be cancelled: `krb5_get_credentials`, `getaddrinfo`.
///
/// Such a call must run neither on an event loop nor on Swift's cooperative pool, where it would stop others. Here each
/// piece of work has its own thread. Its caller waits with a deadline; at the deadline, or when its task is
/// cancelled, the caller gets its error at once. The thread is then *abandoned*: it finishes its work, frees what
/// it owns, and no longer counts against ``Limits/maximumThreads``, so that another takes its place.
///
/// The number of threads is bounded by ``Limits/maximumThreads`` plus ``Limits/maximumAbandoned``, the queue by
/// ``Limits/maximumWaiting``. Beyond that, callers get ``BlockingWorkError/Code/exhausted``.
public final class BlockingWorkers: Sendable {
    /// Bounds on threads and queue.
    public struct Limits: Sendable, Hashable {
        /// Threads whose work has a waiting caller.
        public var maximumThreads: Int
        /// Threads whose work no caller waits for any more, in addition. Once so many are stuck, further ones
        /// count as active until they return.
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
        /// Working threads with a waiting caller.
        public var active: Int
        /// Working threads that no caller waits for any more.
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
    ///
    /// - Parameters:
    ///   - limits: How many threads there may be, and how much work may wait for one.
    ///   - isBackground: Whether their threads have a low priority.
    public init(limits: Limits = .init(), isBackground: Bool = false) {
        dispatcher = Dispatcher(limits: limits, isBackground: isBackground)
    }

    deinit {
        dispatcher.shutDown()
    }

    /// How busy the workers are at this moment.
    public var statistics: Statistics { dispatcher.statistics }

    /// Runs one piece of work and waits for its result.
    ///
    /// What the work owns is released on its thread, before the result is delivered.
    ///
    /// - Parameters:
    ///   - deadline: When to stop waiting.
    ///   - subject: What the work waits for, as part of a sentence such as "the name server 192.0.2.53", for
    ///     the error at the deadline. Evaluated only then.
    ///   - body: The work. It does not start if no caller waits for it any more.
    /// - Throws: What `body` throws; ``BlockingWorkError``; `CancellationError`.
    public func run<Success: Sendable>(
        by deadline: ContinuousClock.Instant, waitingFor subject: @autoclosure @escaping @Sendable () -> String,
        _ body: @escaping @Sendable () throws -> Success
    ) async throws -> Success {
        try Task.checkCancellation()
        let result = OneShot<Success>()
        let hasBegun = Locked(false)
        let session = try dispatcher.submit {
            guard !result.isResolved else { return nil }
            hasBegun.withLock { $0 = true }
            let outcome = Result { try body() }
            return { result.resolve(outcome) }
        }
        return try await result.value(
            by: deadline, orThrow: { .late(hasBegun: hasBegun.withLock { $0 }, subject) }
        ) { [dispatcher] in dispatcher.abandon(session) }
    }
}
