internal import NameResolution

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// One message to one address of a KDC, and the wait for its answer. Confined to one thread.
final class KDCSocket {
    /// How the message goes.
    enum Way {
        case datagrams
        /// With four bytes of length before each message (RFC 4120 section 7.2.2).
        case stream
        /// Nothing is sent: only the connection is tested.
        case connectionOnly
    }

    enum Result {
        /// A message, and when it came by the wall clock, since 1970.
        case message([UInt8], arrival: Duration)
        case outcome(KDCReport.Outcome)
    }

    private enum State {
        case connecting
        case sending(ArraySlice<UInt8>)
        case receiving
        case done
    }

    /// How many bytes an answer may have.
    private static let longestAnswer = 1 << 20
    /// A datagram that may be lost is sent again, as in libkrb5.
    private static let resendInterval = Duration.seconds(1)

    let way: Way
    /// The outcome; `nil` until there is one.
    private(set) var result: Result?
    /// The time until the outcome.
    private(set) var duration = Duration.zero

    private let descriptor: Int32
    private let start = ContinuousClock.now
    private let message: [UInt8]
    private var state = State.connecting
    private var received: [UInt8] = []
    private var lastSent = ContinuousClock.now

    /// Starts to connect: with UDP too, so that the system drops other senders' datagrams and reports a closed port.
    init(_ way: Way, to address: IPAddress, port: UInt16, _ message: [UInt8]) {
        self.way = way
        let length = UInt32(clamping: message.count).bigEndian
        self.message = way == .stream ? withUnsafeBytes(of: length) { Array($0) } + message : message
        let family = address.family == .ipv4 ? AF_INET : AF_INET6
        descriptor = socket(family, way == .datagrams ? Self.datagram : Self.stream, 0)
        guard descriptor >= 0 else {
            fail(errno)
            return
        }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        #if canImport(Darwin)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
        let descriptor = descriptor
        let status = address.withSocketAddress(port: port) { connect(descriptor, $0, $1) == 0 ? 0 : errno }
        switch status {
        case 0: beginSending()
        case EINPROGRESS: break
        default: fail(status)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    // MARK: - All of them

    /// Runs all sockets until each has a result, the deadline passes or a signal comes.
    static func run(_ sockets: [KDCSocket], until end: ContinuousClock.Instant, wakeUp: WakeUp) {
        while true {
            let active = sockets.filter(\.isActive)
            let now = ContinuousClock.now
            guard !active.isEmpty, now < end else { break }
            for socket in active { socket.resend(now) }
            var requests = active.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            requests.append(pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0))
            let wait = active.reduce(end) { min($0, $1.nextResend ?? end) } - now
            let count = poll(&requests, nfds_t(requests.count), milliseconds(wait))
            if count < 0, errno != EINTR { break }
            if requests.last?.revents != 0 { break }
            for (socket, request) in zip(active, requests) where request.revents != 0 { socket.proceed() }
        }
        for socket in sockets where socket.isActive { socket.giveUp() }
    }

    /// Whether a message came.
    var hasMessage: Bool {
        if case .message = result { true } else { false }
    }

    private var isActive: Bool { result == nil }

    private var events: Int16 {
        switch state {
        case .connecting, .sending: Int16(POLLOUT)
        case .receiving, .done: Int16(POLLIN)
        }
    }

    private var nextResend: ContinuousClock.Instant? {
        guard way == .datagrams, case .receiving = state else { return nil }
        return lastSent + Self.resendInterval
    }

    private func resend(_ now: ContinuousClock.Instant) {
        if let next = nextResend, next <= now { beginSending() }
    }

    // MARK: - One of them

    private func proceed() {
        switch state {
        case .connecting: finishConnecting()
        case .sending(let rest): send(rest)
        case .receiving: receive()
        case .done: break
        }
    }

    private func finishConnecting() {
        var status: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &status, &size) == 0 else { return fail(errno) }
        guard status == 0 else { return fail(status) }
        beginSending()
    }

    private func beginSending() {
        guard way != .connectionOnly else { return end(.outcome(.connected)) }
        lastSent = .now
        send(message[...])
    }

    private func send(_ bytes: ArraySlice<UInt8>) {
        let count = bytes.withUnsafeBytes { sendBytes(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 {
            let rest = bytes.dropFirst(count)
            state = rest.isEmpty || way == .datagrams ? .receiving : .sending(rest)
        } else if errno == EAGAIN || errno == EINTR {
            state = .sending(bytes)
        } else {
            fail(errno)
        }
    }

    private func receive() {
        var status: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            let received = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if received < 0 { status = errno }
            count = max(0, received)
        }
        guard status == 0 else {
            if status != EAGAIN, status != EINTR { fail(status) }
            return
        }
        if way == .datagrams { return finish(bytes) }
        guard !bytes.isEmpty else { return end(.outcome(received.isEmpty ? .closed : .malformed)) }
        received += bytes
        guard received.count >= 4 else { return }
        let length = received.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        guard length <= Self.longestAnswer else { return end(.outcome(.malformed)) }
        if received.count >= 4 + length { finish(Array(received[4..<(4 + length)])) }
    }

    private func finish(_ message: [UInt8]) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        end(.message(message, arrival: .seconds(Int64(now.tv_sec)) + .nanoseconds(Int64(now.tv_nsec))))
    }

    private func fail(_ status: Int32) {
        end(.outcome(status == ECONNREFUSED ? .refused : status == ECONNRESET ? .closed : .failed(errno: status)))
    }

    private func giveUp() {
        if case .connecting = state { return end(.outcome(.silent)) }
        end(.outcome(way == .datagrams ? .silent : .connectedAndSilent))
    }

    private func end(_ result: Result) {
        (self.result, duration, state) = (result, .now - start, .done)
    }

    /// Rounded up, so that a wait of less than a millisecond does not spin.
    private static func milliseconds(_ duration: Duration) -> Int32 {
        let parts = min(max(duration, .zero), .seconds(3600)).components
        return Int32(parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000 + 1)
    }

    #if canImport(Glibc)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)
    private static let stream = Int32(SOCK_STREAM.rawValue)
    #else
    private static let datagram = Int32(SOCK_DGRAM)
    private static let stream = Int32(SOCK_STREAM)
    #endif
}

/// The system's `send`, which the method of that name would hide. A closed peer raises no signal.
private func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Darwin)
    send(descriptor, bytes, count, 0)
    #else
    send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
    #endif
}

/// A description of why the system could not send.
enum KDCSocketError {
    static func text(_ number: Int32) -> String {
        switch number {
        case ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL: "no route to it"
        case EAFNOSUPPORT: "this machine does not support that address family"
        case EACCES, EPERM: "forbidden by this machine's firewall or policy"
        case EMFILE, ENFILE: "no file descriptors left"
        case ETIMEDOUT: "timed out"
        default: "error number \(number)"
        }
    }
}
