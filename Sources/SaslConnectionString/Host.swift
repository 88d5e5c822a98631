extension MongoConnectionString {
    /// 27017, for hosts that are written without one.
    public static let defaultPort: UInt16 = 27017

    /// One host identifier: where a server is, or with `mongodb+srv` the name whose SRV records say where they are.
    public struct Host: Sendable, Hashable {
        /// The type of host identifier. The raw values are those of the specification's tests.
        @nonexhaustive
        public enum Kind: String, Sendable, Hashable {
            /// A name to look up.
            case hostname
            /// Four decimal octets, as RFC 3986 section 3.2.2 writes them (no leading zeros).
            case ipv4
            /// An IPv6 address; it is in brackets in the string.
            case ipLiteral = "ip_literal"
            /// The path of a Unix domain socket.
            case unix
        }

        /// The host name in lower case, the address without brackets and zone, or the decoded path of the socket.
        public var name: String
        /// The port. ``MongoConnectionString/defaultPort`` if none is given; it is meaningless for a socket
        /// path and with `mongodb+srv`.
        public var port: UInt16
        /// The type of host identifier.
        public var kind: Kind
        /// The zone of a scoped IPv6 address, decoded and without `%`: `eth0` for `[fe80::1%25eth0]` (RFC 6874) and
        /// for the unencoded `[fe80::1%eth0]`.
        public var zone: String?

        /// Creates a host from parts that are already valid; nothing is checked.
        public init(name: String, port: UInt16 = defaultPort, kind: Kind, zone: String? = nil) {
            self.name = name
            self.port = port
            self.kind = kind
            self.zone = zone
        }

        /// Reads a member of a replica set as servers name it: `host:port`.
        package init(member: String) throws(ConnectionStringError) {
            let hosts = try HostParser.hosts(in: Array(member.utf8)[...])
            guard let host = hosts.first, hosts.count == 1 else {
                throw ConnectionStringError(.invalidHost, "a member must be one host", offset: 0, part: "host 1")
            }
            self = host
        }

        /// The address with its zone, as `getaddrinfo` takes it: `fe80::1%eth0`. The name where there is no zone.
        public var scopedName: String {
            zone.map { "\(name)%\($0)" } ?? name
        }
    }
}

extension MongoConnectionString.Host: CustomStringConvertible {
    /// The host identifier as in a connection string; the port only if it is not the default one.
    public var description: String {
        let portText = port == MongoConnectionString.defaultPort ? "" : ":\(port)"
        switch kind {
        case .unix:
            return percentEncoded(name, keeping: .unreserved)
        case .ipLiteral:
            let zoneText = zone.map { "%25" + percentEncoded($0, keeping: .unreserved) } ?? ""
            return "[\(name)\(zoneText)]\(portText)"
        case .hostname, .ipv4:
            return name + portText
        }
    }
}
