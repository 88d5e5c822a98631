import MongoTransport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import SaslBSON
import SaslWire

/// A scripted server in this process.
final class TestServer: Sendable {
    /// What it does with a connection.
    enum Behaviour: Sendable {
        /// Answers every command with `ok: 1`.
        case answer
        /// Reads and sends nothing.
        case silence
        /// Closes as soon as it has accepted.
        case hangUp
        /// Sends this as soon as it has accepted; then closes or waits.
        case greet([UInt8], thenClose: Bool)
        /// Sends this in answer to the first bytes; then closes.
        case reply([UInt8])
        /// Closes when the first bytes come.
        case hangUpOnRequest
        /// Resets the connection when the first bytes come.
        case resetOnRequest
        /// Answers this many commands, then closes the socket without TLS's close_notify.
        case cutAfter(Int)
        /// Closes as soon as a TLS handshake is complete.
        case hangUpAfterHandshake
    }

    let port: UInt16
    private let channels: [any Channel]
    private let state: NIOLockedValueBox<State>

    private struct State {
        var accepted = 0
        var open = 0
        var received = 0
        var serverNames: [String?] = []
    }

    /// How many connections it has accepted.
    var accepted: Int { state.withLockedValue { $0.accepted } }
    /// How many of them are open.
    var open: Int { state.withLockedValue { $0.open } }
    /// How many commands, or pieces of a foreign protocol, have come.
    var received: Int { state.withLockedValue { $0.received } }
    /// The names that clients have asked for (SNI), one for each handshake.
    var serverNames: [String?] { state.withLockedValue { $0.serverNames } }

    private init(port: UInt16, channels: [any Channel], state: NIOLockedValueBox<State>) {
        self.port = port
        self.channels = channels
        self.state = state
    }

    /// Listens on addresses, all with the same port.
    static func start(
        _ behaviour: Behaviour = .answer, on addresses: [String] = ["127.0.0.1"], port: UInt16 = 0,
        tls: TLSConfiguration? = nil
    ) async throws -> TestServer {
        let state = NIOLockedValueBox(State())
        let bootstrap = try bootstrap(behaviour, tls, state)
        // A port that is free in one family may be taken in the other.
        for attempt in 0..<20 {
            var channels: [any Channel] = []
            var chosen = port
            do {
                for address in addresses {
                    let channel = try await bootstrap.bind(host: address, port: Int(chosen)).get()
                    channels.append(channel)
                    chosen = UInt16(channel.localAddress?.port ?? 0)
                }
                return TestServer(port: chosen, channels: channels, state: state)
            } catch {
                for channel in channels { try? await channel.close().get() }
                if attempt == 19 || port != 0 { throw error }
            }
        }
        throw ChannelError.alreadyClosed
    }

    /// Listens on a Unix domain socket.
    static func start(_ behaviour: Behaviour = .answer, path: String, tls: TLSConfiguration? = nil) async throws
        -> TestServer
    {
        let state = NIOLockedValueBox(State())
        let channel = try await bootstrap(behaviour, tls, state).bind(unixDomainSocketPath: path).get()
        return TestServer(port: 0, channels: [channel], state: state)
    }

    private static func bootstrap(
        _ behaviour: Behaviour, _ tls: TLSConfiguration?, _ state: NIOLockedValueBox<State>
    ) throws -> ServerBootstrap {
        var tls = tls
        tls?.sslContextCallback = { values, promise in
            state.withLockedValue { $0.serverNames.append(values.serverHostname) }
            promise.succeed(.noChanges)
        }
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        return ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 128)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let operations = channel.pipeline.syncOperations
                    let counter = ConnectionCounter { change in state.withLockedValue { change(&$0.accepted, &$0.open) }
                    }
                    try operations.addHandler(counter)
                    if let context { try operations.addHandler(NIOSSLServerHandler(context: context)) }
                    try operations.addHandler(
                        BehaviourHandler(behaviour) { state.withLockedValue { $0.received += 1 } })
                }
            }
    }

    deinit {
        for channel in channels { channel.close(promise: nil) }
    }
}

private final class ConnectionCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias Change = (_ accepted: inout Int, _ open: inout Int) -> Void

    private let update: ((Change) -> Void)

    init(update: @escaping (Change) -> Void) {
        self.update = update
    }

    func channelActive(context: ChannelHandlerContext) {
        update { accepted, open in
            accepted += 1
            open += 1
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        update { _, open in open -= 1 }
        context.fireChannelInactive()
    }
}

private final class BehaviourHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let behaviour: TestServer.Behaviour
    private let onReceive: () -> Void
    private let processor = NIOSingleStepByteToMessageProcessor(WireMessageDecoder())
    private var answered = 0

    init(_ behaviour: TestServer.Behaviour, onReceive: @escaping () -> Void) {
        self.behaviour = behaviour
        self.onReceive = onReceive
    }

    func channelActive(context: ChannelHandlerContext) {
        switch behaviour {
        case .hangUp:
            context.close(promise: nil)
        case .greet(let bytes, let thenClose):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            if thenClose { context.close(promise: nil) }
        default:
            break
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .hangUpAfterHandshake = behaviour, "\(event)".contains("handshakeCompleted") {
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch behaviour {
        case .answer, .cutAfter:
            answer(unwrapInboundIn(data), context)
        case .reply(let bytes):
            onReceive()
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            context.close(promise: nil)
        case .hangUpOnRequest:
            onReceive()
            context.close(promise: nil)
        case .resetOnRequest:
            onReceive()
            // Closing without lingering resets, if it is done beneath TLS: the first handler's context is there.
            let options = context.channel as? any SocketOptionProvider
            let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
            _ = options?.unsafeSetSocketOption(level: .socket, name: .so_linger, value: SIMD2<Int32>(1, 0))
                .always { _ in
                    try? loopBound.value.pipeline.syncOperations.context(handlerType: ConnectionCounter.self)
                        .close(promise: nil)
                }
        case .silence, .hangUp, .greet, .hangUpAfterHandshake:
            onReceive()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        do {
            try processor.process(buffer: bytes) { frame in
                onReceive()
                answered += 1
                let message: WireMessage =
                    if case .query = frame.message { .reply(WireOpReply(documents: [["ok": 1]])) } else {
                        .message(WireOpMessage(body: ["ok": 1, "number": .int32(Int32(answered))]))
                    }
                let reply = try message.encoded(requestID: 1, responseTo: frame.header.requestID)
                context.writeAndFlush(wrapOutboundOut(reply), promise: nil)
                if case .cutAfter(let count) = behaviour, answered == count {
                    // The first handler's context is below TLS.
                    try? context.pipeline.syncOperations.context(handlerType: ConnectionCounter.self).close(
                        promise: nil)
                }
            }
        } catch {
            // What is not the protocol ends the connection, as a real server does it.
            context.close(promise: nil)
        }
    }
}
