import NIOCore
import NIOPosix

/// Runs tasks on an event loop: what they wait for there needs no other thread, and they may touch the pipeline as handlers do.
///
/// What runs here must compute for short. Steps of GSSAPI do, where the credential holds the service's ticket.
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

/// Runs tasks on threads that may wait.
///
/// An acceptor's steps read a keytab and write a replay cache. On an event loop, or on Swift's own threads, each of them
/// would hold up everybody else. A task that prefers this executor leaves its thread while it awaits something.
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

/// Where the steps of a client are taken: those that only compute on the connection's event loop, those that may ask a KDC, as with
/// credentials behind gssproxy, on threads that may wait.
package func executor(forStepsThatMayBlock mayBlock: Bool, on eventLoop: any EventLoop) -> any TaskExecutor {
    mayBlock ? ThreadPoolExecutor() : EventLoopExecutor(eventLoop)
}

extension Channel {
    /// Closes the connection after a while, so that nobody waits for ever for a peer that says nothing.
    ///
    /// - Returns: Cancel it once the peer has answered.
    package func closing(after patience: Duration) -> Scheduled<Void> {
        eventLoop.scheduleTask(in: TimeAmount(patience)) { self.close(promise: nil) }
    }
}
