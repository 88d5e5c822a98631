internal import CSystemResolver

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Where DNS queries go: a line `nameserver` of `resolv.conf`.
public struct NameServer: Sendable, Hashable, CustomStringConvertible {
    /// The server's address.
    public var address: IPAddress
    /// The port for UDP and for TCP.
    public var port: UInt16

    /// Creates a name server.
    public init(_ address: IPAddress, port: UInt16 = 53) {
        self.address = address
        self.port = port
    }

    /// Address and port: `192.0.2.1:53`, `[2001:db8::1]:53`.
    public var description: String {
        address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// Lends the server's address in the system's form.
    func withSocketAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        address.withSocketAddress(port: port, body)
    }
}

/// Which name servers to ask, and the timeouts.
public struct DNSConfiguration: Sendable, Hashable {
    /// The name servers in the order in which they are asked.
    public var nameServers: [NameServer]
    /// How long to wait for one server's answer before the next is asked.
    public var timeout: Duration
    /// How often all servers are asked before giving up.
    public var attempts: Int
    /// Whether every question goes over TCP. Otherwise only those whose answer does not fit a datagram.
    public var usesTCPOnly: Bool
    /// Whether each look-up starts with another server.
    public var rotates: Bool

    /// The search domains for short names, without final periods: `search` in `resolv.conf`, else `LOCALDOMAIN`,
    /// else what the machine's own name has.
    public var searchDomains: [String]

    /// Creates a configuration; the defaults are those of `resolv.conf`.
    public init(
        nameServers: [NameServer], timeout: Duration = .seconds(5), attempts: Int = 2, usesTCPOnly: Bool = false,
        rotates: Bool = false, searchDomains: [String] = []
    ) {
        self.nameServers = nameServers
        self.timeout = timeout
        self.attempts = attempts
        self.usesTCPOnly = usesTCPOnly
        self.rotates = rotates
        self.searchDomains = searchDomains
    }

    /// The system's configuration as it is now: `resolv.conf` and what overrides it. Reads files.
    ///
    /// - Throws: ``NameResolutionError/Code/failure`` if the C library has none.
    public static func system() throws(NameResolutionError) -> DNSConfiguration {
        var raw = cresolv_configuration()
        guard cresolv_read_configuration(&raw) == 0 else {
            throw NameResolutionError(
                .failure, name: "resolv.conf", "the resolver configuration cannot be read: name the servers to ask")
        }
        let servers = withUnsafeBytes(of: &raw.servers) { bytes in
            bytes.bindMemory(to: cresolv_server.self).prefix(Int(raw.server_count)).compactMap(NameServer.init)
        }
        let size = Int(CRESOLV_MAX_NAME)
        let domains = withUnsafeBytes(of: &raw.domains) { bytes in
            (0..<Int(raw.domain_count)).map { number in
                let name = bytes[(number * size)..<((number + 1) * size)].prefix { $0 != 0 }
                return withoutFinalPeriod(String(decoding: name, as: UTF8.self))
            }
        }
        return DNSConfiguration(
            nameServers: servers, timeout: .seconds(Int(raw.timeout_seconds)), attempts: Int(raw.attempts),
            usesTCPOnly: raw.uses_tcp != 0, rotates: raw.rotates != 0, searchDomains: domains.filter { !$0.isEmpty })
    }
}

extension NameServer {
    fileprivate init?(_ server: cresolv_server) {
        let bytes = withUnsafeBytes(of: server.address) { Array($0.prefix(Int(server.address_length))) }
        guard let address = IPAddress(bytes: bytes, scopeID: server.scope) else { return nil }
        self.init(address, port: server.port)
    }
}
