import NIOCore
import NIOPosix
import NIOSSL

/// A server of this process on 127.0.0.1 that comes as far as TLS, and no further.
final class TLSPeer: Sendable {
    /// What it does with those who connect.
    enum Behaviour: Sendable {
        /// Completes the handshake, and sends nothing more.
        case handshake(TLSConfiguration)
        /// Completes the handshake, and closes.
        case handshakeAndEnd(TLSConfiguration)
        /// Answers the first bytes with these, and closes.
        case reply([UInt8])
    }

    let port: Int
    private let channel: any Channel

    private init(port: Int, channel: any Channel) {
        self.port = port
        self.channel = channel
    }

    deinit {
        channel.close(promise: nil)
    }

    static func start(_ behaviour: Behaviour) async throws -> TLSPeer {
        let context: NIOSSLContext? =
            switch behaviour {
            case .handshake(let configuration), .handshakeAndEnd(let configuration):
                try NIOSSLContext(configuration: configuration)
            case .reply: nil
            }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let operations = channel.pipeline.syncOperations
                    if let context { try operations.addHandler(NIOSSLServerHandler(context: context)) }
                    try operations.addHandler(TLSPeerHandler(behaviour))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return TLSPeer(port: channel.localAddress?.port ?? 0, channel: channel)
    }
}

private final class TLSPeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let behaviour: TLSPeer.Behaviour

    init(_ behaviour: TLSPeer.Behaviour) {
        self.behaviour = behaviour
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeAndEnd = behaviour, "\(event)".contains("handshakeCompleted") { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .reply(let bytes) = behaviour else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
