public import BlockingWork
public import GSSKerberos
public import Logging
public import NameResolution
internal import SASL
internal import SASLGSSAPI
internal import SASLSCRAM
public import SaslWire

/// Authenticates connections to MongoDB servers, over any transport.
///
/// An authentication has two parts. ``prepare(_:serverHost:server:by:)`` makes the client's first token, which for
/// Kerberos means finding the credential and getting a ticket; it needs no connection. The result then runs its
/// conversation over a connection. Any number of authentications at the same time with the same Kerberos credential to
/// the same service ask the KDC once.
///
/// ```swift
/// let authenticator = MongoAuthenticator(workers: workers, resolver: SystemResolver(workers: workers))
/// let credential = MongoCredential(username: "ann@EXAMPLE.COM", method: .gssapi(.init()))
/// try await authenticator.authenticate(credential, serverHost: "db.example.com", over: runner, by: deadline)
/// ```
public struct MongoAuthenticator: Sendable {
    private let workers: BlockingWorkers
    private let conversations: SharedThreads<any SaslExchange>
    private let kerberos: KerberosIdentities
    private let resolver: any NameResolver
    private let logger: Logger?

    /// Creates an authenticator. Its copies share their tickets and threads: make one, and keep it.
    ///
    /// - Parameters:
    ///   - workers: Threads for calls that read files. An exchange of another mechanism whose steps may block has one of
    ///     them to itself while it lasts; the others share a few threads of the authenticator's own.
    ///   - ticketWorkers: Threads for calls that ask a KDC; `nil` makes some. They should be nobody else's, so that a KDC
    ///     that does not answer holds up only those who need it. A process that may end meanwhile brings its own, so as to
    ///     know when they are idle: see ``BlockingWorkers``.
    ///   - resolver: For host names that are to be made canonical.
    ///   - logger: Takes messages at levels debug and trace; tokens as their length and digest.
    public init(
        workers: BlockingWorkers, ticketWorkers: BlockingWorkers? = nil, resolver: any NameResolver,
        logger: Logger? = nil
    ) {
        self.workers = workers
        conversations = SharedThreads(maximumThreads: Self.conversationThreads)
        kerberos = KerberosIdentities(files: workers, network: ticketWorkers ?? BlockingWorkers())
        self.resolver = resolver
        self.logger = logger
    }

    /// Threads that compute and never wait: more than a machine's few processors make use of would be idle.
    private static let conversationThreads = 4

    /// Prepares and runs an authentication.
    ///
    /// - Parameters:
    ///   - credential: Who authenticates.
    ///   - serverHost: The server's name, without port and brackets.
    ///   - server: What the server said in its reply to hello, for mechanisms that are chosen by it.
    ///   - runner: The connection.
    ///   - deadline: For all of it.
    /// - Throws: ``MongoAuthError``, `CancellationError`, what the runner throws.
    @discardableResult
    public func authenticate(
        _ credential: MongoCredential, serverHost: String, server: ServerDescription? = nil,
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant
    ) async throws -> AuthenticationDetails {
        let prepared = try await prepare(credential, serverHost: serverHost, server: server, by: deadline)
        return try await prepared.run(over: runner, by: deadline)
    }

    /// Makes the client's first token.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`.
    public func prepare(
        _ credential: MongoCredential, serverHost: String, server: ServerDescription? = nil,
        by deadline: ContinuousClock.Instant
    ) async throws -> PreparedAuthentication {
        guard !credential.source.isEmpty else {
            throw MongoAuthError(.invalidCredential, "the authentication source must not be empty")
        }
        switch credential.method {
        case .gssapi(let options):
            return try await prepareGSSAPI(credential, options, serverHost, by: deadline)
        case .plain(let password):
            let mechanism = PlainMechanism(username: credential.username, password: password)
            return try await prepare(source: credential.source, name: .plain, by: deadline) { mechanism }
        case .scram(let hash, let password):
            let mechanism = try scram(hash, credential.username, password, server)
            return try await prepare(source: credential.source, name: mechanism.name, by: deadline) { mechanism }
        case .other(let mechanism):
            return try await prepare(
                source: credential.source, name: mechanism.name, mayBlock: mechanism.traits.mayBlock, by: deadline
            ) { mechanism }
        }
    }

