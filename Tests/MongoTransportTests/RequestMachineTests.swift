import SaslWire
import Testing

@testable import MongoTransport

private typealias Machine = RequestMachine<String>

private let later = ContinuousClock.now + .seconds(3600)
private let broken = TransportError(.closed, phase: .command, "the cable was cut")

// What a machine wants done, in words: `write a 1`, `complete a 7, write b 2`, `fail a b: closed`.

private func words(_ action: Machine.RequestAction) -> String {
    switch action {
    case .write(let request, let id): "write \(request) \(id)"
    case .wait: "wait"
    case .refuse(let request, let error): "refuse \(request): \(error.code)"
    }
}

private func words(_ action: Machine.ReplyAction) -> String {
    switch action {
    case .wait: "wait"
    case .complete(let request, let replies, let next):
        "complete \(request) \(replies.flatMap { $0 }.map { "\($0)" }.joined(separator: " "))"
            + (next.map { ", write \($0) \($1)" } ?? "")
    case .fail(let requests, let error): "fail \(requests.joined(separator: " ")): \(error.code)"
    case .ignore: "ignore"
    }
}

private func words(_ action: Machine.WithdrawalAction) -> String {
    switch action {
    case .withdraw(let requests): "withdraw \(requests.joined(separator: " "))"
    case .fail(let requests, let error): "fail \(requests.joined(separator: " ")): \(error.code)"
    }
}

extension RequestMachine<String> {
    fileprivate mutating func request(_ name: String, messages: Int = 1) -> String {
        words(requested(name, messages: messages, by: later))
    }

    fileprivate mutating func reply(_ body: UInt8 = 0, to id: Int32) -> String {
        words(received(WireReply(responseTo: id, body: [body])))
    }

    fileprivate mutating func cancel(_ name: String) -> String {
        words(cancelled { $0 == name })
    }
}

@Suite struct RequestMachineTests {
    @Test func oneAtATimeInTheOrderOfArrival() {
        var machine = Machine()
        #expect(machine.request("a") == "write a 1")
        #expect(machine.request("b") == "wait")
        #expect(machine.request("c") == "wait")
        #expect(machine.reply(7, to: 1) == "complete a 7, write b 2")
        #expect(machine.reply(8, to: 2) == "complete b 8, write c 3")
        #expect(machine.reply(9, to: 3) == "complete c 9")
        #expect(machine.request("d") == "write d 4")
    }

    // MARK: - Several messages in one request

    @Test func repliesToSeveralMessagesComeTogetherAndInOrder() {
        var machine = Machine()
        #expect(machine.request("a", messages: 3) == "write a 1")
        #expect(machine.request("b") == "wait")
        #expect(machine.reply(7, to: 1) == "wait")
        #expect(machine.reply(8, to: 2) == "wait")
        #expect(machine.reply(9, to: 3) == "complete a 7 8 9, write b 4")
        #expect(machine.reply(to: 4) == "complete b 0")
    }

    /// Out of order, twice the same, and one too many.
    @Test(arguments: [([2], 1), ([1, 1], 2), ([1, 3], 2), ([1, 0], 2), ([1, 2, 3, 4], 4)] as [([Int32], Int)])
    func repliesInAnotherOrderEndTheRequest(ids: [Int32], wrong: Int) {
        var machine = Machine()
        _ = machine.request("a", messages: 3)
        let told = ids.map { machine.reply(to: $0) }
        #expect(told.last == (ids.count > 3 ? "fail : protocol-violation" : "fail a: protocol-violation"))
        #expect(told.count == wrong)
    }

    @Test func anEndInTheMiddleFailsAllOfARequest() {
        var machine = Machine()
        _ = machine.request("a", messages: 2)
        _ = machine.reply(to: 1)
        #expect(machine.failed(broken) == ["a"])
        #expect(machine.reply(to: 2) == "ignore")
    }

    // MARK: - Violations

    @Test(arguments: [0, 1, 3, -2] as [Int32])
    func aReplyToAnotherRequestEndsAllRequests(id: Int32) {
        var machine = Machine()
        _ = machine.request("first")
        _ = machine.reply(to: 1)
        for request in ["a", "b", "c"] { _ = machine.request(request) }
        let action = machine.received(WireReply(responseTo: id, body: []))
        #expect(words(action) == "fail a b c: protocol-violation")
        guard case .fail(_, let error) = action else { return }
        #expect(error.phase == .command)
        #expect(error.message.contains("to request \(id), not to 2"), "\(error.message)")
    }

    /// Before any request, between two, and a second time for the same one.
    @Test(arguments: [0, 1, 2])
    func aMessageThatNobodyAskedFor(requestsBefore: Int) {
        var machine = Machine()
        for number in 0..<requestsBefore {
            _ = machine.request("x")
            _ = machine.reply(to: Int32(number + 1))
        }
        #expect(machine.reply(to: Int32(requestsBefore)) == "fail : protocol-violation")
        // The first one to come learns what happened meanwhile; the others, that it is over.
        #expect(machine.request("a") == "refuse a: protocol-violation")
        #expect(machine.request("b") == "refuse b: closed")
        #expect(machine.request("c") == "refuse c: closed")
    }

