import ModuleTestSupport
import MongoTransport
import NIOCore
import NIOPosix
import SaslBSON
import SaslWire
import TestSupport
import Testing

/// One connection over a real socket, and servers of other protocols.
@Suite struct WireConnectionTests {
    private func connect(_ server: TestServer, tls: TLSOptions? = nil) async throws -> WireConnection {
        try await WireConnection.connect(
            to: .host("127.0.0.1", port: server.port),
            connector: Connector(
                resolver: ScriptedResolver(ipv4: .addresses(["127.0.0.1"])),
                group: MultiThreadedEventLoopGroup.singleton),
            tls: tls, by: farAway)
    }

    private let ping: BSONDocument = ["ping": 1, "$db": "admin"]

    @Test func commandsOfManyTasksTakeTurns() async throws {
        let server = try await TestServer.start()
        let connection = try await connect(server)
        let numbers = try await withThrowingTaskGroup(of: BSONValue?.self) { group in
            for _ in 0..<100 { group.addTask { try await connection.run(ping, by: farAway)["number"] } }
            return try await group.reduce(into: Set<String>()) { $0.insert("\($1 ?? .null)") }
        }
        #expect(numbers.count == 100)
        #expect(server.accepted == 1)
    }

    // MARK: - Bytes

    @Test func bytesGoInAndBytesComeOut() async throws {
        let server = try await TestServer.start()
        let connection = try await connect(server)
        let reply = try await connection.run(ping.encoded(), by: farAway)
        #expect(try BSONDocument(decoding: reply) == ["ok": 1, "number": 1])
    }

