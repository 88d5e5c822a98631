internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Waits for the end of a TLS handshake, then takes itself out of the pipeline.
final class TLSHandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let done: EventLoopPromise<Void>

    init(done: EventLoopPromise<Void>) {
        self.done = done
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { done.succeed() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        done.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        done.fail(ChannelError.eof)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        done.fail(ChannelError.eof)
    }
}

extension WireConnection {
    /// Encrypts a fresh channel.
    ///
    /// - Throws: ``TransportError`` with ``TransportError/Code/tls`` or ``TransportError/Code/deadlineExceeded``.
    static func secure(
        _ channel: any Channel, host: String?, _ options: TLSOptions, by deadline: ContinuousClock.Instant
    ) async throws {
        let done = channel.eventLoop.makePromise(of: Void.self)
        do {
            let sslContext = try options.makeContext()
            // An address literal is no server name (RFC 6066 section 3); its certificate is matched by the connection's
            // address.
            let isAddress = host.map { (try? SocketAddress(ipAddress: $0, port: 0)) != nil } ?? true
            let serverName = isAddress ? nil : host
            try await channel.eventLoop.submit {
                let operations = channel.pipeline.syncOperations
                try operations.addHandler(NIOSSLClientHandler(context: sslContext, serverHostname: serverName))
                try operations.addHandler(TLSHandshakeHandler(done: done), name: "tls-handshake")
            }.get()
        } catch {
            done.fail(error)
        }
        let timer = channel.eventLoop.scheduleTask(in: .until(deadline)) {
            done.fail(TransportError(.deadlineExceeded, phase: .tls, "the deadline passed during the TLS handshake"))
        }
        defer { timer.cancel() }
        do {
            try await withTaskCancellationHandler {
                try await channel.setOption(.autoRead, value: true).get()
                try await done.futureResult.get()
                // Nothing may be read between this handler's end and the next one's start.
                try await channel.setOption(.autoRead, value: false).get()
                try await channel.pipeline.removeHandler(name: "tls-handshake").get()
            } onCancel: {
                done.fail(CancellationError())
                channel.close(promise: nil)
            }
        } catch {
            channel.close(promise: nil)
            if Task.isCancelled { throw CancellationError() }
            if let error = error as? TransportError { throw error }
            throw TransportError(.tls, phase: .tls, "the TLS handshake failed: \(error)", underlying: error)
        }
    }
}
