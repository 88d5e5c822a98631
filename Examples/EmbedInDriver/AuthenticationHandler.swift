import MongoAuth
import NIOCore
import SASL
import SASLGSSAPI

/// Authenticates a connection before the driver uses it: replies come in and commands go out, all of it on the event
/// loop.
///
/// `SaslConversation` knows the commands, `SaslSession` the mechanism; neither does I/O. The ticket is available, so
/// a step only computes.
final class AuthenticationHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = [UInt8]
    typealias OutboundOut = [UInt8]

    private static let closed = DriverError(description: "the server has closed the connection")

    private let hello: Hello
    private var session: SaslSession
    private var conversation: SaslConversation
    private var isGreeted = false
    private let authenticated: EventLoopPromise<Void>

    init(_ mechanism: GSSAPIMechanism, hello: Hello, authenticated: EventLoopPromise<Void>) throws {
        self.hello = hello
        session = try SaslSession(mechanism)
        conversation = SaslConversation(mechanism: mechanism.name, source: "$external")
        self.authenticated = authenticated
    }

    func handlerAdded(context: ChannelHandlerContext) {
        attempt(context) {
            guard context.channel.isActive else { throw Self.closed }
            send(try hello.command(), context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let reply = unwrapInboundIn(data)
        attempt(context) {
            if isGreeted {
                try perform(try conversation.replied(reply), context)
            } else {
                try hello.check(try ServerDescription(reply: reply))
                isGreeted = true
                try perform(try conversation.begin(), context)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        authenticated.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        authenticated.fail(Self.closed)
        context.fireChannelInactive()
    }

    /// Carries out the conversation's actions until it waits for the server.
    private func perform(_ first: SaslConversation.Action, _ context: ChannelHandlerContext) throws {
        var action = first
        while true {
            switch action {
            case .step(let challenge):
                let step = try session.step(challenge)
                action = try conversation.stepped(step, isComplete: session.isComplete)
            case .run(let command):
                return send(command, context)
            case .succeeded:
                // Both the server's claim and the mechanism's proof.
                context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
                return authenticated.succeed()
            }
        }
    }

    private func send(_ command: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(command), promise: nil)
    }

    /// After an error this connection cannot be used any more.
    private func attempt(_ context: ChannelHandlerContext, _ body: () throws -> Void) {
        do { try body() } catch { errorCaught(context: context, error: error) }
    }
}
