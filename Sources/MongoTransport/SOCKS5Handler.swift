internal import NIOCore

/// Asks a proxy for a tunnel when the channel is connected. The following handlers see the channel become active when
/// the tunnel is open.
final class SOCKS5Handler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var client: SOCKS5Client
    private let proxy: SOCKS5Proxy
    private let done: EventLoopPromise<Void>
    private var isOpen = false

    init(_ client: SOCKS5Client, at proxy: SOCKS5Proxy, done: EventLoopPromise<Void>) {
        self.client = client
        self.proxy = proxy
        self.done = done
    }

    func channelActive(context: ChannelHandlerContext) {
        send(client.greeting, context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOpen else { return context.fireChannelRead(data) }
        do throws(SOCKS5Client.Failure) {
            switch try client.receive(unwrapInboundIn(data).readableBytesView) {
            case .wait: break
            case .send(let bytes): send(bytes, context)
            case .open(let rest):
                isOpen = true
                context.fireChannelActive()
                done.succeed()
                if !rest.isEmpty { context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: rest))) }
            }
        } catch {
            fail(error.kind, error.message, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard isOpen else { return fail(.notSOCKS5, "closed the connection before the tunnel was open", context) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard isOpen else {
            return fail(.notSOCKS5, "dropped the connection before the tunnel was open", context, error)
        }
        context.fireErrorCaught(error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Has no effect if the promise is already completed.
        done.fail(ChannelError.ioOnClosedChannel)
    }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func fail(
        _ kind: ProxyFailure, _ message: String, _ context: ChannelHandlerContext, _ cause: (any Error)? = nil
    ) {
        var error = TransportError(
            .connect, phase: .tcp, "the SOCKS5 proxy \(proxy.endpoint) \(message)", underlying: cause)
        error.proxyFailure = kind
        done.fail(error)
        context.close(promise: nil)
    }
}

/// A channel's tunnel, open or being opened.
struct ProxyTunnel: Sendable {
    private let wait: HandshakeWait<Void>
    private let proxy: SOCKS5Proxy

    /// Adds the proxy to a channel that is not connected yet, before all other handlers. To be called on its event
    /// loop.
    init?(on channel: any Channel, to endpoint: ServerEndpoint, by proxy: SOCKS5Proxy?) throws {
        guard let proxy, case .host(let host, let port) = endpoint else { return nil }
        self.proxy = proxy
        wait = HandshakeWait(on: channel)
        let client = SOCKS5Client(to: host, port: port, as: proxy.credential)
        do {
            try channel.pipeline.syncOperations.addHandler(SOCKS5Handler(client, at: proxy, done: wait.done))
        } catch {
            wait.done.fail(error)
            throw error
        }
    }

    /// Waits for the tunnel. The channel is to be closed after an error.
    ///
    /// - Throws: ``TransportError``, `CancellationError`.
    func open(on channel: any Channel, by deadline: ContinuousClock.Instant) async throws {
        try await wait.value(
            on: channel, by: deadline,
            late: TransportError(
                .deadlineExceeded, phase: .tcp,
                "the deadline passed before the SOCKS5 proxy \(proxy.endpoint) had connected to the server"))
    }
}
