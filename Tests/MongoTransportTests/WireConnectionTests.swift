import MongoTransport
import NIOCore
import NIOPosix
import SaslBSON
import SaslWire
import TestSupport
import Testing

/// One connection over a real socket, and the servers that are none.
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
            #expect(error?.message.contains("tls=true") == true, "\(error?.message ?? "")")
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
        #expect(error?.message.contains("tls=true") == false)
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
        Foreign(testDescription: "TLS", behaviour: .reply(alert), says: ["the peer wants TLS"]),
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

    /// A server that has TLS only, asked in the clear.
    @Test func aServerThatHasTLSOnly() async throws {
        let authority = try await TestAuthority.shared
        let server = try await TestServer.start(tls: authority.server("server"))
        let connection = try await connect(server)
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
        #expect(error?.message.contains("TLS") == true, "\(error?.message ?? "")")
        #expect(error?.code == .protocolViolation || error?.code == .closed)
    }
}
