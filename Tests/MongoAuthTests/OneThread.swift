import Foundation
import NIOConcurrencyHelpers

/// An executor with its own thread, like an event loop.
final class OneThread: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
    }

    private final class Shared: Sendable {
        let state = NIOLockedValueBox(State())
        let arrival = DispatchSemaphore(value: 0)
    }

    private let shared = Shared()

    init() {
        let shared = shared
        // The reference is not kept alive by its thread.
        let own = asUnownedTaskExecutor()
        Thread.detachNewThread {
            while true {
                shared.arrival.wait()
                let job: UnownedJob? = shared.state.withLockedValue { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
                guard let job else { return }
                job.runSynchronously(on: own)
            }
        }
    }

    deinit {
        shared.arrival.signal()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        shared.state.withLockedValue { $0.jobs.append(job) }
        shared.arrival.signal()
    }
}
