import Glibc
internal import SaslBSON
package import SaslWire
package import SecretMemory

extension MongoTestServer {
    /// A role that a user has on a database.
    package struct Role: Sendable, Hashable {
        /// The role's name, such as `read`.
        package var name: String
        /// The database on which the user has it.
        package var database: String

        /// Names a role on a database.
        package init(_ name: String, on database: String) {
            self.name = name
            self.database = database
        }
    }

    /// Who may log in.
    package struct User: Sendable, Hashable {
        /// The user's name: for Kerberos the full principal, for a certificate its subject by RFC 2253.
        package var name: String
        /// The user's database; `$external` for users of Kerberos, LDAP and certificates.
        package var database: String
        /// The password: for SCRAM, or on `$external` for PLAIN.
        package var password: Secret?
        /// The user's mechanisms; `nil` is every suitable one: on `$external` PLAIN with a
        /// password, GSSAPI and MONGODB-X509 without, elsewhere SCRAM.
        package var mechanisms: Set<String>?
        /// What the user may do.
        package var roles: [Role]

        /// Names a user.
        package init(
            _ name: String, on database: String = "$external", password: Secret? = nil,
            mechanisms: Set<String>? = nil, roles: [Role] = []
        ) {
            self.name = name
            self.database = database
            self.password = password
            self.mechanisms = mechanisms
            self.roles = roles
        }
    }

    /// A server's SASL implementation.
    package enum SaslLibrary: String, Sendable, Hashable, CaseIterable {
        /// Cyrus libsasl2, as real servers do: GSSAPI only.
        case cyrus
        /// The server side of this package.
        case own
    }

    /// Where to listen.
    package struct Address: Sendable, Hashable, CustomStringConvertible {
        /// An IPv4 or IPv6 address without brackets.
        package var host: String
        /// The port. All addresses with port 0 get the same free one.
        package var port: Int

        /// An address and a port.
        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// `127.0.0.1:27017` or `[::1]:27017`.
        package var description: String {
            host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        }

        /// `127.0.0.1`, and `::1` if this machine has it: containers often do not.
        package static func loopback(port: Int) -> [Address] {
            let hosts = hasIPv6Loopback ? ["127.0.0.1", "::1"] : ["127.0.0.1"]
            return hosts.map { Address(host: $0, port: port) }
        }

        /// Whether a socket can be bound to `::1`, at any port.
        private static var hasIPv6Loopback: Bool {
            let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return false }
            defer { close(descriptor) }
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_addr = in6addr_loopback
            return withUnsafeBytes(of: &address) { bytes in
                bytes.withMemoryRebound(to: sockaddr.self) { bound in
                    bind(descriptor, bound.baseAddress, socklen_t(bytes.count)) == 0
                }
            }
        }
    }

    /// The result of one attempt to authenticate.
    package struct Authentication: Sendable, Hashable {
        /// The full principal; `nil` if the attempt failed before that was known.
        package var principal: String?
        /// Why it failed, in words for the server's operator that a client never sees; `nil` on success.
        package var failure: String?
    }

    /// How a server is set up.
    package struct Configuration: Sendable {
        /// The addresses to listen on; by default those of ``Address/loopback(port:)``, with a free port.
        package var addresses: [Address]
        /// The first part of the acceptor's principal `serviceName/serviceHost@REALM`.
        package var serviceName: String
        /// The second part of the acceptor's principal.
        package var serviceHost: String
        /// The path of the keytab with the acceptor's keys; `nil` means `KRB5_KTNAME` or the default one.
        ///
        /// The Kerberos library has one for all servers of a process: the first server's is used.
        package var keytab: String?
        /// The SASL implementation.
        package var sasl: SaslLibrary
        /// The mechanisms that are offered, as in a real server's parameter `authenticationMechanisms`, in this order.
        package var mechanisms: [String]
        /// Who may log in. Others are refused even if they authenticated.
        package var users: [User]
        /// How long a refusal is delayed. Real servers take seconds, to slow down guessing.
        package var authenticationFailureDelay: Duration
        /// How long an unauthenticated client may be silent.
        package var idleTimeout: Duration
        /// How long a client may take for the rest of a message that it began, and for taking a reply.
        package var messageTimeout: Duration
        /// How many connections there may be at once; fewer if the process may not open as many descriptors. Others
        /// wait until one is closed. With several addresses each may take one more.
        package var maximumConnections: Int
        /// How connections are encrypted; `nil` for a server without TLS.
        package var tls: TLS?
        /// What is accepted from a client; the length is announced as `maxMessageSizeBytes`.
        package var limits: WireLimits
        /// Called once for each attempt to authenticate, before the client hears of it.
        package var onAuthentication: (@Sendable (Authentication) -> Void)?

        /// 2 MiB for a message, and 5,000 elements: the commands of an authentication have few.
        package static let ofClients = WireLimits(
            maximumMessageLength: 2 << 20, documents: BSONLimits(maximumElementCount: 5000))

        /// What can be offered. MONGODB-X509 is no SASL: TLS has all of it.
        package static func mechanisms(of library: SaslLibrary) -> [String] {
            switch library {
            case .cyrus: ["GSSAPI", "MONGODB-X509"]
            case .own: ["GSSAPI", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "MONGODB-X509"]
            }
        }

        /// A server for `mongodb/localhost` on a free port of the loopback addresses by default.
        package init(
            addresses: [Address] = Address.loopback(port: 0),
            serviceName: String = "mongodb",
            serviceHost: String = "localhost",
            keytab: String? = nil,
            sasl: SaslLibrary = .cyrus,
            mechanisms: [String] = ["GSSAPI"],
            users: [User] = [],
            authenticationFailureDelay: Duration = .zero,
            idleTimeout: Duration = .seconds(60),
            messageTimeout: Duration = .seconds(30),
            maximumConnections: Int = 4096,
            tls: TLS? = nil,
            limits: WireLimits = Configuration.ofClients,
            onAuthentication: (@Sendable (Authentication) -> Void)? = nil
        ) {
            self.addresses = addresses
            self.serviceName = serviceName
            self.serviceHost = serviceHost
            self.keytab = keytab
            self.sasl = sasl
            self.mechanisms = mechanisms
            self.users = users
            self.authenticationFailureDelay = authenticationFailureDelay
            self.idleTimeout = idleTimeout
            self.messageTimeout = messageTimeout
            self.maximumConnections = maximumConnections
            self.tls = tls
            self.limits = limits
            self.onAuthentication = onAuthentication
        }
    }
}
