internal import Dispatch

/// Assigns sessions to threads: the state behind ``BlockingWorkers``.
///
/// A session is a closure that occupies one thread until it returns. The closure that it returns is run once its slot
/// is free, so that a caller notified there finds room. Threads keep a reference to the dispatcher, the dispatcher none
/// to its users, so that the last user's release shuts the idle threads down.
final class Dispatcher: Sendable {
    struct SessionID: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    /// The work of a session; it returns the closure that reports its end.
    typealias Body = @Sendable () -> (@Sendable () -> Void)?

    private struct Session: Sendable {
        let id: SessionID
        let body: Body
    }

    /// What a thread does when it is done with a session.
    private enum Decision {
        case run(Session)
        case sleep(IdleThread)
        case end
    }

    /// A thread without work, asleep until it gets a session or has to end.
    private final class IdleThread: Sendable {
        let semaphore = DispatchSemaphore(value: 0)
        let session = Locked<Session?>(nil)
    }

    private struct State {
        var nextNumber: UInt64 = 0
        /// Sessions that occupy a thread and have a waiting caller.
        var active: Set<SessionID> = []
        /// Sessions that occupy a thread and that no caller waits for any more.
        var abandoned: Set<SessionID> = []
        var waiting: [Session] = []
        var idle: [IdleThread] = []
        var isShutDown = false
    }

    private let limits: BlockingWorkers.Limits
    private let isBackground: Bool
    private let state = Locked(State())

    init(limits: BlockingWorkers.Limits, isBackground: Bool) {
        self.limits = limits
        self.isBackground = isBackground
    }

    var statistics: BlockingWorkers.Statistics {
        state.withLock {
            BlockingWorkers.Statistics(
                active: $0.active.count, abandoned: $0.abandoned.count, waiting: $0.waiting.count,
                idle: $0.idle.count)
        }
    }

    /// Runs a session on an idle thread or a new one, or queues it.
    func submit(_ body: @escaping Body) throws(BlockingWorkError) -> SessionID {
        enum Placement {
            case hand(Session, IdleThread)
            case start(Session)
            case queued(SessionID)
            case full
        }
        let placement: Placement = state.withLock { state in
            let session = Session(id: SessionID(number: state.nextNumber), body: body)
            state.nextNumber += 1
            if state.active.count < limits.maximumThreads {
                state.active.insert(session.id)
                if let thread = state.idle.popLast() { return .hand(session, thread) }
                return .start(session)
            }
            guard state.waiting.count < limits.maximumWaiting else { return .full }
            state.waiting.append(session)
            return .queued(session.id)
        }
        switch placement {
        case .hand(let session, let thread):
            Self.hand(session, to: thread)
            return session.id
        case .start(let session):
            try start(session)
            return session.id
        case .queued(let id):
            return id
        case .full:
            throw BlockingWorkError(.exhausted, "no worker is free and the queue is full: \(statistics)")
        }
    }

    /// Records that no caller waits for a session any more: it leaves the queue, or its thread stops counting
    /// as active so that another may start, up to the cap on such threads.
    func abandon(_ id: SessionID) {
        let next: (session: Session, thread: IdleThread?)? = state.withLock { state in
            if let index = state.waiting.firstIndex(where: { $0.id == id }) {
                state.waiting.remove(at: index)
                return nil
            }
            guard state.abandoned.count < limits.maximumAbandoned, state.active.remove(id) != nil else { return nil }
            state.abandoned.insert(id)
            return Self.takeWaiting(&state).map { ($0, state.idle.popLast()) }
        }
        guard let next else { return }
        if let thread = next.thread {
            Self.hand(next.session, to: thread)
        } else {
            // Without a thread the session keeps waiting, until its caller's deadline.
            do { try start(next.session) } catch { requeue(next.session) }
        }
    }

    func shutDown() {
        let idle = state.withLock { state in
            state.isShutDown = true
            defer { state.idle = [] }
            return state.idle
        }
        for thread in idle { thread.semaphore.signal() }
    }

    // MARK: - Threads

    private static func takeWaiting(_ state: inout State) -> Session? {
        guard !state.waiting.isEmpty else { return nil }
        let session = state.waiting.removeFirst()
        state.active.insert(session.id)
        return session
    }

    private static func hand(_ session: Session, to thread: IdleThread) {
        thread.session.withLock { $0 = session }
        thread.semaphore.signal()
    }

    private func requeue(_ session: Session) {
        state.withLock { state in
            state.active.remove(session.id)
            state.waiting.insert(session, at: 0)
        }
    }

    private func start(_ session: Session) throws(BlockingWorkError) {
        // In a box that the thread empties: what its first session owns must not live as long as the thread.
        let first = IdleThread()
        first.session.withLock { $0 = session }
        let status = WorkerThread.start { [isBackground] in
            if isBackground { WorkerThread.stepBack() }
            self.serve(first)
        }
        guard status != 0 else { return }
        state.withLock { state in _ = state.active.remove(session.id) }
        throw BlockingWorkError(
            .exhausted, "the system cannot start a thread (error number \(status), see `ulimit -u`)")
    }

    /// A thread's loop: one session after another, asleep in between, until there are enough idle threads.
    private func serve(_ first: IdleThread) {
        var session = first.session.withLock { $0.take() }
        while let decision = finish(&session) {
            switch decision {
            case .run(let next):
                session = next
            case .sleep(let idle):
                idle.semaphore.wait()
                session = idle.session.withLock { $0.take() }
            case .end:
                return
            }
        }
    }

    /// Runs a session, frees its slot, reports its end, and releases it: a sleeping thread owns
    /// nothing of its last session.
    private func finish(_ session: inout Session?) -> Decision? {
        guard let id = session?.id else { return nil }
        // The body is released before the end is reported: it may own a C library's objects, and the process may then
        // exit.
        let tell = session.take()?.body()
        let decision: Decision = state.withLock { state in
            state.active.remove(id)
            state.abandoned.remove(id)
            if state.active.count < limits.maximumThreads, let session = Self.takeWaiting(&state) {
                return .run(session)
            }
            guard !state.isShutDown, state.idle.count < limits.maximumIdleThreads else { return .end }
            let idle = IdleThread()
            state.idle.append(idle)
            return .sleep(idle)
        }
        tell?()
        return decision
    }
}
