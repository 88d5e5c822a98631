internal import SaslBSON
internal import SaslWire

/// Which request is under way on a connection, and which wait: one at a time, in the order in which they came.
///
/// Free of clocks and sockets: each event gives what to do.
struct RequestMachine<Request> {
    enum Action {
        /// Write this request under this id, and bound its reply by its deadline.
        case write(Request, id: Int32)
        /// Give the reply to its request.
        case complete(Request, BSONDocument)
        /// Give these requests the error and close the connection.
        case fail([Request], TransportError)
    }

    private var lastID: Int32
    private var current: (request: Request, id: Int32)?
    private var waiting: [Request] = []
    private var failure: TransportError?
    private var isFailureTold = false

    /// - Parameter lastID: The id before the first one.
    init(lastID: Int32 = 0) {
        self.lastID = lastID
    }

    /// A request comes in.
    mutating func requested(_ request: Request) -> [Action] {
        if let failure {
            // Whoever comes first learns what happened while nobody waited; the others, that it is over.
            defer { isFailureTold = true }
            return [.fail([request], isFailureTold ? .closed(by: failure) : failure)]
        }
        waiting.append(request)
        return proceed()
    }

    /// A request is given up: its deadline passed, or its caller went away.
    ///
    /// - Returns: The request, where it still waited for its turn. It is forgotten then, and nothing else suffers. A
    ///   request that was sent cannot be unsent: that is a failure of the connection.
    mutating func withdraw(where isMeant: (Request) -> Bool) -> Request? {
        waiting.firstIndex(where: isMeant).map { waiting.remove(at: $0) }
    }

    /// A message came from the server.
    mutating func received(_ frame: WireFrame) -> [Action] {
        guard failure == nil else { return [] }
        guard let (request, id) = current else {
            return failed(Self.violation("the server sent a message without being asked (\(frame.message.opCode))"))
        }
        guard frame.header.responseTo == id else {
            return failed(
                Self.violation("the server's reply is to request \(frame.header.responseTo), not to \(id)"))
        }
        switch Self.document(of: frame.message) {
        case .success(let document):
            current = nil
            return [.complete(request, document)] + proceed()
        case .failure(let error):
            return failed(error)
        }
    }

    /// The deadline of the request with this id passed.
    mutating func deadlinePassed(id: Int32) -> [Action] {
        guard current?.id == id else { return [] }
        return failed(
            TransportError(.deadlineExceeded, phase: .command, "the deadline passed before the server replied"))
    }

    /// The connection broke, or is being closed. Whatever waits gets the error; so will all that comes later.
    mutating func failed(_ error: TransportError) -> [Action] {
        guard failure == nil else { return [] }
        failure = error
        isFailureTold = current != nil || !waiting.isEmpty
        let requests = (current.map { [$0.request] } ?? []) + waiting
        current = nil
        waiting = []
        return [.fail(requests, error)]
    }

    private mutating func proceed() -> [Action] {
        guard current == nil, !waiting.isEmpty else { return [] }
        // Ids need only differ from one request to the next; they stay positive when they wrap.
        lastID = lastID == .max ? 1 : lastID + 1
        let request = waiting.removeFirst()
        current = (request, lastID)
        return [.write(request, id: lastID)]
    }

    private static func document(of message: WireMessage) -> Result<BSONDocument, TransportError> {
        switch message {
        case .message(let message):
            guard !message.flags.contains(.moreToCome) else {
                return .failure(violation("the server announced further replies, which nobody asked for"))
            }
            return .success(message.body)
        case .reply(let reply):
            guard let document = reply.documents.first, reply.documents.count == 1 else {
                return .failure(violation("the server's reply has \(reply.documents.count) documents instead of 1"))
            }
            return .success(document)
        case .query:
            return .failure(violation("the server sent a query instead of a reply"))
        }
    }

    private static func violation(_ message: String) -> TransportError {
        TransportError(.protocolViolation, phase: .command, message)
    }
}

extension TransportError {
    /// A connection is over, for a reason that was told before.
    static func closed(by failure: TransportError) -> TransportError {
        TransportError(
            .closed, phase: .command, "the connection is closed, after: \(failure.message)", underlying: failure)
    }
}
