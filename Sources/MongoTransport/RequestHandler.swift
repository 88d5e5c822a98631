internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOSSL
internal import SaslBSON
internal import SaslWire

/// A command on its way through the channel.
final class PendingRequest: Sendable {
    let message: WireMessage
    let deadline: ContinuousClock.Instant
    let reply: EventLoopPromise<BSONDocument>
    private let cancelled = NIOLockedValueBox(false)

    init(message: WireMessage, deadline: ContinuousClock.Instant, reply: EventLoopPromise<BSONDocument>) {
        self.message = message
        self.deadline = deadline
        self.reply = reply
    }

    /// Whether nobody waits for the reply any more.
    var isCancelled: Bool { cancelled.withLockedValue { $0 } }

    /// The caller goes away. It may come before the request itself has come to the event loop.
    func cancel() {
        cancelled.withLockedValue { $0 = true }
        reply.fail(CancellationError())
    }
}

/// An event that goes through the channel: nobody waits for this request's reply any more.
struct RequestCancelled: Sendable {
    let request: PendingRequest
}

/// Why a connection is over: for those who come when its handlers are gone.
final class ConnectionEnd: Sendable {
    private let end = NIOLockedValueBox<(error: TransportError, isTold: Bool)?>(nil)

    /// The connection failed, which somebody was told or nobody.
    func record(_ error: TransportError, isTold: Bool) {
        end.withLockedValue { $0 = ($0?.error ?? error, $0?.isTold == true || isTold) }
    }

    /// What the next one is told: what happened, where nobody knows it yet, else that it is over.
    func next() -> TransportError? {
        end.withLockedValue { end in
            defer { end?.isTold = true }
            return end.map { $0.isTold ? .closed(by: $0.error) : $0.error }
        }
    }
}

/// Interprets the actions of ``RequestMachine`` on a channel.
final class RequestHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = PendingRequest
    typealias OutboundOut = ByteBuffer

    private struct Entry {
        var timer: Scheduled<Void>
        /// The id under which it was sent.
        var id: Int32?
    }

    private let processor: NIOSingleStepByteToMessageProcessor<WireMessageDecoder>
    private let isEncrypted: Bool
    private let end: ConnectionEnd
    private var machine = RequestMachine<PendingRequest>()
    private var entries: [ObjectIdentifier: Entry] = [:]
    private var hasReceived = false

    init(limits: WireLimits, isEncrypted: Bool, end: ConnectionEnd) {
        self.end = end
        processor = NIOSingleStepByteToMessageProcessor(WireMessageDecoder(limits: limits))
        self.isEncrypted = isEncrypted
    }

    // MARK: - Requests

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let request = unwrapOutboundIn(data)
        promise?.succeed()
        guard !request.isCancelled else { return }
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let timer = context.eventLoop.scheduleTask(in: .until(request.deadline)) {
            let (handler, context) = loopBound.value
            handler.deadlinePassed(request, context)
        }
        entries[ObjectIdentifier(request)] = Entry(timer: timer)
        perform(machine.requested(request), context)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let event = event as? RequestCancelled else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        promise?.succeed()
        guard entries[ObjectIdentifier(event.request)] != nil else { return }
        if machine.withdraw(where: { $0 === event.request }) != nil {
            forget(event.request)
        } else {
            perform(machine.failed(Self.closed("a command was given up before its reply came")), context)
        }
    }

    private func deadlinePassed(_ request: PendingRequest, _ context: ChannelHandlerContext) {
        if machine.withdraw(where: { $0 === request }) != nil {
            forget(request)
            request.reply.fail(
                TransportError(
                    .deadlineExceeded, phase: .command,
                    "the deadline passed while the command waited for the ones before it"))
        } else if let id = entries[ObjectIdentifier(request)]?.id {
            perform(machine.deadlinePassed(id: id), context)
        }
    }

    private func forget(_ request: PendingRequest) {
        entries.removeValue(forKey: ObjectIdentifier(request))?.timer.cancel()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Whoever waits is not to be told that it was the server.
        if mode != .input {
            perform(machine.failed(Self.closed("the connection was closed")), context, andClose: false)
        }
        context.close(mode: mode, promise: promise)
    }

    // MARK: - The server

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasReceived = true
        do {
            try processor.process(buffer: unwrapInboundIn(data)) { frame in
                perform(machine.received(frame), context)
            }
        } catch {
            perform(machine.failed(Self.transportError(error)), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        var error = Self.closed("the server closed the connection" + (hasReceived ? "" : " without a word"))
        if mayDemandTLS { error.message += Self.mayDemandTLS }
        do {
            try processor.finishProcessing(seenEOF: true) { frame in perform(machine.received(frame), context) }
        } catch let cause {
            error.message = "the server closed the connection in the middle of a message"
            error.underlying = cause
        }
        perform(machine.failed(error), context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        perform(machine.failed(Self.closed("the connection was closed")), context, andClose: false)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        var failure = Self.transportError(error)
        // Whether a close arrives as an end or as a reset is chance: a reset says that our bytes came after it.
        if error is IOError, mayDemandTLS { failure.message += Self.mayDemandTLS }
        perform(machine.failed(failure), context)
    }

    private var mayDemandTLS: Bool { !hasReceived && !isEncrypted }
    private static let mayDemandTLS = "; it may demand TLS (tls=true)"

    // MARK: - Actions

    private func perform(
        _ actions: [RequestMachine<PendingRequest>.Action], _ context: ChannelHandlerContext, andClose: Bool = true
    ) {
        for action in actions {
            switch action {
            case .write(let request, let id):
                entries[ObjectIdentifier(request)]?.id = id
                write(request, id: id, context)
            case .complete(let request, let document):
                forget(request)
                request.reply.succeed(document)
            case .fail(let requests, let error):
                end.record(error, isTold: !requests.isEmpty)
                for request in requests {
                    forget(request)
                    request.reply.fail(error)
                }
                if andClose { context.close(promise: nil) }
            }
        }
    }

    private func write(_ request: PendingRequest, id: Int32, _ context: ChannelHandlerContext) {
        do {
            // A write that fails breaks the connection, and that is told as an event of its own.
            context.writeAndFlush(wrapOutboundOut(try request.message.encoded(requestID: id)), promise: nil)
        } catch {
            perform(
                machine.failed(
                    TransportError(
                        .protocolViolation, phase: .command, "the command cannot be encoded: \(error)",
                        underlying: error)),
                context)
        }
    }

    // MARK: - Errors

    private static func closed(_ message: String, _ cause: (any Error)? = nil) -> TransportError {
        TransportError(.closed, phase: .command, message, underlying: cause)
    }

    private static func transportError(_ error: any Error) -> TransportError {
        switch error {
        case let error as TransportError:
            error
        case let error as WireError:
            TransportError(.protocolViolation, phase: .command, error.message, underlying: error)
        case let error as IOError:
            closed("the connection broke: \(error.systemMessage)", error)
        case NIOSSLError.uncleanShutdown:
            closed("the connection ended without TLS's farewell, so what came may not have been all", error)
        case let error as NIOSSLError:
            closed("the TLS connection ended: \(error)", error)
        default:
            closed("the connection broke: \(error)", error)
        }
    }
}
