internal import BlockingWork
public import NIOCore

/// Runs tasks on an event loop, so that what they wait for on that loop needs no other thread.
///
/// ```swift
/// let executor = EventLoopTaskExecutor(group.next())
/// try await withTaskExecutorPreference(executor) {
///     let connection = try await WireConnection.connect(to: endpoint, connector: connector, on: executor.eventLoop, by: deadline)
///     return try await connection.run(hello, by: deadline)
/// }
/// ```
///
/// Whatever runs there holds up the loop's other connections: it must compute for short and never block. What a loop that
/// is shut down does not run any more goes on elsewhere: a task always comes to its end.
public final class EventLoopTaskExecutor: TaskExecutor {
    /// Where the tasks run.
    public let eventLoop: any EventLoop

    /// Creates an executor for an event loop.
    public init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Runs a part of a task soon. On the loop itself that wakes up nobody.
    public func enqueue(_ job: consuming ExecutorJob) {
        let box = JobBox(UnownedJob(job))
        // The loop keeps what it will run, and that the executor.
        eventLoop.execute { [self] in box.run(on: self) }
    }
}

/// A part of a task on its way to an event loop. One that is shut down drops what it is given, and a part of a task that
/// is lost leaves the task waiting for ever.
private final class JobBox: Sendable {
    private let job: Locked<UnownedJob?>

    init(_ job: UnownedJob) {
        self.job = Locked(job)
    }

    deinit {
        if let job = take() { globalConcurrentExecutor.enqueue(ExecutorJob(job)) }
    }

    func run(on executor: EventLoopTaskExecutor) {
        take()?.runSynchronously(on: executor.asUnownedTaskExecutor())
    }

    private func take() -> UnownedJob? {
        job.withLock { job in
            defer { job = nil }
            return job
        }
    }
}
