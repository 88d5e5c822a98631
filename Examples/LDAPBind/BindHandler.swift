import ExampleSupport
import LDAP
import NIOCore
import SASL

/// Binds (RFC 4513 section 5.2) before anything else uses the connection, all of it on the event loop.
///
/// The layer has to be in the pipeline before the next byte is processed, and no byte may have come before it: a man in
/// the middle could insert a message after the server's last plain one, which would be taken for one that the layer has
/// verified.
final class BindHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = LDAPMessage
    typealias OutboundOut = ByteBuffer

    private var session: SaslSession
    private var identifier: Int32 = 0
    private let bound: EventLoopPromise<SaslSecurityLayers>

    init(_ mechanism: any SaslMechanism, bound: EventLoopPromise<SaslSecurityLayers>) throws {
        session = try SaslSession(mechanism)
        self.bound = bound
    }

    func channelActive(context: ChannelHandlerContext) {
        attempt(context) { try request(try session.step(nil), context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let message = unwrapInboundIn(data)
        attempt(context) {
            guard message.tag == LDAPMessage.bindResponse, message.identifier == identifier else {
                throw LDAPError.malformed("an answer to another request")
            }
            let result = try LDAPResult(message)
            switch result.code {
            case LDAPResult.saslBindInProgress:
                try request(try session.step(result.serverSaslCredentials), context)
            case LDAPResult.success:
                // Both sides have to agree. The mechanism checks data with the success.
                if let last = result.serverSaslCredentials { _ = try session.step(last) }
                guard session.isComplete else { throw LDAPError.tooEarly }
                guard !message.isFollowed else {
                    throw LDAPError.malformed("unprotected bytes before the security layer")
                }
                try protect(SaslLayerCodec(try session.makeSecurityLayer()), context)
            default:
                throw LDAPError.refused(what: "bind", result)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        bound.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        bound.fail(LDAPError.closed)
        context.fireChannelInactive()
    }

    private func request(_ step: SaslStep, _ context: ChannelHandlerContext) throws {
        let credentials: [UInt8]? = if case .respond(let token) = step { token } else { nil }
        identifier += 1
        let bind = LDAPMessage.bind(mechanism: session.mechanism.rawValue, credentials: credentials)
        context.writeAndFlush(
            wrapOutboundOut(ByteBuffer(bytes: LDAPMessage.encoded(identifier, bind))), promise: nil)
    }

    private func protect(_ codec: consuming SaslLayerCodec, _ context: ChannelHandlerContext) throws {
        let protection = codec.protection
        let pipeline = context.pipeline.syncOperations
        if protection != .none { try pipeline.addHandler(SaslLayerHandler(codec), position: .first) }
        pipeline.removeHandler(context: context, promise: nil)
        bound.succeed(protection)
    }

    private func attempt(_ context: ChannelHandlerContext, _ body: () throws -> Void) {
        do { try body() } catch { errorCaught(context: context, error: error) }
    }
}
