#if Kerberos
public import KerberosCredentials

/// The options of GSSAPI, named as in the authentication specification, and the source of the tickets.
public struct GSSAPIOptions: Sendable, Hashable {
    /// `SERVICE_NAME`: the first part of the server's principal.
    public var serviceName: String
    /// `SERVICE_REALM`; `nil` leaves the realm to Kerberos.
    public var serviceRealm: String?
    /// `SERVICE_HOST`, instead of the server's name.
    public var serviceHost: String?
    /// `CANONICALIZE_HOST_NAME`: whether the DNS is asked for the host's canonical name.
    public var canonicalizeHostName: HostCanonicalization
    /// The source of the client's tickets: the system's credential cache, a cache by name, a keytab, a password, an
    /// existing credential. Its user is the credential's user name.
    ///
    /// Tickets are kept in memory for as long as the authenticator; those from a keytab or a password are renewed, and
    /// the password is kept until then.
    public var identity: KerberosIdentity
    /// Accepts a server that states a maximum message size although it offers no security layer, as those of GNU SASL,
    /// Dovecot and the JDK do. RFC 4752 section 3.1 requires the client to check that it is 0, so this is off by
    /// default.
    public var toleratesSizeWithoutLayer = false

    /// Creates options with the specification's defaults and the system's own credential cache.
    public init(
        serviceName: String = "mongodb", serviceRealm: String? = nil, serviceHost: String? = nil,
        canonicalizeHostName: HostCanonicalization = .none, identity: KerberosIdentity = .system()
    ) {
        self.serviceName = serviceName
        self.serviceRealm = serviceRealm
        self.serviceHost = serviceHost
        self.canonicalizeHostName = canonicalizeHostName
        self.identity = identity
    }

    /// Reads the mechanism properties of a connection string in a driver's form; names are case-insensitive.
    ///
    /// - Throws: ``MongoAuthError/Code/invalidCredential``, which names the property that is unknown, empty,
    ///   given twice or has an invalid value.
    public init(
        mechanismProperties: [String: String], identity: KerberosIdentity = .system()
    ) throws(MongoAuthError) {
        self.init(identity: identity)
        var seen: Set<String> = []
        for (name, value) in mechanismProperties {
            let key = Self.isASCII(name) ? name.uppercased() : name
            guard seen.insert(key).inserted else { throw Self.invalid(name, "is given twice") }
            guard !value.isEmpty else { throw Self.invalid(name, "is empty") }
            switch key {
            case "SERVICE_NAME": serviceName = value
            case "SERVICE_REALM": serviceRealm = value
            case "SERVICE_HOST": serviceHost = value
            case "CANONICALIZE_HOST_NAME":
                switch Self.isASCII(value) ? value.lowercased() : value {
                case "none", "false": canonicalizeHostName = .none
                case "forward": canonicalizeHostName = .forward
                case "forwardandreverse", "true": canonicalizeHostName = .forwardAndReverse
                default: throw Self.invalid(name, "must be none, forward, forwardAndReverse, true or false")
                }
            default: throw Self.invalid(name, "is unknown for GSSAPI")
            }
        }
    }

    /// A change of case may turn other letters into ASCII ones.
    private static func isASCII(_ text: String) -> Bool { text.utf8.allSatisfy { $0 < 0x80 } }

    private static func invalid(_ name: String, _ what: String) -> MongoAuthError {
        MongoAuthError(.invalidCredential, "the mechanism property \(name) \(what)")
    }
}
#endif
