public import SASL

/// The mechanisms that an application allows, and those that it adds.
///
/// ```swift
/// let aws = SaslMechanismName(literal: "MONGODB-AWS")
/// var mechanisms = MongoMechanisms(allowed: [.gssapi, aws])
/// mechanisms.add(aws) { request in try AWSMechanism(request) }
/// let authenticator = MongoAuthenticator(mechanisms: mechanisms)
/// ```
public struct MongoMechanisms: Sendable {
    /// What a connection string, or a credential, passes to a mechanism that the application added.
    public struct Request: Sendable {
        /// The user's name; empty if there is none.
        public var username: String
        /// The password of the string or the credential; `nil` where it has none.
        public var password: Secret?
        /// The database of the authentication.
        public var source: String
        /// `authMechanismProperties`, with names in upper case from a connection string.
        public var properties: [String: String]

        /// Says all of it.
        public init(
            username: String, password: Secret? = nil, source: String, properties: [String: String] = [:]
        ) {
            self.username = username
            self.password = password
            self.source = source
            self.properties = properties
        }
    }

    /// Configures a mechanism for one credential. Must not block.
    public typealias Factory = @Sendable (Request) throws(SaslError) -> any SaslMechanism

    /// All mechanisms of this package.
    public static let all = MongoMechanisms()

    private let allowed: Set<SaslMechanismName>?
    private var factories: [SaslMechanismName: Factory] = [:]

    /// Allows some mechanisms; this applies to those in ``MongoCredential/Method/other(_:)``, too.
    ///
    /// - Parameter allowed: `nil` is all of them.
    public init(allowed: Set<SaslMechanismName>? = nil) {
        self.allowed = allowed
    }

    /// Adds a mechanism, for credentials that name it (``MongoCredential/Method/named(_:password:properties:)``); an
    /// earlier one of that name is replaced. Those of this package cannot be: they have methods of their own.
    public mutating func add(_ name: SaslMechanismName, _ factory: @escaping Factory) {
        factories[name] = factory
    }

    /// Whether a mechanism is allowed. It need not exist.
    public func allows(_ name: SaslMechanismName) -> Bool { allowed?.contains(name) ?? true }

    /// - Throws: ``MongoAuthError/Code/unsupportedMechanism`` for one that does not exist or is not allowed.
    package func check(_ method: MongoCredential.Method) throws(MongoAuthError) {
        let names = method.names
        guard names.contains(where: allows) else {
            throw MongoAuthError(
                .unsupportedMechanism,
                "this application does not allow \(names.map(\.rawValue).joined(separator: " or "))")
        }
        if case .named(let name, _, _) = method, factories[name] == nil { throw Self.isMissing(name) }
    }

    func mechanism(
        named name: SaslMechanismName, for request: Request
    ) throws(MongoAuthError) -> any SaslMechanism {
        guard let factory = factories[name] else { throw Self.isMissing(name) }
        let mechanism: any SaslMechanism
        do throws(SaslError) {
            mechanism = try factory(request)
        } catch {
            throw MongoAuthError(.sasl, error.message, underlying: error)
        }
        guard mechanism.name == name else {
            throw MongoAuthError(.sasl, "the mechanism added as \(name) is named \(mechanism.name)")
        }
        return mechanism
    }

    private static func isMissing(_ name: SaslMechanismName) -> MongoAuthError {
        #if SCRAM
        let known = "GSSAPI, PLAIN, SCRAM-SHA-1, SCRAM-SHA-256 and MONGODB-X509"
        #else
        let known = "GSSAPI, PLAIN and MONGODB-X509, without the package's trait SCRAM"
        #endif
        return MongoAuthError(.unsupportedMechanism, "this client does not have \(name); it has \(known)")
    }
}

extension MongoCredential.Method {
    /// What it may come to.
    fileprivate var names: [SaslMechanismName] {
        switch self {
        #if Kerberos
        case .gssapi: [.gssapi]
        #endif
        #if SCRAM
        case .scram(let hash, _):
            (hash != .sha1 ? [.scramSHA256] : []) + (hash != .sha256 ? [.scramSHA1] : [])
        #endif
        case .plain: [.plain]
        case .x509: [.mongoDBX509]
        case .oidc: [.mongoDBOIDC]
        case .other(let mechanism): [mechanism.name]
        case .named(let name, _, _): [name]
        }
    }
}
