internal import BlockingWork
internal import NIOCore
internal import NIOSSL
internal import SaslWire

/// A request: one or more messages in one write.
///
/// Only its event loop retains it: a loop that is shut down drops it, and the caller gets an error.
final class PendingRequest: Sendable {
    /// The messages, one after another; their ids are not set yet.
    let messages: ByteBuffer
    let count: Int
    let deadline: ContinuousClock.Instant
    let replies: OneShot<[[UInt8]]>

    init(
        _ messages: ByteBuffer, count: Int, by deadline: ContinuousClock.Instant, replies: OneShot<[[UInt8]]>
    ) {
        self.messages = messages
        self.count = count
        self.deadline = deadline
        self.replies = replies
    }

    deinit {
        // Has no effect if the caller already has a result.
        fail(TransportError(.closed, phase: .command, "the event loop of the connection was shut down"))
    }

    func fail(_ error: any Error) {
        replies.resolve(.failure(error))
    }

    /// The messages under their ids.
    func numbered(from firstID: Int32) -> ByteBuffer {
        var (buffer, id, start) = (messages, firstID, messages.readerIndex)
        while start < buffer.writerIndex, let length = buffer.getInteger(at: start, endianness: .little, as: Int32.self)
        {
            // The second field of a message's header.
            buffer.setInteger(id, at: start + 4, endianness: .little)
            id = RequestMachine<PendingRequest>.id(after: id)
            start += Int(length)
        }
        return buffer
    }
}

/// Interprets the actions of ``RequestMachine`` on a channel. It outlives its channel: later callers get
/// the error.
final class RequestHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let processor: NIOSingleStepByteToMessageProcessor<WireReplyDecoder>
    private let isEncrypted: Bool
    private var machine = RequestMachine<PendingRequest>()
    private var context: ChannelHandlerContext?
    /// The one timer for all deadlines. It is not moved when a request ends: the next one often has the same deadline.
    private var timer: (end: ContinuousClock.Instant, scheduled: Scheduled<Void>)?
    private var hasReceived = false

    init(limits: @escaping () -> WireLimits, isEncrypted: Bool) {
        processor = NIOSingleStepByteToMessageProcessor(WireReplyDecoder(limits: limits))
        self.isEncrypted = isEncrypted
    }

    // MARK: - The client

    /// A request comes in.
    func requested(_ request: PendingRequest) {
        // The cancellation may reach the event loop before the request itself.
        guard !request.replies.isResolved else { return }
        switch machine.requested(request, messages: request.count, by: request.deadline) {
        case .write(let request, let firstID): write(request, firstID)
        case .wait: break
        case .refuse(let request, let error): request.fail(error)
        }
        watchDeadlines()
    }

    /// The caller goes away.
    func cancelled(_ replies: OneShot<[[UInt8]]>) {
        perform(machine.cancelled { $0.replies === replies }) { _ in }
    }

    /// The connection must not be used any more.
    ///
    /// - Parameter isTold: Whether a caller, besides the waiting ones, knows the reason.
    func close(_ error: TransportError, isTold: Bool = false) {
        fail(machine.failed(error, isTold: isTold), error)
    }

    private func deadlinePassed() {
        timer = nil
        perform(machine.deadlinePassed(at: .now)) { request in
            request.fail(
                TransportError(
                    .deadlineExceeded, phase: .command,
                    "the deadline passed while the command waited for the ones before it"))
        }
        watchDeadlines()
    }

    private func watchDeadlines() {
        guard let context, let end = machine.nextDeadline, timer.map({ end < $0.end }) ?? true else { return }
        timer?.scheduled.cancel()
        timer = (end, context.eventLoop.assumeIsolated().scheduleTask(in: .until(end)) { self.deadlinePassed() })
    }

    // MARK: - The server

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasReceived = true
        do {
            try processor.process(buffer: unwrapInboundIn(data)) { received($0) }
        } catch {
            close(Self.transportError(error))
        }
    }

    private func received(_ reply: WireReply) {
        switch machine.received(reply) {
        case .wait, .ignore:
            break
        case .complete(let request, let replies, let next):
            request.replies.resolve(.success(replies))
            if let next { write(next.0, next.firstID) }
        case .fail(let requests, let error):
            fail(requests, error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        var error = Self.closed("the server closed the connection" + (hasReceived ? "" : " before it sent anything"))
        noteDemandForTLS(in: &error)
        do {
            try processor.finishProcessing(seenEOF: true) { received($0) }
        } catch let cause {
            error.message = "the server closed the connection in the middle of a message"
            error.underlying = cause
        }
        close(error)
        context.fireChannelInactive()
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close(Self.closed("the connection was closed"))
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        var failure = Self.transportError(error)
        // A close may arrive as end of file or as a reset: a reset means that our bytes came after it.
        if error is IOError { noteDemandForTLS(in: &failure) }
        close(failure)
    }

    private func noteDemandForTLS(in error: inout TransportError) {
        guard !hasReceived, !isEncrypted else { return }
        error.mayDemandTLS = true
        error.message += "; it may demand TLS"
    }

    // MARK: - Actions

    private func write(_ request: PendingRequest, _ firstID: Int32) {
        // A failed write breaks the connection, which is reported as a separate event.
        context?.writeAndFlush(wrapOutboundOut(request.numbered(from: firstID)), promise: nil)
    }

    private func perform(
        _ action: RequestMachine<PendingRequest>.WithdrawalAction, _ tell: (PendingRequest) -> Void
    ) {
        switch action {
        case .withdraw(let requests): for request in requests { tell(request) }
        case .fail(let requests, let error): fail(requests, error)
        }
    }

    private func fail(_ requests: [PendingRequest]?, _ error: TransportError) {
        timer?.scheduled.cancel()
        timer = nil
        for request in requests ?? [] { request.fail(error) }
        if requests != nil { context?.close(promise: nil) }
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
            closed("the connection failed: \(error.systemMessage)", error)
        case NIOSSLError.uncleanShutdown:
            closed("the connection ended without a TLS close_notify, so the data may be truncated", error)
        case let error as NIOSSLError:
            closed("the TLS connection ended: \(error)", error)
        default:
            closed("the connection failed: \(error)", error)
        }
    }
}
