import Glibc

/// A port number that is free on every loopback address this machine has, for UDP and for TCP.
struct LoopbackPort: Sendable {
    let number: UInt16
    /// `127.0.0.1` and `::1`, as far as this machine has them.
    let addresses: [String]
    /// `nil` for a port that was found before.
    var reservation: Reservation?

    /// Reserves a port against other realms of this machine until the KDC has bound it: krb5kdc sets SO_REUSEPORT, so
    /// two of one user can bind the same port, and each gets some of the other's requests.
    final class Reservation: Sendable {
        private let descriptor: Int32

        /// - Returns: `nil` if another process has it. A name in the abstract namespace is released with the process
        ///   that has bound it.
        init?(_ port: UInt16) {
            let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return nil }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let name = [0] + Array("kerberos-test-kit-port-\(port)".utf8)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
            let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
            let isBound = withUnsafeBytes(of: address) { bytes in
                bytes.withMemoryRebound(to: sockaddr.self) {
                    $0.baseAddress.map { Glibc.bind(descriptor, $0, length) == 0 } ?? false
                }
            }
            guard isBound else {
                close(descriptor)
                return nil
            }
            self.descriptor = descriptor
        }

        deinit {
            close(descriptor)
        }
    }

    /// As MIT Kerberos writes addresses: `127.0.0.1:88`, `[::1]:88`.
    var endpoints: [String] {
        addresses.map { "\($0.bracketed):\(number)" }
    }

    private static let candidates: [(address: String, family: Int32)] = [("127.0.0.1", AF_INET), ("::1", AF_INET6)]

    /// Finds a port. Another process may take it before it is used: the caller must be ready to retry.
    static func find() throws(KerberosTestKitError) -> LoopbackPort {
        var available: [(address: String, family: Int32)] = []
        for candidate in candidates {
            if let (descriptor, _) = bound(candidate, SOCK_STREAM, port: 0) {
                close(descriptor)
                available.append(candidate)
            }
        }
        guard let first = available.first else {
            throw KerberosTestKitError(.noLoopbackPort, "neither 127.0.0.1 nor ::1 can be bound on this machine")
        }
        for _ in 0..<100 {
            var held: [Int32] = []
            defer { held.forEach { close($0) } }
            guard let (descriptor, port) = bound(first, SOCK_STREAM, port: 0) else { continue }
            held.append(descriptor)
            for (candidate, kind) in available.flatMap({ [($0, SOCK_STREAM), ($0, SOCK_DGRAM)] }).dropFirst() {
                if let (descriptor, _) = bound(candidate, kind, port: port) {
                    held.append(descriptor)
                }
            }
            if held.count == 2 * available.count, let reservation = Reservation(port) {
                return LoopbackPort(number: port, addresses: available.map(\.address), reservation: reservation)
            }
        }
        throw KerberosTestKitError(
            .noLoopbackPort, "no port is free for UDP and TCP on \(available.map(\.address).joined(separator: " and "))"
        )
    }

    /// Connects to the first address and closes the connection.
    func knock() {
        guard let address = addresses.first else { return }
        let family = address.utf8.contains(UInt8(ascii: ":")) ? AF_INET6 : AF_INET
        // It does not block: a queue may be full.
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if family == AF_INET {
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = number.bigEndian
            inet_pton(AF_INET, address, &target.sin_addr)
            Self.connect(descriptor, to: target)
        } else {
            var target = sockaddr_in6()
            target.sin6_family = sa_family_t(AF_INET6)
            target.sin6_port = number.bigEndian
            inet_pton(AF_INET6, address, &target.sin6_addr)
            Self.connect(descriptor, to: target)
        }
    }

    private static func connect<Address>(_ descriptor: Int32, to address: Address) {
        withUnsafeBytes(of: address) { bytes in
            guard let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return }
            _ = Glibc.connect(descriptor, pointer, socklen_t(bytes.count))
        }
    }

    private static func bound(
        _ candidate: (address: String, family: Int32), _ kind: __socket_type, port: UInt16
    ) -> (descriptor: Int32, port: UInt16)? {
        let descriptor = socket(candidate.family, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        let number: UInt16?
        if candidate.family == AF_INET {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            inet_pton(AF_INET, candidate.address, &address.sin_addr)
            number = bind(descriptor, to: &address) ? address.sin_port.bigEndian : nil
        } else {
            var only: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only, socklen_t(MemoryLayout<Int32>.size))
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            inet_pton(AF_INET6, candidate.address, &address.sin6_addr)
            number = bind(descriptor, to: &address) ? address.sin6_port.bigEndian : nil
        }
        guard let number else {
            close(descriptor)
            return nil
        }
        return (descriptor, number)
    }

    /// Binds, and replaces the address by the bound one.
    private static func bind<Address>(_ descriptor: Int32, to address: inout Address) -> Bool {
        withUnsafeMutableBytes(of: &address) { bytes in
            guard let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            var length = socklen_t(bytes.count)
            return Glibc.bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
        }
    }
}
