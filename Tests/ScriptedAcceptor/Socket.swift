import Glibc

/// A TCP socket with calls that block. Closed with its last reference.
final class Socket: Sendable {
    private let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Listens on a loopback address.
    ///
    /// - Parameter port: 0 is a free one.
    static func listening(on host: String, port wanted: UInt16 = 0) throws -> (socket: Socket, port: UInt16) {
        let number = inet_addr(host)
        guard host == "::1" || host.hasPrefix("127.") && number != .max else {
            throw AcceptorError("--listen takes an address that begins with 127, or ::1, not \(host)")
        }
        let family = host == "::1" ? AF_INET6 : AF_INET
        let socket = Socket(try checked(Glibc.socket(family, Int32(SOCK_STREAM.rawValue), 0), "socket"))
        var port: UInt16 = 0
        if family == AF_INET6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_addr = in6addr_loopback
            address.sin6_port = wanted.bigEndian
            port = try socket.bind(address, \.sin6_port)
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = number
            address.sin_port = wanted.bigEndian
            port = try socket.bind(address, \.sin_port)
        }
        try checked(listen(socket.descriptor, 16), "listen")
        return (socket, port)
    }

    private func bind<Address>(_ address: Address, _ port: KeyPath<Address, in_port_t>) throws -> UInt16 {
        var address = address
        var length = socklen_t(MemoryLayout<Address>.size)
        return try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                try Self.checked(Glibc.bind(descriptor, generic, length), "bind")
                try Self.checked(getsockname(descriptor, generic, &length), "getsockname")
            }
            return UInt16(bigEndian: pointer.pointee[keyPath: port])
        }
    }

    /// The next connection.
    func accept() throws -> Socket {
        let connection = Socket(try Self.checked(Glibc.accept(descriptor, nil, nil), "accept"))
        // Replies that are cut into single bytes shall also go out as such.
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        try Self.checked(
            setsockopt(connection.descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, size), "setsockopt")
        return connection
    }

    /// What has come; empty at the end.
    func read() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return Array(bytes.prefix(max(count, 0)))
    }

    /// Sends all of it, and ignores a client that has gone: tests often rely on that.
    func write(_ bytes: some Sequence<UInt8>) {
        let bytes = Array(bytes)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                buffer.baseAddress.map { send(descriptor, $0 + sent, buffer.count - sent, Int32(MSG_NOSIGNAL)) }
            }
            guard let count, count > 0 else { return }
            sent += count
        }
    }

    /// Reads and forgets until the client closes.
    func waitForEnd() {
        while !read().isEmpty {}
    }

    @discardableResult
    private static func checked(_ result: Int32, _ call: String) throws -> Int32 {
        guard result >= 0 else { throw AcceptorError("\(call): \(String(cString: strerror(errno)))") }
        return result
    }
}

/// What ends the program.
struct AcceptorError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
