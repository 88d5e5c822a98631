#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#elseif canImport(Darwin)
package import Darwin
#endif

/// An IPv4 or IPv6 address.
public struct IPAddress: Sendable, Hashable {
    /// A version of the Internet Protocol.
    public enum Family: Sendable, Hashable, CaseIterable, CustomStringConvertible {
        /// IPv4, DNS record type A.
        case ipv4
        /// IPv6, DNS record type AAAA.
        case ipv6

        /// `IPv4` or `IPv6`.
        public var description: String {
            switch self {
            case .ipv4: "IPv4"
            case .ipv6: "IPv6"
            }
        }
    }

    /// The address's bytes, most significant first: 4 or 16.
    public let bytes: [UInt8]
    /// The interface that a link-local IPv6 address belongs to, as an index; 0 is none.
    public let scopeID: UInt32

    /// Which protocol the address belongs to.
    public var family: Family { bytes.count == 4 ? .ipv4 : .ipv6 }

    /// Creates an address from its bytes.
    ///
    /// - Returns: `nil` unless there are 4 or 16, or for a scope on an IPv4 address.
    public init?(bytes: [UInt8], scopeID: UInt32 = 0) {
        guard bytes.count == 16 || (bytes.count == 4 && scopeID == 0) else { return nil }
        self.bytes = bytes
        self.scopeID = scopeID
    }

    /// Reads a literal: dotted decimal, or IPv6 without brackets, with or without `%zone` (an interface's name or
    /// index, RFC 4007 section 11).
    ///
    /// - Returns: `nil` for everything else, including a zone that this machine does not have.
    public init?(_ text: String) {
        // The C functions would stop at a NUL.
        guard !text.utf8.contains(0) else { return nil }
        var address4 = in_addr()
        if inet_pton(AF_INET, text, &address4) == 1 {
            self.init(bytes: withUnsafeBytes(of: &address4) { Array($0) })
            return
        }
        let parts = text.utf8.split(separator: UInt8(ascii: "%"), maxSplits: 1, omittingEmptySubsequences: false)
        var address6 = in6_addr()
        guard let literal = parts.first, inet_pton(AF_INET6, String(Substring(literal)), &address6) == 1 else {
            return nil
        }
        var scopeID: UInt32 = 0
        if parts.count == 2 {
            scopeID = Self.interface(String(Substring(parts[1])))
            guard scopeID != 0 else { return nil }
        }
        self.init(bytes: withUnsafeBytes(of: &address6) { Array($0) }, scopeID: scopeID)
    }

    /// The index of an interface that this machine has, from its name or its index in digits; else 0.
    private static func interface(_ zone: String) -> UInt32 {
        guard let index = UInt32(zone), zone.utf8.first != UInt8(ascii: "+") else { return if_nametoindex(zone) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE)) { name in
            if_indextoname(index, name.baseAddress) == nil ? 0 : index
        }
    }

    /// Reads a socket address of the system.
    init?(_ address: UnsafePointer<sockaddr>) {
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let address = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self)
            self.init(bytes: withUnsafeBytes(of: address.sin_addr) { Array($0) })
        case AF_INET6:
            let address = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
            self.init(bytes: withUnsafeBytes(of: address.sin6_addr) { Array($0) }, scopeID: address.sin6_scope_id)
        default:
            return nil
        }
    }

    /// Lends the address in the system's form, with port 0.
    func withSocketAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        switch family {
        case .ipv4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: bytes) }
            return Self.lend(&address, body)
        case .ipv6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_scope_id = scopeID
            withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: bytes) }
            return Self.lend(&address, body)
        }
    }

    /// Lends the address with a port in the system's form.
    package func withSocketAddress<R>(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        // The port has the same place in the addresses of both families.
        let portOffset = MemoryLayout<sockaddr_in>.offset(of: \.sin_port) ?? 2
        return withSocketAddress { pointer, length in
            var storage = sockaddr_storage()
            withUnsafeMutableBytes(of: &storage) { bytes in
                bytes.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(length)))
                bytes.storeBytes(of: port.bigEndian, toByteOffset: portOffset, as: in_port_t.self)
            }
            return withUnsafePointer(to: &storage) { storage in
                storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
            }
        }
    }

    private static func lend<Address, R>(
        _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The address as text, an IPv6 one as RFC 5952 has it, without brackets.
    public var description: String {
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
            buffer.initialize(repeating: 0)
            let family = family == .ipv4 ? AF_INET : AF_INET6
            guard inet_ntop(family, bytes, buffer.baseAddress, socklen_t(buffer.count)) != nil else { return "" }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return scopeID == 0 ? text : "\(text)%\(scopeID)"
    }
}
