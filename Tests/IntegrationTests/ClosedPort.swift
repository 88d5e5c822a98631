import Glibc
import TestSupport

/// A loopback port at which connections are refused: it is bound, so that no other process gets it, and nothing
/// listens.
final class ClosedPort {
    let number: Int
    private let descriptor: Int32

    init(_ family: Family) throws {
        let isIPv6 = family == .ipv6
        descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestSupportError("no socket for \(family)") }
        if isIPv6 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_addr = in6addr_loopback
            number = try Self.bound(descriptor, address, \.sin6_port)
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            number = try Self.bound(descriptor, address, \.sin_port)
        }
    }

    deinit {
        close(descriptor)
    }

    private static func bound<Address>(
        _ descriptor: Int32, _ address: Address, _ port: KeyPath<Address, in_port_t>
    ) throws -> Int {
        var address = address
        var length = socklen_t(MemoryLayout<Address>.size)
        return try withUnsafeMutablePointer(to: &address) { pointer in
            let status = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
            }
            guard status == 0 else {
                throw TestSupportError("no free loopback port: \(String(cString: strerror(errno)))")
            }
            return Int(UInt16(bigEndian: pointer.pointee[keyPath: port]))
        }
    }
}
