internal import BlockingWork
public import Logging
internal import SASL

#if Kerberos
internal import GSSCore
public import KerberosCredentials
public import NameResolution
internal import SASLGSSAPI
#endif
#if SCRAM
internal import SASLSCRAM
#endif

/// Authenticates connections to MongoDB servers, over any transport.
///
/// ```swift
/// let authenticator = MongoAuthenticator()
/// let credential = MongoCredential(username: "ann@EXAMPLE.COM", method: .gssapi(.init()))
/// try await authenticator.authenticate(credential, serverHost: "db.example.com", over: runner, by: deadline)
/// ```
///
/// Copies share their tickets: create one, and keep it. Any number of concurrent authentications with the same
/// Kerberos identity to the same service ask the KDC once.
///
/// **Where work runs.** Steps of GSSAPI and PLAIN only compute, on the executor of the calling task: give that
/// task the executor of the connection's event loop, and the conversation stays there. File reads, requests to a
/// KDC or a name server, and key derivation run on threads of the authenticator, until the deadline.
public struct MongoAuthenticator: Sendable {
    /// Threads for the steps of mechanisms that may block, or compute for long.
    var threads = BlockingWorkers()
    #if SCRAM
    /// Threads that derive keys. A server chooses how long that takes, so they are few, as they use CPU time.
    /// Long derivations have threads of their own, with a low priority.
    let derivations = BlockingWorkers(
        limits: .init(maximumThreads: 8, maximumAbandoned: 2, maximumIdleThreads: 1))
    private let longDerivations = BlockingWorkers(
        limits: .init(maximumThreads: 4, maximumAbandoned: 2, maximumIdleThreads: 1), isBackground: true)
    private let keyCache = ScramKeyCache()
    #endif
    let logger: Logger?
    /// The mechanisms that may be used.
    public let mechanisms: MongoMechanisms

    #if Kerberos
    let kerberos: KerberosCredentialManager
    let resolver: any NameResolver

    /// Creates an authenticator.
    ///
    /// - Parameters:
    ///   - kerberos: Keeps the Kerberos tickets; authenticators with the same manager share them.
    ///   - resolver: For the canonicalization of host names.
    ///   - mechanisms: The allowed mechanisms; by default all of this package.
    ///   - logger: Gets messages at levels debug and trace; of tokens at most the length.
    public init(
        kerberos: KerberosCredentialManager = KerberosCredentialManager(),
        resolver: any NameResolver = SystemResolver(), mechanisms: MongoMechanisms = .all, logger: Logger? = nil
    ) {
        self.mechanisms = mechanisms
        self.kerberos = kerberos
        self.resolver = resolver
        self.logger = logger
    }
    #else
    /// Creates an authenticator.
    ///
    /// - Parameters:
    ///   - mechanisms: The allowed mechanisms; by default all of this package.
    ///   - logger: Gets messages at levels debug and trace; of tokens at most the length.
    public init(mechanisms: MongoMechanisms = .all, logger: Logger? = nil) {
        self.mechanisms = mechanisms
        self.logger = logger
    }
    #endif

    /// Prepares and runs an authentication.
    ///
    /// If the server refuses a Kerberos ticket, the KDC is asked for another one, and if that is for a newer key
    /// of the service, the conversation runs again on the same connection.
    ///
    /// - Parameters:
    ///   - credential: Who authenticates.
    ///   - serverHost: The server's name, without port and brackets.
    ///   - server: The server's reply to hello, which selects the mechanism if none is named.
    ///   - runner: The connection.
    ///   - deadline: For the whole operation.
    ///   - observe: Receives the events.
    /// - Throws: ``MongoAuthError``, `CancellationError`, what the runner throws.
    @discardableResult
    public func authenticate(
        _ credential: MongoCredential, serverHost: String, server: ServerDescription? = nil,
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver? = nil
    ) async throws -> AuthenticationDetails {
        #if Kerberos
        if case .gssapi(let options) = credential.method {
            let service = try await servicePrincipal(options, serverHost: serverHost, by: deadline)
            return try await authenticate(credential, as: service, over: runner, by: deadline, observe: observe)
        }
        #endif
        if case .oidc(let tokens) = credential.method {
            try mechanisms.check(credential.method)
            return try await authenticateOIDC(
                tokens, credential, serverHost: serverHost, over: runner, by: deadline, observe: observe)
        }
        let prepared = try await prepare(
            credential, serverHost: serverHost, server: server, by: deadline, observe: observe)
        return try await prepared.run(over: runner, by: deadline)
    }

