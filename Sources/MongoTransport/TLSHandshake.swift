internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import SaslWire

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Inspects the server's first bytes before TLS processes them.
final class ServerHelloHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// What they say.
    private(set) var reader = ServerHelloReader()
    /// Whether a certificate was asked for.
    let certificateRequest = CertificateRequest()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        reader.read(bytes.readableBytesView)
        guard reader.isForeign else {
            return CertificateRequest.$current.withValue(certificateRequest) { context.fireChannelRead(data) }
        }
        context.fireErrorCaught(ForeignServer(hint: Self.hint(for: bytes)))
        context.close(promise: nil)
    }

    private static func hint(for bytes: ByteBuffer) -> String? {
        var decoder = WireMessageDecoder()
        var bytes = bytes
        do {
            _ = try decoder.decode(buffer: &bytes)
            return nil
        } catch {
            return error.code == .foreignProtocol ? error.message : nil
        }
    }
}

/// Waits for the end of a TLS handshake. It stays in the pipeline: with TLS 1.3 the server may refuse the client later.
final class TLSHandshakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private enum State {
        case handshaking
        /// Nothing has come since the handshake.
        case silent
        case inUse
        case over
    }

    private let serverHello: ServerHelloHandler
    private let tls: NIOSSLClientHandler
    private let identity: ServerIdentity
    private let diagnosis: TLSDiagnosis
    private let done: EventLoopPromise<TLSReport>
    private var state = State.handshaking

    init(
        serverHello: ServerHelloHandler, tls: NIOSSLClientHandler, identity: ServerIdentity, diagnosis: TLSDiagnosis,
        done: EventLoopPromise<TLSReport>
    ) {
        self.serverHello = serverHello
        self.tls = tls
        self.identity = identity
        self.diagnosis = diagnosis
        self.done = done
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshaking = state, let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            let report = report()
            if let error = objection(to: report) {
                fail(error, context)
            } else {
                state = .silent
                done.succeed(report)
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .silent: state = .inUse
        case .inUse: break
        // Data of a server that is not the right one is ignored.
        case .handshaking, .over: return
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .handshaking:
            fail(diagnosis.handshakeFailed(error, report(), firstBytes: serverHello.reader), context)
        case .silent, .inUse:
            let isSilent = if case .silent = state { true } else { false }
            state = .over
            context.fireErrorCaught((isSilent ? connectionBroke(error) : nil) ?? error)
        case .over:
            break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch state {
        case .handshaking:
            fail(diagnosis.handshakeFailed(ChannelError.eof, report(), firstBytes: serverHello.reader), context)
        case .silent:
            if let error = connectionBroke(nil) { context.fireErrorCaught(error) }
        case .inUse, .over:
            break
        }
        state = .over
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        // Has no effect if the promise is already completed.
        done.fail(ChannelError.ioOnClosedChannel)
    }

    private func fail(_ error: TransportError, _ context: ChannelHandlerContext) {
        state = .over
        done.fail(error)
        context.close(promise: nil)
    }

    /// TLS can be the cause only while the server has sent nothing since the handshake.
    private func connectionBroke(_ cause: (any Error)?) -> TransportError? {
        diagnosis.connectionBroke(cause, isJudged: tls.tlsVersion != .tlsv13)
    }

    /// What is wrong with a trusted certificate; `nil` for nothing.
    private func objection(to report: TLSReport) -> TransportError? {
        let options = diagnosis.context.options
        guard options.verifiesCertificate else { return nil }
        // A certificate that cannot be parsed cannot match.
        if options.verifiesHostname, report.certificate.map(identity.isConfirmed) != true {
            return diagnosis.nameNotConfirmed(report)
        }
        return diagnosis.revocation(of: (try? tls.peerCertificate?.toDERBytes()) ?? [], report)
    }

    private func report() -> TLSReport {
        var report = TLSReport()
        report.version =
            switch tls.tlsVersion {
            case .tlsv13?: "TLSv1.3"
            case .tlsv12?: "TLSv1.2"
            default: nil
            }
        report.cipherSuite = serverHello.reader.cipherSuite.map(ServerHelloReader.name)
        report.certificate = tls.peerCertificate.flatMap { try? PeerCertificate(der: $0.toDERBytes()) }
        return report
    }
}

/// The handshake of one channel.
struct TLSHandshake: Sendable {
    private let wait: HandshakeWait<TLSReport>

    /// Adds TLS to a channel that is not connected yet. To be called on its event loop.
    init(on channel: any Channel, to endpoint: ServerEndpoint, _ context: TLSContext) throws {
        let identity = ServerIdentity(endpoint)
        let tls: NIOSSLClientHandler
        do {
            tls = try Self.handler(identity.serverName, context)
        } catch {
            throw TransportError(
                .tls, phase: .tls, "\(endpoint) is not a name that TLS can use: \(error)", underlying: error,
                tlsFailure: .wrongHostname)
        }
        let serverHello = ServerHelloHandler()
        wait = HandshakeWait(on: channel)
        let waiting = TLSHandshakeHandler(
            serverHello: serverHello, tls: tls, identity: identity,
            diagnosis: TLSDiagnosis(
                context: context, endpoint: endpoint, certificateRequest: serverHello.certificateRequest),
            done: wait.done)
        do {
            try channel.pipeline.syncOperations.addHandlers([serverHello, tls, waiting])
        } catch {
            wait.done.fail(error)
            throw error
        }
    }

    private static func handler(_ serverName: String?, _ context: TLSContext) throws -> NIOSSLClientHandler {
        let trust = context.trust
        if trust.servers.isEmpty {
            return try NIOSSLClientHandler(context: context.context, serverHostname: serverName)
        }
        // This excludes nothing that BoringSSL would trust: none of the certificates could have issued another.
        return try NIOSSLClientHandler(context: context.context, serverHostname: serverName) { certificates, promise in
            let isTrusted = trust.isServer(certificates.first, at: Int64(time(nil)))
            promise.succeed(isTrusted ? .certificateVerified : .failed)
        }
    }

    /// Waits for the handshake of a channel that is connected. The channel is to be closed after an error.
    ///
    /// - Throws: ``TransportError`` with what is known in its `tls`; `CancellationError`.
    func complete(on channel: any Channel, by deadline: ContinuousClock.Instant) async throws -> TLSReport {
        try await wait.value(
            on: channel, by: deadline,
            late: TransportError(.deadlineExceeded, phase: .tls, "the deadline passed during the TLS handshake"))
    }
}
