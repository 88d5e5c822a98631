import NIOCore
import SASL

/// A SASL security layer in a channel's pipeline: what goes out is protected, what comes in is checked and opened.
///
/// It comes first in the pipeline, once both sides agree that the authentication has succeeded. Wrapping and unwrapping
/// compute, so the event loop is the right place for them.
package final class SaslLayerHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private var codec: SaslLayerCodec

    package init(_ codec: consuming SaslLayerCodec) {
        self.codec = codec
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            let plain = try codec.decode(Array(unwrapInboundIn(data).readableBytesView))
            // An incomplete message has no content yet.
            guard !plain.isEmpty else { return }
            context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: plain)))
        } catch {
            fail(error, context)
        }
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        do {
            let protected = try codec.encode(Array(unwrapOutboundIn(data).readableBytesView))
            context.write(wrapOutboundOut(ByteBuffer(bytes: protected)), promise: promise)
        } catch {
            promise?.fail(error)
            fail(error, context)
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        // Without this, an attacker who cuts the connection could truncate an answer.
        if codec.isInsideMessage {
            context.fireErrorCaught(SaslError(.securityLayer, "the connection ended inside a protected message"))
        }
        context.fireChannelInactive()
    }

    /// A message that is not genuine ends the connection: nothing after it can be trusted.
    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }
}
