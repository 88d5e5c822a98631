import Foundation
import MongoConnect
import MongoTransport
import NIOCore
import NIOPosix
import SaslConnectionString
import TestSupport
import Testing

/// When a connector reads the files that its connection strings name.
@Suite struct ConnectorTLSTests {
    /// Closes every connection at its first bytes: whoever comes so far has read its files.
    private final class Closing: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.close(promise: nil)
        }
    }

    @Test func filesAreReadOnceAndAgainWhenThatIsAskedFor() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Closing()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("connector-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("ca.pem")
        let path = try #require(file.path.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        let string = try MongoConnectionString(parsing: "mongodb://127.0.0.1:\(port)/?tls=true&tlsCAFile=\(path)")
        let authorities = try Data(await TestAuthority.shared.contents("ca.crt"))

        func failure(_ connector: MongoConnector) async -> TLSFailure? {
            await #expect(throws: TransportError.self) {
                _ = try await connector.connect(to: string, by: .now + .seconds(60))
            }?.tlsFailure
        }

        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
        #expect(await failure(connector) == .authoritiesFile)
        // What could not be used is read again, and then no more, by copies neither.
        try authorities.write(to: file)
        #expect(await failure(connector) == .notTLS)
        try FileManager.default.removeItem(at: file)
        let copy = connector
        #expect(await failure(copy) == .notTLS)
        #expect(await failure(MongoConnector(group: MultiThreadedEventLoopGroup.singleton)) == .authoritiesFile)

        copy.reloadTLSFiles()
        #expect(await failure(connector) == .authoritiesFile)
        try authorities.write(to: file)
        #expect(await failure(connector) == .notTLS)
        try await server.close()
    }

    /// A file that cannot be used is the failure of phase `tls`, although no server was asked.
    @Test func thePhaseIsTold() async throws {
        let string = try MongoConnectionString(parsing: "mongodb://127.0.0.1:1/?tls=true&tlsCAFile=%2Fnonexistent")
        let host = try #require(string.hosts.first)
        let trace = ConnectTrace()
        let error = await #expect(throws: TransportError.self) {
            try await MongoConnector(group: MultiThreadedEventLoopGroup.singleton).connect(
                to: host, of: string, by: .now + .seconds(60), trace: trace)
        }
        #expect(error?.phase == .tls && error?.tlsFailure == .authoritiesFile)
        #expect(trace.entries.isEmpty)
    }
}
