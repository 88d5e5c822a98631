import Glibc
import NIOConcurrencyHelpers
import NIOCore

/// How many connections a server may have at once. Those beyond wait in the kernel's queue.
final class ConnectionSlots: Sendable {
    private struct State {
        var taken = 0
        var waiting: [@Sendable () -> Void] = []
    }

    private let limit: Int
    private let state = NIOLockedValueBox(State())

    /// - Parameter limit: Lowered to the process's limit of descriptors: if `accept` fails for lack of one,
    ///   the listening socket stays readable, and its event loop would spin. Create it after the event loops.
    init(limit: Int) {
        var descriptors = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors)
        let allowed = Int(clamping: descriptors.rlim_cur)
        // An event loop for each processor has three.
        let open = (0..<Int32(clamping: min(allowed, 65_536))).count { fcntl($0, F_GETFD) >= 0 }
        // Listeners, threads, the keytab, the replay cache.
        self.limit = max(1, min(limit, allowed - open - 32))
    }

    func take() {
        state.withLockedValue { $0.taken += 1 }
    }

    func release() {
        let waiting = state.withLockedValue { state in
            state.taken -= 1
            defer { state.waiting = [] }
            return state.waiting
        }
        for resume in waiting { resume() }
    }

    /// - Returns: Whether there is no slot. Then the closure is called when there may be one.
    func isFull(then resume: @escaping @Sendable () -> Void) -> Bool {
        state.withLockedValue { state in
            guard state.taken >= limit else { return false }
            state.waiting.append(resume)
            return true
        }
    }
}

/// Lets a listening socket accept only while there is a slot.
final class SlotHandler: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let slots: ConnectionSlots

    init(_ slots: ConnectionSlots) {
        self.slots = slots
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        slots.take()
        unwrapInboundIn(data).closeFuture.whenComplete { [slots] _ in slots.release() }
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        // Asked again: another listener may have taken the slot.
        let isFull = slots.isFull { eventLoop.execute { bound.value.handler.read(context: bound.value.context) } }
        if !isFull { context.read() }
    }
}
