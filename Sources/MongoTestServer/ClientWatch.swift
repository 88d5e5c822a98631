import NIOConcurrencyHelpers
import NIOCore
import SaslWire

/// Closes a connection whose client takes too long, or makes the server buffer too much.
///
/// A client that has not authenticated is waited for until ``MongoTestServer/Configuration/idleTimeout``. Any client
/// gets ``MongoTestServer/Configuration/messageTimeout`` for the rest of a message that it began, and for taking a
/// reply.
final class ClientWatch: ChannelDuplexHandler {
    typealias InboundIn = WireFrame
    typealias InboundOut = WireFrame
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Events of the answering code, as outbound user events.
    enum Event: Sendable {
        /// A message without a reply has been processed.
        case answered
        /// From here on the client may be silent for as long as it likes.
        case authenticated
    }

    private enum Wait {
        case message, idle
    }

    private let idleTimeout: TimeAmount
    private let messageTimeout: TimeAmount
    private let kept: KeptMessages
    private var context: ChannelHandlerContext?
    private var timer: (wait: Wait, task: Scheduled<Void>)?
    /// The bytes of a message of which the rest is missing.
    private var partial = 0
    private var writes = 0
    /// The lengths of the messages that are not answered yet.
    private var unanswered = CircularBuffer<Int>()
    private var isAuthenticated = false

    init(_ configuration: MongoTestServer.Configuration, _ kept: KeptMessages) {
        idleTimeout = TimeAmount(configuration.idleTimeout)
        messageTimeout = TimeAmount(configuration.messageTimeout)
        self.kept = kept
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        update()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// The decoder has processed its input, and buffers this many bytes.
    func keeps(_ count: Int) {
        guard context != nil, count != partial else { return }
        let isTooMuch = !kept.change(by: count - partial)
        partial = count
        if isTooMuch { context?.close(promise: nil) } else { update() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let length = Int(unwrapInboundIn(data).header.messageLength)
        unanswered.append(length)
        guard kept.change(by: length) else { return context.close(promise: nil) }
        update(isProgress: true)
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        writes += 1
        update()
        let promise = promise ?? context.eventLoop.makePromise()
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.writes -= 1
            self.answered()
            self.update(isProgress: true)
        }
        context.write(data, promise: promise)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let event = event as? Event else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        switch event {
        case .answered: answered()
        case .authenticated: isAuthenticated = true
        }
        update(isProgress: true)
        promise?.succeed()
    }

    /// What the client is expected to do; `nil` while it is the server's turn.
    private var wait: Wait? {
        if writes > 0 { return .message }
        if !unanswered.isEmpty { return nil }
        if partial > 0 { return .message }
        return isAuthenticated ? nil : .idle
    }

    /// Starts a timer if another one is due, and restarts it after a complete action of the client.
    private func update(isProgress: Bool = false) {
        guard let context, isProgress || wait != timer?.wait else { return }
        timer?.task.cancel()
        timer = wait.map { wait in
            (
                wait,
                context.eventLoop.assumeIsolated().scheduleTask(in: wait == .message ? messageTimeout : idleTimeout) {
                    self.context?.close(promise: nil)
                }
            )
        }
    }

    private func answered() {
        if let length = unanswered.popFirst() { _ = kept.change(by: -length) }
    }

    private func end() {
        timer?.task.cancel()
        timer = nil
        context = nil
        _ = kept.change(by: -unanswered.reduce(partial, +))
        partial = 0
        unanswered.removeAll()
    }
}

/// Reports to a watch how much of a message has been received.
struct WatchedDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = WireFrame

    private var decoder: WireMessageDecoder
    private let watch: ClientWatch

    init(limits: WireLimits, watch: ClientWatch) {
        decoder = WireMessageDecoder(limits: limits)
        self.watch = watch
    }

    mutating func decode(buffer: inout ByteBuffer) throws -> WireFrame? {
        let frame = try decoder.decode(buffer: &buffer)
        watch.keeps(frame == nil ? buffer.readableBytes : 0)
        return frame
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> WireFrame? {
        try decoder.decodeLast(buffer: &buffer, seenEOF: seenEOF)
    }
}

/// The total size of incomplete or unanswered messages of all clients.
final class KeptMessages: Sendable {
    private let limit: Int
    private let count = NIOLockedValueBox(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: Whether there is room for it.
    func change(by bytes: Int) -> Bool {
        count.withLockedValue {
            $0 += bytes
            return bytes <= 0 || $0 <= limit
        }
    }
}
