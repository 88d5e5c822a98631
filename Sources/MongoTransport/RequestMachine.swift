internal import SaslWire

/// Which request is under way on a connection, and which wait: one at a time, in the order in which they came.
///
/// A request is one or more messages in one write, whose replies come in the same order. Without sockets and timers:
/// each event returns what to do.
struct RequestMachine<Request> {
    private struct Entry {
        let request: Request
        let messages: Int
        let deadline: ContinuousClock.Instant
    }

    private enum State {
        case idle
        /// The current request, the id of its next reply, and the replies so far.
        case busy(Entry, awaited: Int32, replies: [[UInt8]])
        case failed(TransportError, isTold: Bool)
    }

    /// What to do when a request comes in.
    enum RequestAction {
        /// Write its messages, under this id and those that follow it.
        case write(Request, firstID: Int32)
        /// Its turn will come.
        case wait
        /// Give it the error.
        case refuse(Request, TransportError)
    }

    /// What to do when a message comes.
    enum ReplyAction {
        /// More of its replies must come.
        case wait
        /// Give the replies to their request, and write the next one.
        case complete(Request, [[UInt8]], next: (Request, firstID: Int32)?)
        /// Give these the error and close the connection.
        case fail([Request], TransportError)
        /// The connection is over.
        case ignore
    }

    /// What to do when a request is given up: its deadline passed, or its caller went away.
    enum WithdrawalAction {
        /// These waited for their turn and are removed: nothing else is affected.
        case withdraw([Request])
        /// They were sent, and a late reply must not be taken for another request's: give these the error and
        /// close the connection.
        case fail([Request], TransportError)
    }

    private var state = State.idle
    private var waiting: [Entry] = []
    private var lastID: Int32

    /// - Parameter lastID: The id before the first one.
    init(lastID: Int32 = 0) {
        self.lastID = lastID
    }

    /// Ids need only differ from one request to the next; they stay positive when they wrap.
    static func id(after id: Int32) -> Int32 { id == .max ? 1 : id + 1 }

    /// The next deadline of a request; `nil` if none is under way.
    var nextDeadline: ContinuousClock.Instant? {
        guard case .busy(let current, _, _) = state else { return nil }
        return waiting.reduce(current.deadline) { min($0, $1.deadline) }
    }

    /// A request comes in.
    ///
    /// - Parameter messages: How many messages it has; at least 1.
    mutating func requested(
        _ request: Request, messages: Int = 1, by deadline: ContinuousClock.Instant
    ) -> RequestAction {
        let entry = Entry(request: request, messages: messages, deadline: deadline)
        switch state {
        case .idle:
            return .write(request, firstID: begin(entry))
        case .busy:
            waiting.append(entry)
            return .wait
        case .failed(let error, let isTold):
            // The first caller gets the reason of a failure that happened while no caller waited; later ones, that the
            // connection is closed.
            state = .failed(error, isTold: true)
            return .refuse(request, isTold ? .closed(by: error) : error)
        }
    }

    /// A message came from the server.
    mutating func received(_ reply: WireReply) -> ReplyAction {
        switch state {
        case .failed:
            return .ignore
        case .idle:
            return violated("the server sent a message without being asked")
        case .busy(let current, let awaited, var replies):
            guard reply.responseTo == awaited else {
                return violated("the server's reply is to request \(reply.responseTo), not to \(awaited)")
            }
            replies.append(reply.body)
            guard replies.count == current.messages else {
                state = .busy(current, awaited: Self.id(after: awaited), replies: replies)
                return .wait
            }
            state = .idle
            guard !waiting.isEmpty else { return .complete(current.request, replies, next: nil) }
            let next = waiting.removeFirst()
            return .complete(current.request, replies, next: (next.request, begin(next)))
        }
    }

    /// A caller was cancelled.
    mutating func cancelled(where isMeant: (Request) -> Bool) -> WithdrawalAction {
        if let index = waiting.firstIndex(where: { isMeant($0.request) }) {
            return .withdraw([waiting.remove(at: index).request])
        }
        guard case .busy(let current, _, _) = state, isMeant(current.request) else { return .withdraw([]) }
        return fail(TransportError(.closed, phase: .command, "a command was given up before its reply came"))
    }

    /// Time has passed.
    mutating func deadlinePassed(at now: ContinuousClock.Instant) -> WithdrawalAction {
        if case .busy(let current, _, _) = state, current.deadline <= now {
            return fail(
                TransportError(.deadlineExceeded, phase: .command, "the deadline passed before the server replied"))
        }
        let late = waiting.filter { $0.deadline <= now }
        if !late.isEmpty { waiting.removeAll { $0.deadline <= now } }
        return .withdraw(late.map(\.request))
    }

    /// The connection failed, or is being closed. All waiting and later requests get the error.
    ///
    /// - Parameter isTold: Whether a caller, besides the waiting ones, knows the reason.
    /// - Returns: The waiting requests; `nil` if the connection is already closed.
    mutating func failed(_ error: TransportError, isTold: Bool = false) -> [Request]? {
        var requests = waiting.map(\.request)
        switch state {
        case .failed: return nil
        case .idle: break
        case .busy(let current, _, _): requests.insert(current.request, at: 0)
        }
        state = .failed(error, isTold: isTold || !requests.isEmpty)
        waiting = []
        return requests
    }

    private mutating func begin(_ entry: Entry) -> Int32 {
        let first = Self.id(after: lastID)
        lastID = (1..<entry.messages).reduce(first) { id, _ in Self.id(after: id) }
        state = .busy(entry, awaited: first, replies: [])
        return first
    }

    private mutating func violated(_ message: String) -> ReplyAction {
        let error = TransportError(.protocolViolation, phase: .command, message)
        return failed(error).map { .fail($0, error) } ?? .ignore
    }

    private mutating func fail(_ error: TransportError) -> WithdrawalAction {
        failed(error).map { .fail($0, error) } ?? .withdraw([])
    }
}

extension TransportError {
    /// A connection is closed, for a reason that was reported before.
    static func closed(by failure: TransportError) -> TransportError {
        TransportError(
            .closed, phase: .command, "the connection is closed, after: \(failure.message)", underlying: failure)
    }
}
