public import SecretMemory

/// A SOCKS proxy (version 5, RFC 1928).
///
/// The proxy gets the server's name and looks it up itself, according to the drivers' specification. Other requests,
/// such as those to a KDC, do not go through the proxy.
public struct SOCKS5Proxy: Sendable, Hashable {
    /// The default port of proxies.
    public static let defaultPort: UInt16 = 1080

    /// A credential for the proxy (RFC 1929). The proxy gets the password in clear text.
    public struct Credential: Sendable, Hashable {
        /// The user's name, of 1 to 255 bytes.
        public var username: String
        /// The password, of 1 to 255 bytes.
        public var password: Secret

        /// Creates a credential.
        public init(username: String, password: Secret) {
            self.username = username
            self.password = password
        }
    }

    /// The proxy's host name, or its address without brackets.
    public var host: String
    /// The proxy's port.
    public var port: UInt16
    /// The credential; `nil` for proxies without authentication.
    public var credential: Credential?

    /// Names a proxy.
    public init(host: String, port: UInt16 = defaultPort, credential: Credential? = nil) {
        self.host = host
        self.port = port
        self.credential = credential
    }

    /// Where the proxy listens.
    public var endpoint: ServerEndpoint { .host(host, port: port) }
}

/// Why a proxy did not connect to a server, for errors with ``TransportError/Code/connect``. The set is open.
public struct ProxyFailure: Sendable, Hashable, CustomStringConvertible {
    private enum Value: String {
        case unreachable
        case notSOCKS5 = "not-socks5"
        case credentialRequired = "credential-required"
        case credentialRejected = "credential-rejected"
        case refused
    }

    private let value: Value

    /// The proxy itself was not reached.
    public static let unreachable = ProxyFailure(value: .unreachable)
    /// What listens there does not speak SOCKS version 5, or violated the protocol.
    public static let notSOCKS5 = ProxyFailure(value: .notSOCKS5)
    /// The proxy demands a user name and a password, or another authentication method.
    public static let credentialRequired = ProxyFailure(value: .credentialRequired)
    /// The proxy does not accept the user name and the password.
    public static let credentialRejected = ProxyFailure(value: .credentialRejected)
    /// The proxy would not, or could not, connect to the server.
    public static let refused = ProxyFailure(value: .refused)

    /// The failure's stable, hyphenated name.
    public var description: String { value.rawValue }
}