    /// Makes the client's first token; not for MONGODB-OIDC.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`.
    public func prepare(
        _ credential: MongoCredential, serverHost: String, server: ServerDescription? = nil,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver? = nil
    ) async throws -> PreparedAuthentication {
        guard !credential.source.isEmpty else {
            throw MongoAuthError(.invalidCredential, "the authentication source must not be empty")
        }
        try mechanisms.check(credential.method)
        let mechanism: any SaslMechanism
        switch credential.method {
        #if Kerberos
        case .gssapi(let options):
            let service = try await servicePrincipal(options, serverHost: serverHost, by: deadline)
            let ticket = try await self.ticket(credential, for: service, by: deadline, observe: observe)
            return try await prepare(credential, with: ticket, by: deadline, observe: observe)
        #endif
        case .plain(let password):
            mechanism = PlainMechanism(username: credential.username, password: password)
        #if SCRAM
        case .scram(let hash, let password):
            mechanism = try scram(hash, credential.username, password, server)
        #endif
        case .oidc:
            throw MongoAuthError(
                .unsupportedMechanism, "MONGODB-OIDC may take several conversations: authenticate in one call")
        case .x509:
            return try .certificate(
                username: credential.username, source: credential.source, observe: logging(observe))
        case .other(let other):
            mechanism = other
        case .named(let name, let password, let properties):
            mechanism = try mechanisms.mechanism(
                named: name,
                for: MongoMechanisms.Request(
                    username: credential.username, password: password, source: credential.source,
                    properties: properties))
        }
        return try await begin(
            mechanism, source: credential.source, details: AuthenticationDetails(mechanism: mechanism.name),
            by: deadline, observe: observe)
    }

    /// Takes the first step of a mechanism: on the caller if it only computes, else on a thread.
    func begin(
        _ mechanism: any SaslMechanism, source: String, details: AuthenticationDetails,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver?
    ) async throws -> PreparedAuthentication {
        let steps: ExchangeSteps
        do {
            steps = try ExchangeSteps(mechanism) { threads(for: mechanism, $0) }
        } catch {
            throw MongoAuthError.translated(error)
        }
        return try await PreparedAuthentication.begin(
            steps, source: source, isTokenSecret: mechanism.traits.sendsPlaintextSecret, details: details, by: deadline,
            observe: logging(observe))
    }

    /// Where a mechanism's step runs; `nil` is on the caller.
    private func threads(for mechanism: any SaslMechanism, _ challenge: [UInt8]?) -> BlockingWorkers? {
        #if SCRAM
        if mechanism is ScramMechanism {
            return ScramMechanism.isCostly(challenge ?? []) ? longDerivations : derivations
        }
        #endif
        return mechanism.traits.mayBlock ? threads : nil
    }

    /// An observer that also writes to the log.
    func logging(_ observe: AuthenticationObserver?) -> AuthenticationObserver? {
        guard let logger, logger.logLevel <= .debug else { return observe }
        return { event in
            event.log(to: logger)
            observe?(event)
        }
    }

    /// Sends hello and authenticates in two round trips: hello, the first token and the empty response that follows
    /// in GSSAPI are sent in one write, then the answer to the server's offer of security layers.
    ///
    /// The proofs and their order are those of ``authenticate(_:serverHost:server:over:by:observe:)``: nothing is
    /// answered before the server's token is verified. It is for GSSAPI; other mechanisms run as usual.
    ///
    /// - Throws: As that method; ``MongoAuthError/Code/pipeliningRefused`` if the server's replies are not the
    ///   anticipated ones, errors included: then use that method on a new connection.
    public func authenticatePipelined(
        _ credential: MongoCredential, hello: Hello, serverHost: String, over runner: some PipelinedCommandRunner,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver? = nil
    ) async throws -> (server: ServerDescription, details: AuthenticationDetails) {
        #if Kerberos
        if case .gssapi(let options) = credential.method {
            let service = try await servicePrincipal(options, serverHost: serverHost, by: deadline)
            return try await authenticatePipelined(
                credential, as: service, hello: hello, over: runner, by: deadline, observe: observe)
        }
        #endif
        return try await authenticate(
            credential, hello: hello, serverHost: serverHost, over: runner, by: deadline, observe: observe)
    }

    #if SCRAM
    private func scram(
        _ hash: MongoCredential.ScramHash?, _ username: String, _ password: Secret, _ server: ServerDescription?
    ) throws(MongoAuthError) -> any SaslMechanism {
        var registry = SaslRegistry()
        for (excluded, own) in [(MongoCredential.ScramHash.sha1, ScramMechanism.Hash.sha256), (.sha256, .sha1)]
        where hash != excluded {
            let mechanism = ScramMechanism.mongoDB(own, username: username, password: password, keyCache: keyCache)
            if mechanisms.allows(mechanism.name) { registry.register(mechanism) }
        }
        // SHA-256 if the server lists it for the user. Else SHA-1, whatever is listed: servers omit the list, or leave
        // it empty, for users that they do not know or that a proxy in front of them manages ("Defaults" in auth.md).
        let named = server?.saslSupportedMechs ?? []
        let offered =
            hash != nil || (named.isEmpty && registry.names.count == 1)
            ? registry.names.map(\.rawValue) : [named.contains("SCRAM-SHA-256") ? "SCRAM-SHA-256" : "SCRAM-SHA-1"]
        do {
            return try registry.select(offered: offered)
        } catch {
            throw MongoAuthError(.mechanismUnavailable, error.message, underlying: error)
        }
    }
    #endif
}