    // MARK: - Requests that are given up

    @Test func aRequestThatWaitsCanBeWithdrawn() {
        var machine = Machine()
        for request in ["a", "b", "c"] { _ = machine.request(request) }
        #expect(machine.cancel("b") == "withdraw b")
        #expect(machine.cancel("b") == "withdraw ")
        #expect(machine.reply(to: 1) == "complete a 0, write c 2")
    }

    /// A sent request closes the connection, and a finished one is ignored.
    @Test func aRequestThatWasSentCannotBeWithdrawn() {
        var machine = Machine()
        _ = machine.request("a")
        _ = machine.reply(to: 1)
        #expect(machine.cancel("a") == "withdraw ")
        _ = machine.request("b")
        _ = machine.request("c")
        #expect(machine.cancel("b") == "fail b c: closed")
        #expect(machine.cancel("b") == "withdraw ")
    }

    // MARK: - Deadlines and failures

    @Test func aPassedDeadlineEndsAllRequests() {
        var machine = Machine()
        _ = machine.requested("a", by: later)
        _ = machine.requested("b", by: later + .seconds(1))
        #expect(words(machine.deadlinePassed(at: later)) == "fail a b: deadline-exceeded")
        // The reply comes too late.
        #expect(machine.reply(to: 1) == "ignore")
    }

    @Test func aRequestThatWaitsEndsAtItsOwnDeadline() {
        var machine = Machine()
        #expect(machine.nextDeadline == nil)
        _ = machine.requested("a", by: later + .seconds(9))
        for (request, seconds) in [("b", 2), ("c", 1), ("d", 3)] {
            _ = machine.requested(request, by: later + .seconds(seconds))
        }
        #expect(machine.nextDeadline == later + .seconds(1))
        #expect(words(machine.deadlinePassed(at: later)) == "withdraw ")
        #expect(words(machine.deadlinePassed(at: later + .seconds(2))) == "withdraw b c")
        #expect(machine.nextDeadline == later + .seconds(3))
        #expect(machine.reply(to: 1) == "complete a 0, write d 2")
        #expect(machine.reply(to: 2) == "complete d 0")
        #expect(machine.nextDeadline == nil)
    }

    /// The timer of a request that is over must not hit the next one.
    @Test func aDeadlineOfARequestThatIsOverIsPassedOver() {
        var machine = Machine()
        #expect(words(machine.deadlinePassed(at: later)) == "withdraw ")
        _ = machine.requested("a", by: later)
        _ = machine.reply(to: 1)
        #expect(words(machine.deadlinePassed(at: later)) == "withdraw ")
        _ = machine.requested("b", by: later + .seconds(1))
        #expect(words(machine.deadlinePassed(at: later)) == "withdraw ")
        #expect(machine.reply(to: 2) == "complete b 0")
    }

    @Test func aFailureIsForAllThatWaitAndAllThatCome() {
        var machine = Machine()
        _ = machine.request("a")
        _ = machine.request("b")
        #expect(machine.failed(broken) == ["a", "b"])
        guard case .refuse("c", let error) = machine.requested("c", by: later) else {
            Issue.record("a request after the end was not refused")
            return
        }
        #expect(error.code == .closed)
        #expect(error.message == "the connection is closed, after: the cable was cut")
        #expect((error.underlying as? TransportError)?.message == "the cable was cut")
    }

    @Test func onlyTheFirstFailureCounts() {
        var machine = Machine()
        #expect(machine.failed(broken) == [])
        #expect(machine.failed(TransportError(.tls, phase: .tls, "another")) == nil)
        #expect(machine.reply(to: 1) == "ignore")
        #expect(words(machine.deadlinePassed(at: later)) == "withdraw ")
        for (request, says) in [
            ("a", "the cable was cut"), ("b", "the connection is closed, after: the cable was cut"),
        ] {
            guard case .refuse(request, let error) = machine.requested(request, by: later) else {
                Issue.record("a request after the end was not refused")
                return
            }
            #expect(error.message == says)
        }
    }

    // MARK: - Ids

    @Test func idsWrapToOne() {
        var machine = Machine(lastID: .max - 1)
        #expect(machine.request("a") == "write a \(Int32.max)")
        #expect(machine.request("b", messages: 2) == "wait")
        #expect(machine.reply(to: .max) == "complete a 0, write b 1")
        #expect(machine.reply(to: 1) == "wait")
        #expect(machine.reply(to: 2) == "complete b 0 0")
        #expect(machine.request("c") == "write c 3")

        machine = Machine(lastID: .max - 1)
        #expect(machine.request("a", messages: 2) == "write a \(Int32.max)")
        #expect(machine.reply(to: .max) == "wait")
        #expect(machine.reply(to: 1) == "complete a 0 0")
        #expect(machine.request("b") == "write b 2")
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
