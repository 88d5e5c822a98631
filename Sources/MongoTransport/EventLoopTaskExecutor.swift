internal import BlockingWork
public import NIOCore

/// Runs tasks on an event loop, so that waiting for work on that loop needs no other thread.
///
/// ```swift
/// let executor = EventLoopTaskExecutor(group.next())
/// try await withTaskExecutorPreference(executor) {
///     let connection = try await WireConnection.connect(to: endpoint, connector: connector, on: executor.eventLoop, by: deadline)
///     return try await connection.run(hello, by: deadline)
/// }
/// ```
///
/// Work there delays the loop's other connections: it must be short and never block. If the
/// loop is shut down, the work continues elsewhere: a task always ends.
public final class EventLoopTaskExecutor: TaskExecutor {
    /// Where the tasks run.
    public let eventLoop: any EventLoop

    /// Creates an executor for an event loop.
    public init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Runs a part of a task soon. Called on the loop itself, this wakes no thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let box = JobBox(UnownedJob(job))
        // The loop retains its jobs, and they retain the executor.
        eventLoop.execute { [self] in box.run(on: self) }
    }
}

/// A part of a task on its way to an event loop. A loop that is shut down drops its jobs, and a lost part of a
/// task leaves the task waiting for ever.
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
