internal import NIOConcurrencyHelpers

/// A few threads that hold the states of many conversations, for calls that must stay on one thread and do not block.
///
/// A state is made, used and released on one thread, as with ``BlockingWorkers/pin(by:_:)``, but shares it with others:
/// a conversation that waits for its peer holds no thread. Threads are started when they are needed and end when they
/// hold nothing.
///
/// A call that blocks in spite of that holds up the others on its thread. When its caller gives up, the thread is
/// avoided from then on and another takes its place.
public final class SharedThreads<State>: Sendable {
    typealias Table = [UInt64: State]

    final class Lane: Sendable {
        let channel = WorkChannel<Table>()
    }

    private struct Entry {
        let lane: Lane
        let session: Dispatcher.SessionID
        var count = 0
        /// Whether a call on it was given up while it ran.
        var isStuck = false
    }

    private struct Registry {
        var nextNumber: UInt64 = 0
        var lanes: [ObjectIdentifier: Entry] = [:]
    }

    private let workers: BlockingWorkers
    private let maximumThreads: Int
    private let registry = NIOLockedValueBox(Registry())

    /// Creates a set of threads.
    ///
    /// - Parameter maximumThreads: How many of them at most, beside those whose call was given up.
    public init(maximumThreads: Int) {
        self.maximumThreads = max(1, maximumThreads)
        workers = BlockingWorkers(limits: .init(maximumThreads: maximumThreads, maximumIdleThreads: 1))
    }

    /// How busy the threads are.
    public var statistics: BlockingWorkers.Statistics { workers.statistics }

    /// Makes a state on one of the threads.
    ///
    /// - Throws: What `makeState` throws; ``BlockingWorkError``; `CancellationError`.
    public func place(
        by deadline: ContinuousClock.Instant, _ makeState: @escaping @Sendable () throws -> State
    ) async throws -> PlacedWork<State> {
        try Task.checkCancellation()
        let (number, lane) = try choose()
        let work = PlacedWork(number: number, lane: lane, threads: self)
        try await work.perform(by: deadline) { table in table[number] = try makeState() }
        return work
    }

    /// The thread that holds the least, or a new one while there may be more.
    private func choose() throws -> (UInt64, Lane) {
        try registry.withLockedValue { registry in
            let lanes = registry.lanes.filter { !$0.value.isStuck }
            let key: ObjectIdentifier
            if let least = lanes.min(by: { $0.value.count < $1.value.count }), lanes.count >= maximumThreads {
                key = least.key
            } else {
                let lane = Lane()
                key = ObjectIdentifier(lane)
                let session = try workers.dispatcher.submit {
                    var table: Table = [:]
                    lane.channel.serve(&table)
                    return nil
                }
                registry.lanes[key] = Entry(lane: lane, session: session)
            }
            guard let entry = registry.lanes[key] else { throw BlockingWorkError(.exhausted, "no thread to be had") }
            registry.lanes[key]?.count += 1
            registry.nextNumber += 1
            return (registry.nextNumber, entry.lane)
        }
    }

    /// Notes that a state has left a thread, and lets a thread go that holds none.
    func left(_ lane: Lane) {
        registry.withLockedValue { registry in
            let key = ObjectIdentifier(lane)
            registry.lanes[key]?.count -= 1
            if let count = registry.lanes[key]?.count, count <= 0 {
                registry.lanes[key] = nil
                lane.channel.close()
            }
        }
    }

    /// Notes that a call on a thread was given up while it ran: nothing new goes there. What its other states wait for
    /// is done once the call returns; their own deadlines bound that.
    func abandon(_ lane: Lane) {
        let session = registry.withLockedValue { registry in
            registry.lanes[ObjectIdentifier(lane)]?.isStuck = true
            return registry.lanes[ObjectIdentifier(lane)]?.session
        }
        if let session { workers.dispatcher.abandon(session) }
    }

    var deadlineError: BlockingWorkError { BlockingWorkers.deadlineError(workers.statistics) }
}

/// A state on one of the threads of ``SharedThreads``.
///
/// It is released on that thread: when ``finish()`` is called, or when the last reference goes.
public final class PlacedWork<State>: Sendable {
    private let number: UInt64
    private let lane: SharedThreads<State>.Lane
    private let threads: SharedThreads<State>
    private let isFinished = NIOLockedValueBox(false)

    init(number: UInt64, lane: SharedThreads<State>.Lane, threads: SharedThreads<State>) {
        self.number = number
        self.lane = lane
        self.threads = threads
    }

    deinit {
        finish()
    }

    /// Runs a piece of work on the thread, with the state. After a deadline or a cancellation the state takes no more
    /// work; an error that `body` throws leaves it usable.
    ///
    /// - Throws: What `body` throws; ``BlockingWorkError``; `CancellationError`.
    public func run<Success: Sendable>(
        by deadline: ContinuousClock.Instant, _ body: @escaping @Sendable (inout State) throws -> Success
    ) async throws -> Success {
        try await perform(by: deadline) { [number] table in
            guard var state = table.removeValue(forKey: number) else { throw Self.over }
            defer { table[number] = state }
            return try body(&state)
        }
    }

    func perform<Success: Sendable>(
        by deadline: ContinuousClock.Instant,
        _ body: @escaping @Sendable (inout SharedThreads<State>.Table) throws -> Success
    ) async throws -> Success {
        try Task.checkCancellation()
        let result = OneShot<Success>()
        let isRunning = NIOLockedValueBox(false)
        let isTaken =
            !isFinished.withLockedValue { $0 }
            && lane.channel.send { table in
                guard !result.isResolved else { return }
                isRunning.withLockedValue { $0 = true }
                let outcome = Result { try body(&table) }
                isRunning.withLockedValue { $0 = false }
                result.resolve(outcome)
            }
        guard isTaken else { throw Self.over }
        return try await result.value(by: deadline) { [self] in
            if isRunning.withLockedValue({ $0 }) { threads.abandon(lane) }
            finish()
        } deadlineError: { [threads] in
            threads.deadlineError
        }
    }

    /// Releases the state on its thread, after what was handed in before.
    public func finish() {
        release {}
    }

    /// Like ``finish()``, and waits until the state is released, unless that was begun before.
    public func finishAndWait() async {
        let released = OneShot<Void>()
        guard release({ released.resolve(.success(())) }) else { return }
        await released.value()
    }

    @discardableResult
    private func release(_ completion: @escaping @Sendable () -> Void) -> Bool {
        let wasFinished = isFinished.withLockedValue { isFinished in
            defer { isFinished = true }
            return isFinished
        }
        guard !wasFinished else { return false }
        let isTaken = lane.channel.send { [number] table in
            table[number] = nil
            completion()
        }
        threads.left(lane)
        return isTaken
    }

    private static var over: BlockingWorkError {
        BlockingWorkError(.abandoned, "this conversation was given up after a deadline, a cancellation or its end")
    }
}
