#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A socket to one name server; every wait ends at the deadline or when it is woken.
struct DNSSocket: ~Copyable {
    enum Transport {
        case udp, tcp
    }

    /// Why an exchange with a server failed.
    enum Failure: Error {
        /// The timeout for this server has passed.
        case timeout
        /// No caller waits for the answer any more.
        case woken
        /// The server ended the connection.
        case closed
        /// A system call failed with this error number.
        case system(Int32)

        /// The failure in words, to follow the name of what failed.
        var reason: String {
            switch self {
            case .timeout: "no answer"
            case .woken: "given up"
            case .closed: "it closed the connection"
            case .system(ECONNREFUSED): "nothing listens at its port"
            case .system(ENETUNREACH), .system(EHOSTUNREACH): "there is no route to it"
            case .system(let number): "error number \(number)"
            }
        }
    }

    private let descriptor: Int32
    private let end: ContinuousClock.Instant
    private let wakeUp: WakeUp

    /// Connects: with UDP too, so that the system drops other senders' datagrams and reports a closed port.
    ///
    /// - Parameter end: When every wait ends.
    init(
        _ server: NameServer, _ transport: Transport, until end: ContinuousClock.Instant, wakeUp: WakeUp
    ) throws(Failure) {
        let family = server.address.family == .ipv4 ? AF_INET : AF_INET6
        descriptor = socket(family, transport == .udp ? Self.datagram : Self.stream, 0)
        self.end = end
        self.wakeUp = wakeUp
        guard descriptor >= 0 else { throw Failure.system(errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        #if canImport(Darwin)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
        let status = server.withSocketAddress { connect(descriptor, $0, $1) == 0 ? 0 : errno }
        switch status {
        case 0: break
        case EINPROGRESS: try finishConnecting()
        default: throw Failure.system(status)
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    private func finishConnecting() throws(Failure) {
        try wait(for: POLLOUT)
        var status: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &status, &size) == 0 else { throw Failure.system(errno) }
        guard status == 0 else { throw Failure.system(status) }
    }

    /// Sends all of it.
    func send(_ message: [UInt8]) throws(Failure) {
        var rest = message[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { sendBytes(descriptor, $0.baseAddress, $0.count, Self.noSignal) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN || errno == EINTR {
                try wait(for: POLLOUT)
            } else {
                throw Failure.system(errno)
            }
        }
    }

    /// Receives one datagram, or a stream's available bytes, up to a size. An empty datagram is not an answer.
    func receive(_ capacity: Int) throws(Failure) -> [UInt8] {
        while true {
            try wait(for: POLLIN)
            var status: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                let received = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                if received < 0 { status = errno }
                count = max(0, received)
            }
            if status == 0 { return bytes }
            if status != EAGAIN, status != EINTR { throw Failure.system(status) }
        }
    }

    /// Receives exactly so many bytes of a stream.
    func receiveAll(_ count: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try receive(count - bytes.count)
            guard !more.isEmpty else { throw Failure.closed }
            bytes += more
        }
        return bytes
    }

    private func wait(for events: Int32) throws(Failure) {
        var descriptors = [
            pollfd(fd: descriptor, events: Int16(events), revents: 0),
            pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            // A server that sends endlessly must not defeat the deadline.
            let left = end - .now
            guard left > .zero else { throw Failure.timeout }
            let count = poll(&descriptors, nfds_t(descriptors.count), Self.milliseconds(left))
            if descriptors[1].revents != 0 { throw Failure.woken }
            if count > 0 { return }
            if count < 0, errno != EINTR { throw Failure.system(errno) }
        }
    }

    /// Rounded up, so that a wait of less than a millisecond does not spin.
    private static func milliseconds(_ duration: Duration) -> Int32 {
        let parts = min(duration, .seconds(3600)).components
        return Int32(parts.seconds * 1000 + parts.attoseconds / 1_000_000_000_000_000 + 1)
    }

    #if canImport(Glibc)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)
    private static let stream = Int32(SOCK_STREAM.rawValue)
    #else
    private static let datagram = Int32(SOCK_DGRAM)
    private static let stream = Int32(SOCK_STREAM)
    #endif

    #if canImport(Darwin)
    private static let noSignal: Int32 = 0
    #else
    private static let noSignal = Int32(MSG_NOSIGNAL)
    #endif
}

/// The system's `send`, which the method of that name would hide.
private func sendBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    send(descriptor, bytes, count, flags)
}
