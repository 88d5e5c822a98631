import GSSKerberos
import Glibc
import TestSupport

/// A socket at a free loopback port, which sends nothing unless told to.
final class LoopbackSocket: Sendable {
    let port: UInt16
    private let descriptor: Int32

    enum Kind {
        /// Datagrams, which nobody reads.
        case datagrams
        /// Connections, which the system makes and nobody uses.
        case listener
        /// A port for connections that is taken and at which nobody listens.
        case closed
    }

    init(_ kind: Kind, port: UInt16 = 0, isIPv6: Bool = false) throws {
        let type = kind == .datagrams ? SOCK_DGRAM : SOCK_STREAM
        descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(type.rawValue), 0)
        guard descriptor >= 0 else { throw TestSupportError("no socket") }
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_addr = in6addr_loopback
            address.sin6_port = port.bigEndian
            self.port = UInt16(bigEndian: try Self.bound(descriptor, address).sin6_port)
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            address.sin_port = port.bigEndian
            self.port = UInt16(bigEndian: try Self.bound(descriptor, address).sin_port)
        }
        if kind == .listener, listen(descriptor, 16) != 0 { throw TestSupportError("nobody can listen") }
    }

    deinit {
        close(descriptor)
    }

    /// Takes one connection, writes something into it and ends it. Blocks.
    func answerOnce(_ bytes: [UInt8]) {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return }
        _ = bytes.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
        shutdown(connection, Int32(SHUT_WR))
        var rest = [UInt8](repeating: 0, count: 4096)
        while read(connection, &rest, rest.count) > 0 {}
        close(connection)
    }

    private static func bound<Address>(_ descriptor: Int32, _ address: Address) throws -> Address {
        var address = address
        var length = socklen_t(MemoryLayout<Address>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard status == 0 else { throw TestSupportError("no such port: \(String(cString: strerror(errno)))") }
        return address
    }
}
