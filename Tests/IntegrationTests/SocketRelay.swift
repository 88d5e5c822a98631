import Foundation
import NIOCore
import NIOPosix

/// A Unix socket that leads to a TCP port of this machine, for as long as `body` runs.
enum SocketRelay {
    static func run<Value: Sendable>(
        to port: Int, _ body: (_ path: String) async throws -> Value
    ) async throws -> Value {
        // A socket's path has room for about 100 bytes, which the folder for temporary files may exceed.
        let path = "/tmp/relay-\(UUID().uuidString).sock"
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                ClientBootstrap(group: client.eventLoop)
                    .channelInitializer { $0.pipeline.addHandler(Relay(to: client)) }
                    .connect(host: "127.0.0.1", port: port)
                    .flatMap { server in client.pipeline.addHandler(Relay(to: server)) }
                    .flatMap { client.setOption(.autoRead, value: true) }
            }
            .bind(unixDomainSocketPath: path).get()
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(path))
        } catch {
            result = .failure(error)
        }
        try? await listener.close()
        try? FileManager.default.removeItem(atPath: path)
        return try result.get()
    }

    private final class Relay: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let other: any Channel

        init(to other: any Channel) {
            self.other = other
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            other.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            other.close(promise: nil)
            context.fireChannelInactive()
        }
    }
}