    private func prepareGSSAPI(
        _ credential: MongoCredential, _ options: GSSAPIOptions, _ serverHost: String,
        by deadline: ContinuousClock.Instant
    ) async throws -> PreparedAuthentication {
        guard !credential.username.isEmpty else {
            throw MongoAuthError(.invalidCredential, "GSSAPI needs a user name: the Kerberos principal")
        }
        guard credential.source == "$external" else {
            throw MongoAuthError(
                .invalidCredential, "the source of GSSAPI is always $external, not \(credential.source)")
        }
        let service = try await ServicePrincipal.resolve(
            serverHost: serverHost, options: options, resolver: resolver, by: deadline)
        if let problem = Self.problem(with: options) { throw MongoAuthError(.invalidCredential, problem) }
        let username = credential.username
        let identity = Self.identity(credential, options)
        let ticket = try await kerberos.ticket(of: identity, for: service, by: deadline)
        return try await prepare(
            source: credential.source, name: .gssapi, service: service, by: deadline,
            onRefusal: { [kerberos] in kerberos.refused(service, of: identity) }
        ) {
            GSSAPIMechanism(
                provider: KerberosProvider(credential: ticket.credential),
                target: ticket.service,
                authorizationIdentity: KerberosPrincipal.hasRealm(username) ? .text(username) : .authenticatedName)
        }
    }

    /// The Kerberos tickets that are kept for a credential, for a report: the ticket-granting ticket, and those of services.
    /// None where the credential has not been used, or is none of Kerberos. Asks no KDC.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`.
    public func tickets(
        of credential: MongoCredential, by deadline: ContinuousClock.Instant
    ) async throws -> [KerberosTicket] {
        guard case .gssapi(let options) = credential.method else { return [] }
        return try await kerberos.list(Self.identity(credential, options), by: deadline)
    }

    private static func identity(_ credential: MongoCredential, _ options: GSSAPIOptions) -> KerberosIdentities.Key {
        .init(username: credential.username, store: options.credentialStore, password: options.comparablePassword)
    }

    private static func problem(with options: GSSAPIOptions) -> String? {
        let store = options.credentialStore
        let sources = [store.cache != nil, store.clientKeytab != nil, options.password != nil].count { $0 }
        guard sources <= 1 else {
            return "the tickets for GSSAPI come from a cache, a client keytab or a password: name one of them"
        }
        guard options.password.map({ $0.count > 0 }) ?? true else {
            return "the password for GSSAPI is empty: leave it out, with its ':', to use the ticket cache"
        }
        return nil
    }

    private func scram(
        _ hash: MongoCredential.ScramHash?, _ username: String, _ password: Secret, _ server: ServerDescription?
    ) throws(MongoAuthError) -> any SaslMechanism {
        var registry = SaslRegistry()
        if hash != .sha1 { registry.register(ScramMechanism.mongoDB(.sha256, username: username, password: password)) }
        if hash != .sha256 {
            registry.register(ScramMechanism.mongoDB(.sha1, username: username, password: password))
        }
        // A server that says nothing of the user's mechanisms is asked for the oldest, or knows no such user.
        let offered = hash == nil ? server?.saslSupportedMechs ?? ["SCRAM-SHA-1"] : registry.names.map(\.rawValue)
        do {
            return try registry.select(offered: offered)
        } catch {
            throw MongoAuthError(.mechanismUnavailable, error.message, underlying: error)
        }
    }

    private func prepare(
        source: String, name: SaslMechanismName, service: ServicePrincipal? = nil, mayBlock: Bool = false,
        by deadline: ContinuousClock.Instant, onRefusal: @escaping @Sendable () -> Void = {},
        _ makeMechanism: @escaping @Sendable () -> any SaslMechanism
    ) async throws -> PreparedAuthentication {
        var conversation = SaslConversation(mechanism: name, source: source)
        let worker = try await ExchangeWorker.translating {
            if mayBlock {
                return ExchangeWorker(try await workers.pin(by: deadline) { try makeMechanism().makeExchange() })
            }
            return ExchangeWorker(try await conversations.place(by: deadline) { try makeMechanism().makeExchange() })
        }
        guard case .step(let challenge) = try conversation.begin() else {
            throw MongoAuthError(.sasl, "the conversation did not begin with a step")
        }
        let first: ExchangeWorker.Progress
        do {
            first = try await worker.step(challenge, by: deadline)
        } catch {
            await worker.finish()
            throw error
        }
        logger?.debug(
            "sasl first token made",
            metadata: ["sasl.mechanism": "\(name)", "gss.target": "\(service.map { "\($0)" } ?? "")"])
        return PreparedAuthentication(
            mechanism: name, source: source, service: service, conversation: conversation, worker: worker,
            firstProgress: first, logger: logger, onRefusal: onRefusal)
    }
}
