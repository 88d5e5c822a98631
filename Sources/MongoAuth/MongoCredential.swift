public import SASL

#if Kerberos
internal import KerberosCredentials
#endif

/// A user of a MongoDB server, and how the user authenticates.
public struct MongoCredential: Sendable {
    /// A mechanism with its parameters.
    @nonexhaustive
    public enum Method: Sendable {
        #if Kerberos
        /// Kerberos, mechanism `GSSAPI`, source `$external`.
        case gssapi(GSSAPIOptions)
        #endif
        /// A password in plain text, mechanism `PLAIN`, normally for LDAP on `$external`.
        case plain(password: Secret)
        #if SCRAM
        /// SCRAM; with `nil` for the hash the server's `saslSupportedMechs` decides.
        case scram(ScramHash?, password: Secret)
        #endif
        /// The certificate of the TLS connection, mechanism `MONGODB-X509`, source `$external`. The user's name is the
        /// certificate's subject by RFC 2253; empty lets the server take it from the certificate.
        case x509
        /// An access token of OpenID Connect, mechanism `MONGODB-OIDC`, source `$external`. It goes to the server as it
        /// is: use TLS.
        case oidc(OIDCTokens)
        /// A mechanism that the application implements and configures.
        case other(any SaslMechanism)
        /// A mechanism that the application has added to ``MongoMechanisms``, by its name.
        case named(SaslMechanismName, password: Secret? = nil, properties: [String: String] = [:])
    }

    #if SCRAM
    /// The hash functions of SCRAM.
    @nonexhaustive
    public enum ScramHash: Sendable, Hashable {
        /// SCRAM-SHA-1, over MongoDB's MD5 pre-hash of the password.
        case sha1
        /// SCRAM-SHA-256, over the password after SASLprep.
        case sha256
    }
    #endif

    /// The user's name. For GSSAPI a principal; without `@REALM` in the default realm.
    public var username: String
    /// The database of the authentication.
    public var source: String
    /// The mechanism.
    public var method: Method

    /// Creates a credential.
    ///
    /// - Parameters:
    ///   - username: For GSSAPI a principal.
    ///   - source: `nil` is the mechanism's default: `$external` for GSSAPI, PLAIN and other mechanisms whose
    ///     users are external, else `admin`.
    ///   - method: The mechanism, with its password, token or Kerberos options.
    public init(username: String, source: String? = nil, method: Method) {
        self.username = username
        self.method = method
        self.source = source ?? (method.isExternal ? "$external" : "admin")
    }
}

extension MongoCredential {
    #if Kerberos
    /// A user of Kerberos, with the mechanism properties of a connection string.
    ///
    /// - Parameters:
    ///   - username: A principal; without `@REALM` in the default realm.
    ///   - mechanismProperties: `SERVICE_NAME` and the others of the authentication specification.
    ///   - password: For requesting tickets from a KDC; `nil` uses the system's credential cache, or the
    ///     default client keytab.
    /// - Throws: ``MongoAuthError/Code/invalidCredential`` for properties that GSSAPI does not have.
    public static func kerberos(
        username: String, mechanismProperties: [String: String] = [:], password: String? = nil
    ) throws(MongoAuthError) -> MongoCredential {
        let identity = password.map { KerberosIdentity.password(Secret($0), user: username) }
        let options = try GSSAPIOptions(mechanismProperties: mechanismProperties, identity: identity ?? .system())
        return MongoCredential(username: username, method: .gssapi(options))
    }
    #endif

    /// A user whose password is sent in plain text, normally an LDAP user.
    public static func plain(username: String, password: String, source: String? = nil) -> MongoCredential {
        MongoCredential(username: username, source: source, method: .plain(password: Secret(password)))
    }

    #if SCRAM
    /// A user in the server's own database, with SCRAM-SHA-256 or SCRAM-SHA-1 as the server offers.
    public static func scram(username: String, password: String, source: String? = nil) -> MongoCredential {
        MongoCredential(username: username, source: source, method: .scram(nil, password: Secret(password)))
    }
    #endif
}

extension MongoCredential.Method {
    /// Whether the users of the mechanism are external to the server's databases (driver authentication
    /// specification, "source").
    fileprivate var isExternal: Bool {
        switch self {
        #if Kerberos
        case .gssapi: true
        #endif
        #if SCRAM
        case .scram: false
        #endif
        case .plain, .x509, .oidc: true
        case .other(let mechanism): Self.external.contains(mechanism.name.rawValue)
        case .named(let name, _, _): Self.external.contains(name.rawValue)
        }
    }

    private static var external: [String] {
        ["GSSAPI", "GSS-SPNEGO", "PLAIN", "EXTERNAL", "MONGODB-X509", "MONGODB-AWS", "MONGODB-OIDC"]
    }
}

extension SaslMechanismName {
    /// `MONGODB-X509`: no SASL mechanism, but named like one.
    public static let mongoDBX509 = SaslMechanismName(literal: "MONGODB-X509")
    /// `MONGODB-OIDC`.
    public static let mongoDBOIDC = SaslMechanismName(literal: "MONGODB-OIDC")
}
