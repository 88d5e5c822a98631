import MongoConnect
import MongoTransport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SaslConnectionString
import Testing

/// Strings with several hosts, of which the first is unusable.
@Suite struct SeveralHostsTests {
    /// Sends nothing, or closes the connection at the first bytes.
    private final class Peer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let isSilent: Bool
        private let asked: NIOLockedValueBox<Int>

        init(isSilent: Bool, asked: NIOLockedValueBox<Int>) {
            self.isSilent = isSilent
            self.asked = asked
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            asked.withLockedValue { $0 += 1 }
            if !isSilent { context.close(promise: nil) }
        }
    }

    private static func start(isSilent: Bool, _ asked: NIOLockedValueBox<Int>) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Peer(isSilent: isSilent, asked: asked))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    @Test func aSilentHostLeavesTimeForTheNext() async throws {
        let (first, second) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
        let servers = try await [Self.start(isSilent: true, first), Self.start(isSilent: false, second)]
        let ports = try servers.map { try #require($0.localAddress?.port) }
        let hosts = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
        let string = try MongoConnectionString(parsing: "mongodb://\(hosts)/")
        var codes: [TransportError.Code?] = []
        // A busy machine may need more.
        for seconds in [1, 4, 16] where codes.last != .closed {
            let error = await #expect(throws: TransportError.self) {
                try await connector.connect(to: string, by: .now + .seconds(seconds))
            }
            codes.append(error?.code)
        }
        // What the second one did, after the first one had its share.
        #expect(codes.last == .closed, "\(codes)")
        #expect(first.withLockedValue { $0 } > 0)
        #expect(second.withLockedValue { $0 } > 0)
        for server in servers { try await server.close() }
    }

    /// `serverSelectionTimeoutMS` is for all hosts together, and `socketTimeoutMS` for each command that follows.
    @Test func theStringsOtherTimesCount() async throws {
        let asked = NIOLockedValueBox(0)
        let server = try await Self.start(isSilent: true, asked)
        let port = try #require(server.localAddress?.port)
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
        let deadline = ContinuousClock.now + .seconds(600)
        for option in ["serverSelectionTimeoutMS=200", "socketTimeoutMS=200"] {
            let string = try MongoConnectionString(
                parsing: "mongodb://127.0.0.1:\(port),127.0.0.1:\(port)/?\(option)")
            let error = await #expect(throws: TransportError.self) {
                try await connector.connect(to: string, by: deadline)
            }
            #expect(error?.code == .deadlineExceeded)
            let name = option.prefix { $0 != "=" }
            #expect(error?.message.contains(name) == true, "\(String(describing: error))")
        }
        #expect(ContinuousClock.now < deadline)
        try await server.close()
    }

    /// `connectTimeoutMS` is a host's, whatever the deadline, and is named when it ends the wait.
    @Test func theStringsTimeoutIsForEachHost() async throws {
        let (first, second) = (NIOLockedValueBox(0), NIOLockedValueBox(0))
        let servers = try await [Self.start(isSilent: true, first), Self.start(isSilent: false, second)]
        let ports = try servers.map { try #require($0.localAddress?.port) }
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
        let deadline = ContinuousClock.now + .seconds(600)

        let one = try MongoConnectionString(parsing: "mongodb://127.0.0.1:\(ports[0])/?connectTimeoutMS=200")
        let error = await #expect(throws: TransportError.self) { try await connector.connect(to: one, by: deadline) }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("connectTimeoutMS=200") == true, "\(String(describing: error))")

        let hosts = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        // A busy machine may need more.
        var code: TransportError.Code?
        for milliseconds in [500, 4_000, 16_000] where code != .closed {
            let both = try MongoConnectionString(parsing: "mongodb://\(hosts)/?connectTimeoutMS=\(milliseconds)")
            code = await #expect(throws: TransportError.self) {
                try await connector.connect(to: both, by: deadline)
            }?.code
        }
        #expect(code == .closed)
        #expect(first.withLockedValue { $0 } > 0)
        #expect(second.withLockedValue { $0 } > 0)
        #expect(ContinuousClock.now < deadline)
        for server in servers { try await server.close() }
    }

    /// 0 is no timeout, and one beyond the deadline is not what ends the wait.
    @Test(arguments: [0, 600_000])
    func aTimeoutThatDoesNotCountIsNotNamed(milliseconds: Int) async throws {
        let asked = NIOLockedValueBox(0)
        let server = try await Self.start(isSilent: true, asked)
        let port = try #require(server.localAddress?.port)
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
        let string = try MongoConnectionString(
            parsing: "mongodb://127.0.0.1:\(port)/?connectTimeoutMS=\(milliseconds)")
        let deadline = ContinuousClock.now + .milliseconds(500)
        let error = await #expect(throws: TransportError.self) { try await connector.connect(to: string, by: deadline) }
        #expect(ContinuousClock.now >= deadline)
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.message.contains("connectTimeoutMS") == false)
        try await server.close()
    }

    @Test func whereAllAreSilentTheDeadlineEndsIt() async throws {
        let asked = NIOLockedValueBox(0)
        let server = try await Self.start(isSilent: true, asked)
        let port = try #require(server.localAddress?.port)
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
        let string = try MongoConnectionString(parsing: "mongodb://127.0.0.1:\(port),localhost:\(port)/")
        let deadline = ContinuousClock.now + .seconds(1)
        let error = await #expect(throws: TransportError.self) { try await connector.connect(to: string, by: deadline) }
        #expect(ContinuousClock.now >= deadline)
        #expect(error?.code == .deadlineExceeded)
        try await server.close()
    }
}
