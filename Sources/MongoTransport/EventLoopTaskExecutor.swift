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
/// Whatever runs there holds up the loop's other connections: it must compute for short and never block. The event loop
/// must not be shut down before the tasks have ended.
public final class EventLoopTaskExecutor: TaskExecutor {
    /// Where the tasks run.
    public let eventLoop: any EventLoop

    /// Creates an executor for an event loop.
    public init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Runs a part of a task soon. On the loop itself that wakes up nobody.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        // The loop keeps what it will run, and that the executor.
        eventLoop.execute { [self] in
            withExtendedLifetime(self) { job.runSynchronously(on: executor) }
        }
    }
}
