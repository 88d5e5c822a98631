internal import BSON
internal import MongoWire
internal import NIOCore
internal import NIOSSL

/// A command on its way through the channel.
struct PendingRequest: Sendable {
    let message: WireMessage
    let deadline: ContinuousClock.Instant
    let reply: EventLoopPromise<BSONDocument>
}

/// Interprets the actions of ``RequestMachine`` on a channel.
final class RequestHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = PendingRequest
    typealias OutboundOut = ByteBuffer

    private let processor: NIOSingleStepByteToMessageProcessor<WireMessageDecoder>
    private var machine = RequestMachine<PendingRequest>()
    private var timer: Scheduled<Void>?

    init(limits: WireLimits) {
        processor = NIOSingleStepByteToMessageProcessor(WireMessageDecoder(limits: limits))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        perform(machine.requested(unwrapOutboundIn(data)), context)
        promise?.succeed()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try processor.process(buffer: unwrapInboundIn(data)) { frame in
                perform(machine.received(frame), context)
            }
        } catch {
            perform(machine.failed(Self.transportError(error)), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        var error = TransportError(.closed, phase: .command, "the server closed the connection")
        do {
            try processor.finishProcessing(seenEOF: true) { frame in perform(machine.received(frame), context) }
        } catch let cause {
            error.message = "the server closed the connection in the middle of a message"
            error.underlying = cause
        }
        perform(machine.failed(error), context)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        perform(machine.failed(Self.transportError(error)), context)
    }

    private func perform(_ actions: [RequestMachine<PendingRequest>.Action], _ context: ChannelHandlerContext) {
        for action in actions {
            switch action {
            case .write(let request, let id):
                write(request, id: id, context)
            case .complete(let request, let document):
                timer?.cancel()
                request.reply.succeed(document)
            case .fail(let requests, let error):
                timer?.cancel()
                for request in requests { request.reply.fail(error) }
                context.close(promise: nil)
            }
        }
    }

    private func write(_ request: PendingRequest, id: Int32, _ context: ChannelHandlerContext) {
        do {
            let bytes = try request.message.encoded(requestID: id)
            let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            timer = context.eventLoop.scheduleTask(in: .until(request.deadline)) {
                let (handler, context) = loopBound.value
                handler.perform(handler.machine.deadlinePassed(id: id), context)
            }
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        } catch {
            perform(
                machine.failed(
                    TransportError(
                        .protocolViolation, phase: .command, "the command cannot be encoded: \(error)",
                        underlying: error)),
                context)
        }
    }

    private static func transportError(_ error: any Error) -> TransportError {
        switch error {
        case let error as TransportError:
            error
        case let error as WireError:
            TransportError(.protocolViolation, phase: .command, error.message, underlying: error)
        case let error as IOError:
            TransportError(
                .closed, phase: .command, "the connection broke: \(error.systemMessage)", underlying: error)
        case let error as NIOSSLError:
            TransportError(.closed, phase: .command, "the TLS connection ended: \(error)", underlying: error)
        default:
            TransportError(.closed, phase: .command, "the connection broke: \(error)", underlying: error)
        }
    }
}
