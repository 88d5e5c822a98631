import SaslBSON
import SaslWire
import Testing

@testable import MongoTransport

/// What a machine wants done, in words: `write a 1`, `complete a {"n": 1}`, `fail a b: closed`.
private func words(_ actions: [RequestMachine<String>.Action]) -> [String] {
    actions.map { action in
        switch action {
        case .write(let request, let id): "write \(request) \(id)"
        case .complete(let request, let document): "complete \(request) \(document)"
        case .fail(let requests, let error): "fail \(requests.joined(separator: " ")): \(error.code)"
        }
    }
}

private func reply(
    to id: Int32, _ document: BSONDocument = ["ok": 1], flags: WireOpMessage.Flags = []
) -> WireFrame {
    frame(to: id, .message(WireOpMessage(body: document, flags: flags)))
}

private func frame(to id: Int32, _ message: WireMessage) -> WireFrame {
    WireFrame(
        header: MessageHeader(messageLength: 0, requestID: 4711, responseTo: id, opCode: message.opCode),
        message: message)
}

@Suite struct RequestMachineTests {
    private let ok = "complete a \(["ok": 1] as BSONDocument)"

    @Test func oneAtATimeInTheOrderOfArrival() {
        var machine = RequestMachine<String>()
        #expect(words(machine.requested("a")) == ["write a 1"])
        #expect(words(machine.requested("b")) == [])
        #expect(words(machine.requested("c")) == [])
        #expect(
            words(machine.received(reply(to: 1, ["n": 1]))) == ["complete a \(["n": 1] as BSONDocument)", "write b 2"])
        #expect(
            words(machine.received(reply(to: 2, ["n": 2]))) == ["complete b \(["n": 2] as BSONDocument)", "write c 3"])
        #expect(words(machine.received(reply(to: 3, ["n": 3]))) == ["complete c \(["n": 3] as BSONDocument)"])
        #expect(words(machine.requested("d")) == ["write d 4"])
    }

    /// What the oldest servers answer to the oldest handshake.
    @Test func anOpReplyWithOneDocumentIsAReply() {
        var machine = RequestMachine<String>()
        _ = machine.requested("a")
        #expect(words(machine.received(frame(to: 1, .reply(WireOpReply(documents: [["ok": 1]]))))) == [ok])
    }

    // MARK: - Violations

    struct Violation: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var frame: WireFrame
        /// What the message says.
        var says: String
    }

    private static let violations: [Violation] = [
        Violation(testDescription: "a reply to nothing", frame: reply(to: 0), says: "to request 0, not to 2"),
        Violation(
            testDescription: "a reply to the request before", frame: reply(to: 1), says: "to request 1, not to 2"),
        Violation(testDescription: "a reply to the request after", frame: reply(to: 3), says: "to request 3, not to 2"),
        Violation(testDescription: "a negative id", frame: reply(to: -2), says: "to request -2, not to 2"),
        Violation(
            testDescription: "more replies announced", frame: reply(to: 2, flags: .moreToCome), says: "further replies"),
        Violation(
            testDescription: "an OP_REPLY without a document", frame: frame(to: 2, .reply(WireOpReply(documents: []))),
            says: "0 documents"),
        Violation(
            testDescription: "an OP_REPLY with two", frame: frame(to: 2, .reply(WireOpReply(documents: [[:], [:]]))),
            says: "2 documents"),
        Violation(
            testDescription: "a query",
            frame: frame(to: 2, .query(WireOpQuery(query: ["ping": 1]))), says: "a query"),
    ]

    @Test(arguments: violations)
    func aViolationEndsAllRequests(_ violation: Violation) throws {
        var machine = RequestMachine<String>()
        _ = machine.requested("first")
        _ = machine.received(reply(to: 1))
        for request in ["a", "b", "c"] { _ = machine.requested(request) }
        let actions = machine.received(violation.frame)
        #expect(words(actions) == ["fail a b c: protocol-violation"])
        guard case .fail(_, let error)? = actions.first else { return }
        #expect(error.phase == .command)
        #expect(error.message.contains(violation.says), "\(error.message)")
    }

    /// Before any request, between two, and a second time for the same one.
    @Test(arguments: [0, 1, 2])
    func aMessageThatNobodyAskedFor(requestsBefore: Int) {
        var machine = RequestMachine<String>()
        for number in 0..<requestsBefore {
            _ = machine.requested("x")
            _ = machine.received(reply(to: Int32(number + 1)))
        }
        #expect(words(machine.received(reply(to: Int32(requestsBefore)))) == ["fail : protocol-violation"])
        // The first one to come learns what happened meanwhile; the others, that it is over.
        #expect(words(machine.requested("a")) == ["fail a: protocol-violation"])
        #expect(words(machine.requested("b")) == ["fail b: closed"])
        #expect(words(machine.requested("c")) == ["fail c: closed"])
    }

    // MARK: - Requests that are given up

    @Test func aRequestThatWaitsCanBeWithdrawn() {
        var machine = RequestMachine<String>()
        for request in ["a", "b", "c"] { _ = machine.requested(request) }
        #expect(machine.withdraw { $0 == "b" } == "b")
        #expect(machine.withdraw { $0 == "b" } == nil)
        #expect(words(machine.received(reply(to: 1))) == [ok, "write c 2"])
    }

    /// What was sent cannot be unsent, and what is over is no more.
    @Test func aRequestThatWasSentCannotBeWithdrawn() {
        var machine = RequestMachine<String>()
        _ = machine.requested("a")
        #expect(machine.withdraw { $0 == "a" } == nil)
        #expect(words(machine.received(reply(to: 1))) == [ok])
        #expect(machine.withdraw { $0 == "a" } == nil)
        #expect(machine.withdraw { _ in true } == nil)
    }

    // MARK: - Deadlines and failures

    @Test func aPassedDeadlineEndsAllRequests() {
        var machine = RequestMachine<String>()
        _ = machine.requested("a")
        _ = machine.requested("b")
        #expect(words(machine.deadlinePassed(id: 1)) == ["fail a b: deadline-exceeded"])
        // The reply comes too late.
        #expect(words(machine.received(reply(to: 1))) == [])
    }

    /// The timer of a request that is over must not hit the next one.
    @Test(arguments: [0, 1, 3, -1] as [Int32])
    func aDeadlineOfAnotherRequestIsPassedOver(id: Int32) {
        var machine = RequestMachine<String>()
        #expect(words(machine.deadlinePassed(id: id)) == [])
        _ = machine.requested("a")
        _ = machine.received(reply(to: 1))
        #expect(words(machine.deadlinePassed(id: id)) == [])
        _ = machine.requested("b")
        #expect(words(machine.deadlinePassed(id: id)) == [])
        #expect(words(machine.received(reply(to: 2))) == ["complete b \(["ok": 1] as BSONDocument)"])
    }

    private static let broken = TransportError(.closed, phase: .command, "the cable was cut")

    @Test func aFailureIsForAllThatWaitAndAllThatCome() {
        var machine = RequestMachine<String>()
        _ = machine.requested("a")
        _ = machine.requested("b")
        let actions = machine.failed(Self.broken)
        #expect(words(actions) == ["fail a b: closed"])
        guard case .fail(_, let error)? = actions.first else { return }
        #expect(error.message == "the cable was cut")

        let later = machine.requested("c")
        #expect(words(later) == ["fail c: closed"])
        guard case .fail(_, let laterError)? = later.first else { return }
        #expect(laterError.message == "the connection is closed, after: the cable was cut")
        #expect((laterError.underlying as? TransportError)?.message == "the cable was cut")
    }

    @Test func onlyTheFirstFailureCounts() {
        var machine = RequestMachine<String>()
        #expect(words(machine.failed(Self.broken)) == ["fail : closed"])
        #expect(words(machine.failed(TransportError(.tls, phase: .tls, "another"))) == [])
        #expect(words(machine.received(reply(to: 1))) == [])
        #expect(words(machine.deadlinePassed(id: 1)) == [])
        for (request, says) in [
            ("a", "the cable was cut"), ("b", "the connection is closed, after: the cable was cut"),
        ] {
            guard case .fail([request], let error)? = machine.requested(request).first else {
                Issue.record("a request after the end was not refused")
                return
            }
            #expect(error.message == says)
        }
    }

    // MARK: - Ids

    @Test func idsWrapToOne() {
        var machine = RequestMachine<String>(lastID: .max - 1)
        #expect(words(machine.requested("a")) == ["write a \(Int32.max)"])
        _ = machine.requested("b")
        #expect(words(machine.received(reply(to: .max))) == [ok, "write b 1"])
        #expect(words(machine.received(reply(to: 1))) == ["complete b \(["ok": 1] as BSONDocument)"])
        #expect(words(machine.requested("c")) == ["write c 2"])
    }
}

@Suite struct TransportErrorTests {
    @Test(arguments: [
        (TransportError.Code.nameResolution, "name-resolution"), (.connect, "connect"), (.tls, "tls"),
        (.closed, "closed"), (.protocolViolation, "protocol-violation"), (.deadlineExceeded, "deadline-exceeded"),
    ])
    func codesHaveStableNames(code: TransportError.Code, name: String) {
        #expect(TransportError(code, phase: .tcp, "text").description == "\(name) (tcp): text")
    }

    @Test(arguments: [
        (ServerEndpoint.host("db.example.com", port: 27017), "db.example.com:27017"),
        (.host("192.0.2.1", port: 1), "192.0.2.1:1"), (.host("2001:db8::1", port: 27018), "[2001:db8::1]:27018"),
        (.unixSocket(path: "/run/mongodb.sock"), "/run/mongodb.sock"),
    ])
    func endpointsAreWrittenAsInAConnectionString(endpoint: ServerEndpoint, text: String) {
        #expect(endpoint.description == text)
    }
}
