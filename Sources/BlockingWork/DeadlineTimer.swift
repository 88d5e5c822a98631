internal import Dispatch

/// Runs a closure at an instant, unless it is cancelled before.
///
/// All timers of the process share one thread and one heap. Not `Task.sleep`: a cancelled sleep keeps its memory until
/// its time has come, and most deadlines never pass. Not a Dispatch source for each: creating one costs more than
/// the wait that it bounds.
package struct DeadlineTimer: Sendable {
    private let number: UInt64

    /// Starts a timer.
    ///
    /// - Parameter fire: Called on the timers' thread: it must be quick. If the instant has passed, it is called soon.
    /// - Throws: ``BlockingWorkError/Code/exhausted`` if the system cannot start a thread.
    package static func schedule(
        at instant: ContinuousClock.Instant, _ fire: @escaping @Sendable () -> Void
    ) throws(BlockingWorkError) -> DeadlineTimer {
        DeadlineTimer(number: try TimerThread.shared.schedule(at: instant, fire))
    }

    /// Cancels the timer. Does nothing if it has fired.
    package func cancel() {
        TimerThread.shared.cancel(number)
    }
}

/// The thread behind all timers. It runs while there are any.
private final class TimerThread: Sendable {
    static let shared = TimerThread()

    private struct State {
        var nextNumber: UInt64 = 0
        /// The closures; a cancelled timer's is removed at once, its entry in the heap later.
        var actions: [UInt64: @Sendable () -> Void] = [:]
        var heap = TimerHeap()
        var isRunning = false
        /// Until when the thread sleeps.
        var wakeUp: ContinuousClock.Instant?
    }

    private let state = Locked(State())
    private let semaphore = DispatchSemaphore(value: 0)

    func schedule(
        at instant: ContinuousClock.Instant, _ fire: @escaping @Sendable () -> Void
    ) throws(BlockingWorkError) -> UInt64 {
        let (number, mustWake) = try state.withLock { state throws(BlockingWorkError) in
            if !state.isRunning {
                // Under the lock: no caller may rely on a thread that then cannot be started.
                let status = WorkerThread.start { self.serve() }
                guard status == 0 else {
                    throw BlockingWorkError(
                        .exhausted,
                        "the system cannot start a thread for deadlines (error number \(status), see `ulimit -u`)")
                }
                state.isRunning = true
            }
            let number = state.nextNumber
            state.nextNumber += 1
            state.actions[number] = fire
            state.heap.insert(instant, number)
            return (number, state.wakeUp.map { instant < $0 } ?? false)
        }
        if mustWake { semaphore.signal() }
        return number
    }

    func cancel(_ number: UInt64) {
        // Released outside of the lock: what the action holds may do anything in its deinit.
        let action = state.withLock { state in
            defer { state.heap.compact(live: state.actions.count) { state.actions[$0] != nil } }
            return state.actions.removeValue(forKey: number)
        }
        withExtendedLifetime(action) {}
    }

    /// The thread's loop: run what is due, then sleep until the next instant.
    private func serve() {
        enum Step {
            case fire([@Sendable () -> Void])
            case sleep(Duration)
            case end
        }
        while true {
            let step: Step = state.withLock { state in
                let now = ContinuousClock.now
                state.wakeUp = nil
                var due: [@Sendable () -> Void] = []
                while let first = state.heap.first, first.instant <= now || state.actions[first.number] == nil {
                    state.heap.removeFirst()
                    if let action = state.actions.removeValue(forKey: first.number) { due.append(action) }
                }
                guard due.isEmpty else { return .fire(due) }
                guard let next = state.heap.first else {
                    state.isRunning = false
                    return .end
                }
                state.wakeUp = next.instant
                return .sleep(next.instant - now)
            }
            switch step {
            case .fire(let actions):
                for action in actions { action() }
            case .sleep(let duration):
                // An instant that is decades away must not overflow Dispatch's nanoseconds.
                let bounded = min(duration, .seconds(86_400))
                _ = semaphore.wait(timeout: .now() + .nanoseconds(Int(bounded / .nanoseconds(1))))
            case .end:
                return
            }
        }
    }
}

/// A binary heap of instants, the earliest first. Not swift-collections' one: without traits no package is fetched.
struct TimerHeap {
    private var entries: [(instant: ContinuousClock.Instant, number: UInt64)] = []

    var first: (instant: ContinuousClock.Instant, number: UInt64)? { entries.first }
    var count: Int { entries.count }

    mutating func insert(_ instant: ContinuousClock.Instant, _ number: UInt64) {
        entries.append((instant, number))
        var index = entries.count - 1
        while index > 0, entries[index].instant < entries[(index - 1) / 2].instant {
            entries.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = entries.popLast(), !entries.isEmpty else { return }
        entries[0] = last
        sink(0)
    }

    /// Drops the entries of cancelled timers once they are the majority.
    mutating func compact(live: Int, _ isLive: (UInt64) -> Bool) {
        guard entries.count > 2 * live + 64 else { return }
        entries.removeAll { !isLive($0.number) }
        for index in stride(from: entries.count / 2, through: 0, by: -1) { sink(index) }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
                if entries[child].instant < entries[least].instant { least = child }
            }
            guard least != index else { return }
            entries.swapAt(index, least)
            index = least
        }
    }
}
