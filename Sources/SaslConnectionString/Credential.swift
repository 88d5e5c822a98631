public import SecretMemory

/// The authentication mechanisms of the driver authentication specification. The raw value is the name on the wire.
@nonexhaustive
public enum AuthMechanism: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Kerberos (RFC 4752).
    case gssapi = "GSSAPI"
    /// A plain-text password, for LDAP (RFC 4616).
    case plain = "PLAIN"
    /// SCRAM with SHA-1 (RFC 5802), over MongoDB's hash of the password.
    case scramSHA1 = "SCRAM-SHA-1"
    /// SCRAM with SHA-256 (RFC 7677).
    case scramSHA256 = "SCRAM-SHA-256"
    /// The TLS client certificate.
    case x509 = "MONGODB-X509"
    /// AWS IAM.
    case aws = "MONGODB-AWS"
    /// OpenID Connect.
    case oidc = "MONGODB-OIDC"

    /// The name on the wire.
    public var description: String { rawValue }
}

extension MongoConnectionString {
    /// The user, the mechanism and the database of the authentication, with every rule of the driver
    /// authentication specification applied: missing values are not needed, and defaults are filled in.
    public struct Credential: Sendable, Hashable {
        /// The user's name; `nil` if the mechanism takes it from elsewhere. Never empty.
        public var username: String?
        /// The password; `nil` when none is given, which is not the same as an empty one.
        public var password: Secret?
        /// The database of the authentication, `$external` for users that MongoDB does not keep.
        public var source: String
        /// The mechanism; `nil` means that the server's offer decides between SCRAM-SHA-256 and SCRAM-SHA-1.
        public var mechanism: AuthMechanism?
        /// The mechanism's properties, defaults included.
        public var mechanismProperties: MechanismProperties

        /// Creates a credential from parts that already fit together; nothing is checked.
        public init(
            username: String?,
            password: Secret?,
            source: String,
            mechanism: AuthMechanism?,
            mechanismProperties: MechanismProperties = MechanismProperties()
        ) {
            self.username = username
            self.password = password
            self.source = source
            self.mechanism = mechanism
            self.mechanismProperties = mechanismProperties
        }

        /// The properties of GSSAPI, typed; `nil` for every other mechanism.
        public var gssapiProperties: GSSAPIProperties? {
            mechanism == .gssapi ? GSSAPIProperties(mechanismProperties) : nil
        }
    }
}

/// The properties of a GSSAPI credential that determine the service's principal.
public struct GSSAPIProperties: Sendable, Hashable {
    /// How a server's host name is canonicalized for the service principal.
    @nonexhaustive
    public enum CanonicalizeHostName: String, Sendable, Hashable {
        /// The name is used as given.
        case none
        /// The end of the chain of CNAMEs.
        case forward
        /// The PTR name of the first address.
        case forwardAndReverse
    }

    /// `SERVICE_NAME`: the first part of the service principal.
    public var serviceName: String
    /// `SERVICE_REALM`: the service's realm, if it is not that of the host.
    public var serviceRealm: String?
    /// `SERVICE_HOST`: the host of the service principal, if it is not the server's.
    public var serviceHost: String?
    /// `CANONICALIZE_HOST_NAME`; `true` and `false` are read as `forwardAndReverse` and `none`.
    public var canonicalizeHostName: CanonicalizeHostName

    /// Creates properties; the defaults are the specification's.
    public init(
        serviceName: String = "mongodb",
        serviceRealm: String? = nil,
        serviceHost: String? = nil,
        canonicalizeHostName: CanonicalizeHostName = .none
    ) {
        self.serviceName = serviceName
        self.serviceRealm = serviceRealm
        self.serviceHost = serviceHost
        self.canonicalizeHostName = canonicalizeHostName
    }

    init(_ properties: MechanismProperties) {
        self.init(
            serviceName: properties["SERVICE_NAME"] ?? "mongodb",
            serviceRealm: properties["SERVICE_REALM"],
            serviceHost: properties["SERVICE_HOST"],
            canonicalizeHostName: properties["CANONICALIZE_HOST_NAME"].flatMap(Self.mode(named:)) ?? .none)
    }

    static func mode(named text: String) -> CanonicalizeHostName? {
        switch text {
        case "true": .forwardAndReverse
        case "false": CanonicalizeHostName.none
        default: CanonicalizeHostName(rawValue: text)
        }
    }
}
