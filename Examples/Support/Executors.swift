import NIOCore
import NIOPosix

/// Runs tasks on an event loop: waiting there needs no other thread, and they may use the pipeline like handlers.
///
/// Work here must be short. Steps of GSSAPI are, if the credential holds the service's ticket.
package final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    /// - Parameter eventLoop: One that runs as long as the process.
    package init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Runs tasks on threads that may block.
///
/// An acceptor's steps read a keytab and write a replay cache. On an event loop, or on Swift's own threads, each of
/// them would delay all others. A task that prefers this executor leaves its thread while it awaits something.
package final class ThreadPoolExecutor: TaskExecutor {
    private let pool: NIOThreadPool

    /// - Parameter pool: Its threads have been started, and run as long as the process.
    package init(_ pool: NIOThreadPool = .singleton) {
        self.pool = pool
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pool.submit { _ in job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// Where the steps of a client run: those that only compute on the connection's event loop, those that may ask a KDC,
/// as with credentials of gssproxy, on threads that may block.
package func executor(forStepsThatMayBlock mayBlock: Bool, on eventLoop: any EventLoop) -> any TaskExecutor {
    mayBlock ? ThreadPoolExecutor() : EventLoopExecutor(eventLoop)
}

extension Channel {
    /// Closes the connection after a while, so that a silent peer is not waited for indefinitely.
    ///
    /// - Returns: Cancel it once the peer has answered.
    package func closing(after timeout: Duration) -> Scheduled<Void> {
        eventLoop.scheduleTask(in: TimeAmount(timeout)) { self.close(promise: nil) }
    }
}
