public import GSSKerberos
public import SASL

/// Who wants to authenticate to a MongoDB server, and by what.
public struct MongoCredential: Sendable {
    /// A mechanism with what it needs.
    public enum Method: Sendable {
        /// Kerberos, mechanism `GSSAPI`, source `$external`.
        case gssapi(GSSAPIOptions)
        /// A password in plain text, mechanism `PLAIN`, normally for LDAP on `$external`.
        case plain(password: Secret)
        /// SCRAM; `nil` as the hash lets the server's `saslSupportedMechs` decide.
        case scram(ScramHash?, password: Secret)
        /// Any other SASL mechanism: the layer is open.
        case other(any SaslMechanism)
    }

    /// The hash functions of SCRAM.
    public enum ScramHash: Sendable, Hashable {
        /// SCRAM-SHA-1, over MongoDB's MD5 pre-hash of the password.
        case sha1
        /// SCRAM-SHA-256.
        case sha256
    }

    /// The user's name. For GSSAPI a principal; without `@REALM` in the default realm.
    public var username: String
    /// The database of the authentication.
    public var source: String
    /// The mechanism.
    public var method: Method

    /// Creates a credential.
    ///
    /// - Parameter source: `nil` is the mechanism's default: `$external` for GSSAPI and PLAIN, else `admin`.
    public init(username: String, source: String? = nil, method: Method) {
        self.username = username
        self.method = method
        let defaultSource =
            switch method {
            case .gssapi, .plain: "$external"
            case .scram, .other: "admin"
            }
        self.source = source ?? defaultSource
    }
}

/// The options of GSSAPI, named as in the authentication specification.
public struct GSSAPIOptions: Sendable, Hashable {
    /// `CANONICALIZE_HOST_NAME`: how the server's name is made canonical for its service principal.
    public enum CanonicalizeHostName: Sendable, Hashable {
        /// The name is used as given.
        case none
        /// The end of the chain of CNAMEs.
        case forward
        /// The PTR name of the first address, else as `forward`.
        case forwardAndReverse
    }

    /// `SERVICE_NAME`
    public var serviceName: String
    /// `SERVICE_REALM`; `nil` leaves the realm to Kerberos.
    public var serviceRealm: String?
    /// `SERVICE_HOST`, in place of the server's name.
    public var serviceHost: String?
    /// `CANONICALIZE_HOST_NAME`
    public var canonicalizeHostName: CanonicalizeHostName
    /// Where the client's tickets come from: a cache by name, a client keytab, or without either the system's own cache.
    ///
    /// The user name chooses: of a collection of caches it is the user's that is taken, and a cache of somebody else is an
    /// error. The tickets are kept in memory for as long as the authenticator; those from a keytab are renewed.
    public var credentialStore: KerberosCredentialStore
    /// The user's password, with which a KDC is asked for tickets of the authenticator's own, in place of a cache or
    /// client keytab. They are renewed as long as the authenticator lives, which keeps the password until then.
    public var password: Secret? {
        get { comparablePassword?.secret }
        set { comparablePassword = newValue.map(ComparableSecret.init) }
    }
    private(set) var comparablePassword: ComparableSecret?

    /// Creates options with the specification's defaults and the system's own ticket cache.
    public init(
        serviceName: String = "mongodb",
        serviceRealm: String? = nil,
        serviceHost: String? = nil,
        canonicalizeHostName: CanonicalizeHostName = .none,
        credentialStore: KerberosCredentialStore = .init(),
        password: Secret? = nil
    ) {
        self.serviceName = serviceName
        self.serviceRealm = serviceRealm
        self.serviceHost = serviceHost
        self.canonicalizeHostName = canonicalizeHostName
        self.credentialStore = credentialStore
        self.password = password
    }
}
