internal import KerberosCredentials
public import MongoAuth
public import MongoTransport
internal import NameResolution
internal import SASL
public import SaslConnectionString

extension ServerEndpoint {
    /// Where a host of a connection string listens.
    public init(_ host: MongoConnectionString.Host) {
        self =
            switch host.kind {
            case .unix: .unixSocket(path: host.name)
            case .hostname: .host(host.asciiName, port: host.port)
            case .ipv4, .ipLiteral: .host(host.scopedName, port: host.port)
            }
    }
}

extension MongoConnectionString.Host {
    /// The name for look-ups, certificates and principals: with A-labels (RFC 5890). A name
    /// without such a form is unchanged, and fails when looked up.
    package var asciiName: String { kind == .hostname ? (try? InternationalName.ascii(name)) ?? name : name }
}

extension SOCKS5Proxy {
    /// The proxy of a connection string; `nil` if it names none.
    public init?(_ options: MongoConnectionString.Options) {
        guard let host = options.proxyHost else { return nil }
        self.init(
            host: (try? InternationalName.ascii(host)) ?? host,
            port: options.proxyPort.flatMap(UInt16.init(exactly:)) ?? SOCKS5Proxy.defaultPort)
        if let username = options.proxyUsername, let password = options.proxyPassword {
            credential = Credential(username: username, password: password)
        }
    }
}

extension TLSOptions {
    /// The TLS options of a connection string.
    public init(_ options: MongoConnectionString.Options) {
        self.init()
        let isInsecure = options.tlsInsecure ?? false
        verifiesCertificate = !(isInsecure || options.tlsAllowInvalidCertificates ?? false)
        verifiesHostname = !(isInsecure || options.tlsAllowInvalidHostnames ?? false)
        authoritiesFile = options.tlsCAFile
        revocationListsFile = options.tlsCRLFile
        certificateKeyFile = options.tlsCertificateKeyFile
        certificateKeyPassword = options.tlsCertificateKeyFilePassword
    }
}

extension MongoCredential {
    /// The credential of a connection string.
    ///
    /// A mechanism that this package does not have is
    /// ``/MongoAuth/MongoCredential/Method/named(_:password:properties:)``: an application can add it.
    ///
    /// - Throws: ``/MongoAuth/MongoAuthError/Code/invalidCredential`` for a password that is missing or empty.
    public init(_ credential: MongoConnectionString.Credential) throws(MongoAuthError) {
        let isPasswordMissing = credential.password == nil && credential.mechanism == nil
        guard !isPasswordMissing else {
            throw MongoAuthError(
                .invalidCredential,
                "the connection string has a user but no password; for Kerberos add authMechanism=GSSAPI")
        }
        let password = credential.password ?? Secret("")
        let method: Method
        switch credential.mechanism {
        case .gssapi?:
            var options = GSSAPIOptions(credential.gssapiProperties ?? GSSAPIProperties())
            if let given = credential.password {
                guard !given.isEmpty else {
                    throw MongoAuthError(
                        .invalidCredential,
                        "the password for GSSAPI is empty: leave it out, with its ':', to use the credential cache")
                }
                options.identity = .password(password, user: credential.username ?? "")
            }
            method = .gssapi(options)
        case .plain?:
            method = .plain(password: password)
        #if SCRAM
        case .scramSHA1?:
            method = .scram(.sha1, password: password)
        case .scramSHA256?:
            method = .scram(.sha256, password: password)
        case nil:
            method = .scram(nil, password: password)
        #endif
        case .x509?:
            method = .x509
        case let other?:
            var properties: [String: String] = [:]
            for property in credential.mechanismProperties.properties { properties[property.name] = property.value }
            method = .named(
                try SaslMechanismName.of(other), password: credential.password, properties: properties)
        #if !SCRAM
        case nil: method = .named(try SaslMechanismName.of(.scramSHA256), password: password)
        #endif
        }
        self.init(username: credential.username ?? "", source: credential.source, method: method)
    }
}

extension GSSAPIOptions {
    /// The GSSAPI properties of a connection string.
    public init(_ properties: GSSAPIProperties) {
        self.init(
            serviceName: properties.serviceName,
            serviceRealm: properties.serviceRealm,
            serviceHost: properties.serviceHost,
            canonicalizeHostName: {
                switch properties.canonicalizeHostName {
                case .none: .none
                case .forward: .forward
                case .forwardAndReverse: .forwardAndReverse
                }
            }())
    }
}

extension SaslMechanismName {
    fileprivate static func of(_ mechanism: AuthMechanism) throws(MongoAuthError) -> SaslMechanismName {
        guard let name = SaslMechanismName(mechanism.rawValue) else {
            throw MongoAuthError(.unsupportedMechanism, "\(mechanism) is not the name of a mechanism")
        }
        return name
    }
}
