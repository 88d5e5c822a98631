import ModuleTestSupport
import MongoTransport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SaslBSON
import TestSupport
import Testing

/// An event loop that is shut down while it is in use: all waiting calls end.
@Suite(.timeLimit(.minutes(1))) struct EventLoopShutdownTests {
    private let ping: BSONDocument = ["ping": 1, "$db": "admin"]

    private func connect(
        _ server: TestServer, _ group: MultiThreadedEventLoopGroup
    ) async throws -> WireConnection {
        try await WireConnection.connect(
            to: .host("127.0.0.1", port: server.port),
            connector: Connector(resolver: ScriptedResolver(ipv4: .addresses(["127.0.0.1"])), group: group),
            by: farAway)
    }

    @Test func aCommandUnderWayAndOneThatComesLater() async throws {
        let server = try await TestServer.start(.silence)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connection = try await connect(server, group)
        let underWay = Task { try await connection.run(ping, by: farAway) }
        while server.received == 0 { await Task.yield() }
        try await group.shutdownGracefully()
        await #expect(throws: TransportError.self) { try await underWay.value }
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
        #expect(error?.code == .closed)
        #expect(error?.message.contains("event loop") == true, "\(error?.message ?? "")")
    }

    @Test func aConnectThatWaitsForAName() async throws {
        let resolver = ScriptedResolver(ipv4: .silence, ipv6: .silence)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connect = Task {
            try await WireConnection.connect(
                to: .host("db.test", port: 1), connector: Connector(resolver: resolver, group: group), by: farAway)
        }
        while resolver.asked.withLockedValue({ $0.isEmpty }) { await Task.yield() }
        try await group.shutdownGracefully()
        let error = await #expect(throws: TransportError.self) { _ = try await connect.value }
        #expect(error?.message.contains("event loop") == true, "\(error?.message ?? "")")
    }

    @Test func aConnectThatComesLater() async throws {
        let server = try await TestServer.start(.silence)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        try await group.shutdownGracefully()
        let error = await #expect(throws: TransportError.self) { _ = try await connect(server, group) }
        #expect(error?.code == .closed)
        #expect(error?.message.contains("event loop") == true, "\(error?.message ?? "")")
    }

    @Test func aTaskGoesOnElsewhere() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let executor = EventLoopTaskExecutor(group.next())
        let wasThere = await withTaskExecutorPreference(executor) { executor.eventLoop.inEventLoop }
        #expect(wasThere)
        try await group.shutdownGracefully()
        let isThere = await withTaskExecutorPreference(executor) {
            await Task.yield()
            return executor.eventLoop.inEventLoop
        }
        #expect(!isThere)
    }
}
