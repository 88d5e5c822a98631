import Foundation
package import Glibc
package import NameResolution
import Synchronization

/// A scripted name server on a free port of the loopback interface, for UDP and TCP.
package final class ServiceDNSServer: Sendable {
    /// How a query came.
    package enum Transport: Sendable, Hashable { case udp, tcp }

    /// What to do with a query.
    package enum Reaction: Sendable {
        /// Send messages, in this order.
        case send([[UInt8]])
        /// Send a message from another port first.
        case forge([UInt8], then: [UInt8])
        /// Send bytes over TCP as they are, without their length before them.
        case sendRaw([UInt8])
        /// Send nothing, and keep the connection.
        case silence
        /// End the connection.
        case close
    }

    /// Says what to do with a query.
    package typealias Handler = @Sendable (_ query: [UInt8], Transport) -> Reaction

    /// What the system refused.
    package struct Failure: Error {
        /// The call that failed.
        package var call: String
        /// Its error number.
        package var number: Int32
    }

    /// Where it listens.
    package let nameServer: NameServer
    /// The queries as they come in, for tests that wait for one.
    package let queries: AsyncStream<(query: [UInt8], transport: Transport)>
    /// Has an element for each TCP connection that its client ended.
    package let endings: AsyncStream<Void>
    private let counts: Counts
    private let stopEnd: Int32

    /// How many queries came over UDP.
    package var udpCount: Int { counts.udp.load(ordering: .acquiring) }
    /// How many queries came over TCP.
    package var tcpCount: Int { counts.tcp.load(ordering: .acquiring) }

    /// Starts a server.
    ///
    /// - Parameters:
    ///   - address: A loopback address.
    ///   - port: For both transports; 0 lets the system choose.
    package init(_ address: String = "127.0.0.1", port: UInt16 = 0, _ handler: @escaping Handler) throws {
        let ip = try Self.check(IPAddress(address), "address")
        var bound: (udp: Int32, tcp: Int32, port: UInt16)?
        // The port that is free for UDP may be taken for TCP.
        for _ in 0..<50 where bound == nil { bound = try Self.bindBoth(ip, port) }
        let sockets = try Self.check(bound, "bind")
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(call: "pipe", number: errno) }
        stopEnd = ends[1]
        nameServer = NameServer(ip, port: sockets.port)
        let counts = Counts()
        self.counts = counts
        let (queries, queriesInput) = AsyncStream.makeStream(of: (query: [UInt8], transport: Transport).self)
        let (endings, endingsInput) = AsyncStream.makeStream(of: Void.self)
        (self.queries, self.endings) = (queries, endings)
        let stop = ends[0]
        let thread = Thread {
            let loop = Loop(
                udp: sockets.udp, tcp: sockets.tcp, stop: stop,
                handler: { query, transport in
                    counts.add(transport)
                    queriesInput.yield((query, transport))
                    return handler(query, transport)
                }, ended: { endingsInput.yield() })
            loop.run()
        }
        thread.start()
    }

    deinit { close(stopEnd) }

    /// A server that sends the same kind of answer whatever the transport.
    package convenience init(
        _ address: String = "127.0.0.1", answering answer: @escaping @Sendable ([UInt8]) -> Answer
    ) throws {
        try self.init(address) { query, _ in .send([answer(query).encoded]) }
    }

    private final class Counts: Sendable {
        let udp = Atomic(0)
        let tcp = Atomic(0)

        func add(_ transport: Transport) {
            switch transport {
            case .udp: udp.add(1, ordering: .acquiringAndReleasing)
            case .tcp: tcp.add(1, ordering: .acquiringAndReleasing)
            }
        }
    }

    private static func check<Value>(_ value: Value?, _ call: String) throws -> Value {
        guard let value else { throw Failure(call: call, number: errno) }
        return value
    }

    private static func bindBoth(_ ip: IPAddress, _ wanted: UInt16) throws -> (udp: Int32, tcp: Int32, port: UInt16)? {
        let udp = try socket(ip, SOCK_DGRAM)
        guard bind(udp, ip, wanted) else { throw Failure(call: "bind", number: errno) }
        let port = localPort(udp)
        let tcp = try socket(ip, SOCK_STREAM)
        guard bind(tcp, ip, port), listen(tcp, 16) == 0 else {
            close(udp)
            close(tcp)
            return nil
        }
        return (udp, tcp, port)
    }

    package static func socket(_ ip: IPAddress, _ type: __socket_type) throws -> Int32 {
        let descriptor = Glibc.socket(ip.family == .ipv4 ? AF_INET : AF_INET6, Int32(type.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(call: "socket", number: errno) }
        return descriptor
    }

    package static func bind(_ descriptor: Int32, _ ip: IPAddress, _ port: UInt16) -> Bool {
        withAddress(ip, port) { Glibc.bind(descriptor, $0, $1) == 0 }
    }

    package static func connect(_ descriptor: Int32, _ ip: IPAddress, _ port: UInt16) -> Bool {
        withAddress(ip, port) { Glibc.connect(descriptor, $0, $1) == 0 }
    }

    private static func withAddress(
        _ ip: IPAddress, _ port: UInt16, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Bool
    ) -> Bool {
        func lend(_ address: UnsafeRawBufferPointer) -> Bool {
            address.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress, socklen_t(address.count)) }
        }
        if ip.family == .ipv4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: ip.bytes) }
            return withUnsafeBytes(of: &address, lend)
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: ip.bytes) }
        return withUnsafeBytes(of: &address, lend)
    }

    private static func localPort(_ descriptor: Int32) -> UInt16 {
        var storage = sockaddr_in6()
        var size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { _ = getsockname(descriptor, $0.baseAddress, &size) }
        }
        // The port has the same place in the addresses of both families.
        return UInt16(bigEndian: storage.sin6_port)
    }

    /// The server's thread: waits for queries until it is stopped, then closes everything.
    private struct Loop {
        let udp: Int32
        let tcp: Int32
        let stop: Int32
        let handler: Handler
        let ended: () -> Void

        func run() {
            var clients: [Int32] = []
            defer { for descriptor in clients + [udp, tcp, stop] { close(descriptor) } }
            while true {
                var polled = ([stop, udp, tcp] + clients).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
                if polled[0].revents != 0 { return }
                if polled[1].revents != 0 { answerDatagram() }
                if polled[2].revents != 0 {
                    let client = accept(tcp, nil, nil)
                    if client >= 0 { clients.append(client) }
                }
                for client in polled.dropFirst(3) where client.revents != 0 {
                    guard !serve(client.fd) else { continue }
                    close(client.fd)
                    clients.removeAll { $0 == client.fd }
                }
            }
        }

        private func answerDatagram() {
            var query = [UInt8](repeating: 0, count: 65536)
            var peer = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            withUnsafeMutableBytes(of: &peer) { bytes in
                bytes.withMemoryRebound(to: sockaddr.self) { peer in
                    let count = recvfrom(udp, &query, query.count, 0, peer.baseAddress, &size)
                    guard count >= 12 else { return }
                    func send(_ message: [UInt8], from socket: Int32) {
                        _ = sendto(socket, message, message.count, 0, peer.baseAddress, size)
                    }
                    switch handler(Array(query[..<count]), .udp) {
                    case .send(let messages): for message in messages { send(message, from: udp) }
                    case .forge(let forged, let message):
                        let other = Glibc.socket(Int32(peer[0].sa_family), Int32(SOCK_DGRAM.rawValue), 0)
                        send(forged, from: other)
                        close(other)
                        send(message, from: udp)
                    case .sendRaw, .silence, .close: break
                    }
                }
            }
        }

        /// - Returns: Whether the connection goes on.
        private func serve(_ client: Int32) -> Bool {
            guard let length = readAll(client, 2), let query = readAll(client, Int(length[0]) << 8 | Int(length[1]))
            else {
                ended()
                return false
            }
            func write(_ bytes: [UInt8]) { _ = send(client, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
            switch handler(query, .tcp) {
            case .send(let messages):
                for message in messages { write(bytes(UInt16(message.count)) + message) }
            case .sendRaw(let bytes):
                write(bytes)
                return false
            case .forge, .silence: break
            case .close: return false
            }
            return true
        }

        private func readAll(_ client: Int32, _ count: Int) -> [UInt8]? {
            var result = [UInt8](repeating: 0, count: count)
            return recv(client, &result, count, Int32(MSG_WAITALL)) == count ? result : nil
        }
    }
}