    /// A command that cannot be sent has no other effect.
    @Test(arguments: [[], [5, 0, 0, 0], [6, 0, 0, 0, 0]] as [[UInt8]])
    func bytesThatAreNoDocumentAreNotSent(command: [UInt8]) async throws {
        let server = try await TestServer.start()
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) { try await connection.run(command, by: farAway) }
        #expect(error?.code == .protocolViolation)
        #expect(try await connection.run(ping, by: farAway)["number"] == 1)
    }

    /// A frame that is right around a document that is not: a request for bytes gets them, a request for a document
    /// gets an error, and the connection is closed.
    @Test func aReplyThatIsNoDocument() async throws {
        var garbled = try WireMessage.message(WireOpMessage(body: ["ok": 1])).encoded(requestID: 1, responseTo: 1)
        garbled.setInteger(UInt8(0x7F), at: 25)
        let server = try await TestServer.start(.reply(Array(garbled.readableBytesView)))
        let asked = try await connect(server)
        #expect(try await asked.run(ping.encoded(), by: farAway).count == Int(garbled.readableBytes) - 21)
        let connection = try await connect(server)
        for code in [TransportError.Code.protocolViolation, .closed] {
            let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
            #expect(error?.code == code)
        }
    }

    @Test func oldServersAreAskedInTheirFormat() async throws {
        let server = try await TestServer.start()
        let connection = try await WireConnection.connect(
            to: .host("127.0.0.1", port: server.port),
            connector: Connector(resolver: ScriptedResolver(), group: MultiThreadedEventLoopGroup.singleton),
            format: .legacyQuery, by: farAway)
        // The server gives no number to who comes with OP_QUERY.
        #expect(try await connection.run(ping, by: farAway) == ["ok": 1])
        #expect(try await connection.run(pipelined: [ping.encoded(), ping.encoded()], by: farAway).count == 2)
    }

    // MARK: - Several in one write

    @Test func repliesComeInTheOrderOfTheCommands() async throws {
        let server = try await TestServer.start()
        let connection = try await connect(server)
        for round in 0..<3 {
            let replies = try await connection.run(pipelined: Array(repeating: ping.encoded(), count: 5), by: farAway)
            let numbers = try replies.map { try BSONDocument(decoding: $0)["number"]?.integerValue }
            #expect(numbers == (1...5).map { Int64(round * 5 + $0) })
        }
        #expect(try await connection.run(pipelined: [], by: farAway).isEmpty)
        #expect(try await connection.run(ping, by: farAway)["number"] == 16)
    }

    @Test func anEndInTheMiddleFailsAll() async throws {
        let server = try await TestServer.start(.cutAfter(2))
        let connection = try await connect(server)
        for _ in 0..<2 {
            let error = await #expect(throws: TransportError.self) {
                try await connection.run(pipelined: Array(repeating: ping.encoded(), count: 3), by: farAway)
            }
            #expect(error?.code == .closed)
        }
    }

    /// The first reply is right, and the second one is to no command of these.
    @Test func aReplyToAnotherCommandFailsAll() async throws {
        var replies = ByteBuffer()
        for id: Int32 in [1, 7] {
            try WireMessage.message(WireOpMessage(body: ["ok": 1]))
                .encode(into: &replies, requestID: 1, responseTo: id)
        }
        let server = try await TestServer.start(.reply(Array(replies.readableBytesView)))
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) {
            try await connection.run(pipelined: Array(repeating: ping.encoded(), count: 3), by: farAway)
        }
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.contains("to request 7, not to 2") == true, "\(error?.message ?? "")")
        try await eventually("the connection is closed") { Sockets.descriptors(connectedTo: server.port).isEmpty }
    }

    @Test func aDeadlineFailsAll() async throws {
        let server = try await TestServer.start(.silence)
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) {
            try await connection.run(pipelined: [ping.encoded(), ping.encoded()], by: .now + .milliseconds(50))
        }
        #expect(error?.code == .deadlineExceeded)
        try await eventually("the connection is closed") { Sockets.descriptors(connectedTo: server.port).isEmpty }
    }

    // MARK: - Where it runs

    /// A conversation on its connection's event loop stays there, from the look-up to the last reply.
    @Test func aConversationRunsOnItsEventLoop() async throws {
        let server = try await TestServer.start()
        let executor = EventLoopTaskExecutor(MultiThreadedEventLoopGroup.singleton.next())
        let resolver = ScriptedResolver(ipv4: .late(.milliseconds(1), ["127.0.0.1"]))
        let connector = Connector(resolver: resolver, group: MultiThreadedEventLoopGroup.singleton)
        try await withTaskExecutorPreference(executor) {
            let connection = try await WireConnection.connect(
                to: .host("db.test", port: server.port), connector: connector, on: executor.eventLoop, by: farAway)
            #expect(executor.eventLoop.inEventLoop)
            #expect((connection.executor as? EventLoopTaskExecutor)?.eventLoop === executor.eventLoop)
            for number in 1...3 {
                #expect(try await connection.run(ping, by: farAway)["number"] == .int32(Int32(number)))
                #expect(executor.eventLoop.inEventLoop)
            }
            await connection.close()
        }
    }

    // MARK: - Waiting

    @Test func aWaitingCommandEndsAtItsOwnDeadlineAndHurtsNobody() async throws {
        let server = try await TestServer.start(.silence)
        let connection = try await connect(server)
        let first = Task { try await connection.run(ping, by: farAway) }
        try await eventually("the first is under way") { server.received == 1 }

        let error = await #expect(throws: TransportError.self) {
            try await connection.run(ping, by: .now + .milliseconds(50))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("waited") == true)
        #expect(server.open == 1)

        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        try await eventually("the connection is closed") { server.open == 0 }
    }

    @Test func aWaitingCommandThatIsCancelledHurtsNobody() async throws {
        let server = try await TestServer.start(.silence)
        let connection = try await connect(server)
        let first = Task { try await connection.run(ping, by: farAway) }
        try await eventually("the first is under way") { server.received == 1 }
        let second = Task { try await connection.run(ping, by: farAway) }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(server.open == 1)

        await connection.close()
        let error = await #expect(throws: TransportError.self) { try await first.value }
        #expect(error?.code == .closed)
        #expect(error?.message == "the connection was closed")
    }

    @Test func aDeadlineThatHasPassedSendsNothing() async throws {
        let server = try await TestServer.start()
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: .now) }
        #expect(error?.code == .deadlineExceeded)
        #expect(try await connection.run(ping, by: farAway)["number"] == 1)
    }

    @Test func afterAnEndEveryCommandIsRefused() async throws {
        let server = try await TestServer.start(.silence)
        let connection = try await connect(server)
        await #expect(throws: TransportError.self) { try await connection.run(ping, by: .now + .milliseconds(20)) }
        for _ in 0..<2 {
            let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
            #expect(error?.code == .closed)
        }
    }

    // MARK: - Servers that end the connection

    @Test func aServerThatHangsUpMayDemandTLS() async throws {
        for behaviour in [TestServer.Behaviour.hangUp, .hangUpOnRequest] {
            let server = try await TestServer.start(behaviour)
            let connection = try await connect(server)
            let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
            #expect(error?.code == .closed)
            #expect(error?.phase == .command)
            #expect(error?.mayDemandTLS == true, "\(error?.message ?? "")")
        }
    }

    @Test func aServerThatResets() async throws {
        let server = try await TestServer.start(.resetOnRequest)
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
        #expect(error?.code == .closed)
        #expect(error?.message.contains("reset") == true, "\(error?.message ?? "")")
    }

    @Test func aServerThatCutsTheConnectionLater() async throws {
        let server = try await TestServer.start(.cutAfter(2))
        let connection = try await connect(server)
        _ = try await connection.run(ping, by: farAway)
        _ = try await connection.run(ping, by: farAway)
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
        #expect(error?.code == .closed)
        #expect(error?.mayDemandTLS == false)
    }

    // MARK: - Servers of something else

    struct Foreign: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var behaviour: TestServer.Behaviour
        var says: [String]
    }

    private static let ssh = Array("SSH-2.0-OpenSSH_9.2\r\n".utf8)
    private static let http = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
    /// A fatal alert of TLS 1.2: unexpected_message.
    private static let alert: [UInt8] = [21, 3, 3, 0, 2, 2, 10]

    @Test(arguments: [
        Foreign(testDescription: "SSH", behaviour: .greet(ssh, thenClose: false), says: ["SSH"]),
        Foreign(testDescription: "SSH, and gone", behaviour: .greet(ssh, thenClose: true), says: ["SSH"]),
        Foreign(testDescription: "HTTP", behaviour: .reply(http), says: ["HTTP"]),
        Foreign(testDescription: "TLS", behaviour: .reply(alert), says: ["the peer requires TLS"]),
        // It comes before the command is sent or after: both are told.
        Foreign(
            testDescription: "a message without a question", behaviour: .greet(message, thenClose: true),
            says: ["asked", "to request 0"]),
    ])
    func aServerOfSomethingElse(_ foreign: Foreign) async throws {
        let server = try await TestServer.start(foreign.behaviour)
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
        #expect(error?.code == .protocolViolation)
        #expect(foreign.says.contains { error?.message.contains($0) == true }, "\(error?.message ?? "")")
        try await eventually("the connection is closed") { Sockets.descriptors(connectedTo: server.port).isEmpty }
    }

    private static let message: [UInt8] = {
        let message = try? WireMessage.message(WireOpMessage(body: ["ok": 1])).encoded(requestID: 1, responseTo: 0)
        return message.map { Array($0.readableBytesView) } ?? []
    }()

    /// A TLS server, contacted without TLS.
    @Test func aServerThatHasTLSOnly() async throws {
        let authority = try await TestAuthority.shared
        let server = try await TestServer.start(tls: authority.server("server"))
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
        #expect(error?.message.contains("TLS") == true, "\(error?.message ?? "")")
        #expect(error?.code == .protocolViolation || error?.code == .closed)
    }
}
