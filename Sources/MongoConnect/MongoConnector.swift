public import BlockingWork
internal import GSSCore
public import GSSKerberos
public import Logging
public import MongoAuth
public import MongoTransport
public import NIOCore
public import NameResolution
internal import SASLGSSAPI
public import SaslConnectionString
internal import SaslWire

/// The whole way in one call: from a connection string to an authenticated connection.
///
/// ```swift
/// let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
/// let string = try MongoConnectionString(parsing: "mongodb://ann%40EXAMPLE.COM@db.example.com/?authMechanism=GSSAPI")
/// let session = try await connector.connect(to: string, by: .now + .seconds(10))
/// let reply = try await session.connection.run(["ping": 1, "$db": "admin"], by: .now + .seconds(1))
/// ```
///
/// One connector serves any number of connections: make one, and keep it. It keeps the Kerberos tickets of those who
/// authenticate, and renews those that come from a keytab or a password; threads for calls that block; and what the files
/// of the `tls` options hold: they are read when the first connection needs them, and once more after
/// ``reloadTLSFiles()``. Files that cannot be used are read again by the next connection.
public struct MongoConnector: Sendable {
    private let authenticator: MongoAuthenticator
    private let resolver: any NameResolver
    private let services: any ServiceResolver
    private let tlsContexts: TLSContexts
    private let group: any EventLoopGroup
    private let logger: Logger?

    /// Creates a connector.
    ///
    /// - Parameters:
    ///   - group: The event loops for the connections.
    ///   - workers: Threads for the calls of mechanisms that read files or may block.
    ///   - ticketWorkers: Threads for calls that ask a KDC; `nil` makes some. They should be nobody else's. A process that
    ///     may end while a KDC is silent brings its own, so as to know when they are idle: see ``BlockingWorkers``.
    ///   - resolver: Looks up names; `nil` is the system's name service on threads of its own, so that servers that keep
    ///     conversations waiting hold up no look-up.
    ///   - services: Looks up SRV and TXT records; `nil` asks the system's name servers, on those same threads.
    ///   - logger: Takes messages at levels debug and trace. Tokens appear as length and digest, secrets not at all.
    public init(
        group: any EventLoopGroup, workers: BlockingWorkers = BlockingWorkers(),
        ticketWorkers: BlockingWorkers? = nil, resolver: (any NameResolver)? = nil,
        services: (any ServiceResolver)? = nil, logger: Logger? = nil
    ) {
        let lookUps = BlockingWorkers()
        self.group = group
        tlsContexts = TLSContexts(workers: lookUps, group: group)
        let resolver = resolver ?? SystemResolver(workers: lookUps)
        self.resolver = resolver
        authenticator = MongoAuthenticator(
            workers: workers, ticketWorkers: ticketWorkers, resolver: resolver, logger: logger)
        self.services = services ?? DNSServiceResolver(workers: lookUps)
        self.logger = logger
    }

    /// Lets later connections read the files of the `tls` options anew, where certificates were renewed. Connections that
    /// are open, or just about to be, keep what they have.
    public func reloadTLSFiles() {
        tlsContexts.removeAll()
    }

    /// The hosts of a string: those it names, or with `mongodb+srv` those of the SRV records, with the options of the TXT
    /// record.
    ///
    /// - Throws: ``SeedlistError``, `CancellationError`.
    public func resolvingHosts(
        of string: MongoConnectionString, by deadline: ContinuousClock.Instant
    ) async throws -> MongoConnectionString {
        try await string.resolved(with: services, by: deadline)
    }

    /// Connects to the first host of a string that can be reached, and authenticates.
    ///
    /// A host that cannot be reached leads to the next one, and so does one that is silent: each has its share of the time
    /// that is left, and `connectTimeoutMS` at most, until it has said hello. An authentication that fails does not: the
    /// next host of the same deployment would say the same.
    ///
    /// - Parameter credential: Who authenticates; `nil` is the string's user.
    /// - Throws: `TransportError`, `MongoAuthError`, ``SeedlistError``, `CancellationError`; for several hosts that of the
    ///   last one.
    public func connect(
        to string: MongoConnectionString, as credential: MongoCredential? = nil, by deadline: ContinuousClock.Instant
    ) async throws -> MongoSession {
        let string = try await resolvingHosts(of: string, by: deadline)
        var last: (any Error)?
        for (index, host) in string.hosts.enumerated() {
            let others = string.hosts.count - index - 1
            let patience = others == 0 ? deadline : .now + (deadline - .now) / (others + 1)
            do {
                return try await connect(
                    to: host, of: string, as: credential, reachedBy: patience, by: deadline, observe: { _ in })
            } catch let error as TransportError where error.code != .deadlineExceeded || .now < deadline {
                last = error
            }
        }
        throw last ?? MongoAuthError(.invalidCredential, "the connection string names no host")
    }

    /// Connects to one host of a string and authenticates.
    ///
    /// Until the host has said hello it has as long as the string's `connectTimeoutMS`, where that comes before the
    /// deadline. The string's other times are for what a driver does with its connections, and not used.
    ///
    /// - Parameters:
    ///   - host: One of the hosts that ``resolvingHosts(of:by:)`` gave.
    ///   - string: Where everything else stands.
    ///   - credential: Who authenticates; `nil` is the string's user.
    ///   - deadline: For all of it.
    ///   - observe: Is told of every phase as it begins and ends.
    /// - Throws: `TransportError`, `MongoAuthError`, `CancellationError`.
    public func connect(
        to host: MongoConnectionString.Host, of string: MongoConnectionString, as credential: MongoCredential? = nil,
        by deadline: ContinuousClock.Instant, observe: @Sendable (ConnectEvent) -> Void = { _ in }
    ) async throws -> MongoSession {
        try await connect(to: host, of: string, as: credential, reachedBy: deadline, by: deadline, observe: observe)
    }

    /// - Parameter patience: When to give up on a host that has not said hello.
    private func connect(
        to host: MongoConnectionString.Host, of string: MongoConnectionString, as credential: MongoCredential?,
        reachedBy patience: ContinuousClock.Instant, by deadline: ContinuousClock.Instant,
        observe: @Sendable (ConnectEvent) -> Void
    ) async throws -> MongoSession {
        let credential = try credential ?? string.credential.map(MongoCredential.init)
        if string.options.proxyHost != nil {
            observe(.warning("proxyHost is not supported: the server is connected to directly"))
        }
        if case .plain? = credential?.method, !string.usesTLS, host.kind != .unix {
            observe(.warning("PLAIN sends the password in clear text on this connection: set tls=true"))
        }
        let hello = Hello(
            applicationName: string.options.appName,
            saslSupportedMechsFor: credential.flatMap(Self.userToNegotiate))
        let (connection, server) = try await withConnectTimeout(of: string, by: patience) { patience in
            try await introduce(host, string, hello, by: patience, observe)
        }

        var details: AuthenticationDetails?
        if let credential {
            do {
                details = try await authenticate(credential, host, server, connection, by: deadline, observe)
            } catch {
                await connection.close()
                throw error
            }
        }
        return MongoSession(connection: connection, server: server, authentication: details)
    }

    /// The Kerberos tickets that are kept for a credential, for a report; see
    /// ``MongoAuth/MongoAuthenticator/tickets(of:by:)``.
    public func tickets(
        of credential: MongoCredential, by deadline: ContinuousClock.Instant
    ) async throws -> [KerberosTicket] {
        try await authenticator.tickets(of: credential, by: deadline)
    }

    // MARK: - Phases

    /// Runs what the string's `connectTimeoutMS` bounds; 0 is no bound.
    private func withConnectTimeout<Success>(
        of string: MongoConnectionString, by deadline: ContinuousClock.Instant,
        _ body: (ContinuousClock.Instant) async throws -> Success
    ) async throws -> Success {
        guard let timeout = string.options.connectTimeoutMS, timeout > 0 else { return try await body(deadline) }
        let limit = ContinuousClock.now + .milliseconds(timeout)
        guard limit < deadline else { return try await body(deadline) }
        do {
            return try await body(limit)
        } catch var error as TransportError where error.code == .deadlineExceeded {
            error.message += " (connectTimeoutMS=\(timeout) in the connection string)"
            throw error
        }
    }

    private func introduce(
        _ host: MongoConnectionString.Host, _ string: MongoConnectionString, _ hello: Hello,
        by deadline: ContinuousClock.Instant, _ observe: @Sendable (ConnectEvent) -> Void
    ) async throws -> (WireConnection, ServerDescription) {
        do {
            return try await introduce(host, string, hello, .message, by: deadline, observe)
        } catch let error as TransportError where error.code == .closed && error.phase == .command {
            // Servers older than 3.6 hang up on OP_MSG. The same answer to the older form is final.
            return try await introduce(host, string, hello, .legacyQuery, by: deadline, observe)
        }
    }

    private func introduce(
        _ host: MongoConnectionString.Host, _ string: MongoConnectionString, _ hello: Hello,
        _ format: WireConnection.MessageFormat, by deadline: ContinuousClock.Instant,
        _ observe: @Sendable (ConnectEvent) -> Void
    ) async throws -> (WireConnection, ServerDescription) {
        let endpoint = ServerEndpoint(host)
        var context: TLSContext?
        if string.usesTLS {
            // Before anything else: a file that cannot be used is a mistake that no server can mend.
            observe(.began(.tls, at: .now))
            context = try await tlsContexts.context(for: TLSOptions(string.options), by: deadline)
        }
        let start = ContinuousClock.now
        observe(.began(.dns, at: start))
        let connection: WireConnection
        do {
            connection = try await WireConnection.connect(
                to: endpoint, connector: Connector(resolver: resolver, group: group), context: context,
                format: format, by: deadline, logger: logger)
        } catch let error as TransportError {
            Self.tell(
                observe, error.report ?? ConnectReport(), since: start, failedIn: error.phase, usesTLS: string.usesTLS)
            throw error
        }
        Self.tell(observe, connection.report, since: start, failedIn: nil, usesTLS: string.usesTLS)

        observe(.began(.hello, at: .now))
        do {
            let server = try await hello.run(over: connection, by: deadline)
            observe(.learned(.server(server)))
            observe(
                .ended(.hello, at: .now, detail: "wire versions \(server.minWireVersion) to \(server.maxWireVersion)"))
            return (connection, server)
        } catch {
            if let error = error as? TransportError, error.phase == .tls {
                // The server's verdict on the client's certificate: the handshake was not over after all.
                observe(.began(.tls, at: start + (connection.report.connected ?? .zero)))
            }
            await connection.close()
            throw error
        }
    }

    private func authenticate(
        _ credential: MongoCredential, _ host: MongoConnectionString.Host, _ server: ServerDescription,
        _ connection: WireConnection, by deadline: ContinuousClock.Instant,
        _ observe: @Sendable (ConnectEvent) -> Void
    ) async throws -> AuthenticationDetails {
        observe(.began(.kerberos, at: .now))
        // Before the ticket is asked for: where there is none, the warnings say why.
        let (service, credential) = try await nameService(of: host, credential, by: deadline, observe)
        if let service { observe(.learned(.service(service))) }
        let prepared = try await authenticator.prepare(
            credential, serverHost: Self.serviceHost(of: host), server: server, by: deadline)
        if let service {
            observe(.ended(.kerberos, at: .now, detail: "ticket for \(service)"))
        } else {
            observe(.skipped(.kerberos, reason: "\(prepared.mechanism) needs no ticket"))
        }
        observe(.began(.sasl, at: .now))
        var details = try await prepared.run(over: connection, by: deadline)
        details.service = service
        observe(.learned(.authentication(details)))
        observe(.ended(.sasl, at: .now, detail: Self.summary(of: details)))
        return details
    }

    /// Works out the Kerberos name of a host and tells what is doubtful about it.
    ///
    /// - Returns: The name, and the credential with it in place of what it was made from; no name where the mechanism has
    ///   none.
    private func nameService(
        of host: MongoConnectionString.Host, _ credential: MongoCredential, by deadline: ContinuousClock.Instant,
        _ observe: @Sendable (ConnectEvent) -> Void
    ) async throws -> (ServicePrincipal?, MongoCredential) {
        guard case .gssapi(var options) = credential.method else { return (nil, credential) }
        if let warning = MongoConnectionString.socketWarning(host, serviceHost: options.serviceHost) {
            observe(.warning(warning))
        }
        let service = try await ServicePrincipal.resolve(
            serverHost: Self.serviceHost(of: host), options: options, resolver: resolver, by: deadline)
        for warning in service.warnings { observe(.warning(warning)) }
        options.serviceHost = service.host
        options.canonicalizeHostName = .none
        var credential = credential
        credential.method = .gssapi(options)
        return (service, credential)
    }

    private static func summary(of details: AuthenticationDetails) -> String {
        guard let context = details.context else { return "\(details.mechanism)" }
        let offer = details.offer.map { "; layers offered: \($0.layers)" } ?? ""
        // Where Kerberos has yet to choose the realm, MIT shows the name with an empty one.
        let acceptor = context.acceptorName.hasSuffix("@") ? context.acceptorName.dropLast() : context.acceptorName[...]
        return "\(details.mechanism): \(context.initiatorName) to \(acceptor); granted: \(context.flags)\(offer)"
    }

    /// What stands for the server in its principal: never a zone, which only this machine knows, and never a path.
    private static func serviceHost(of host: MongoConnectionString.Host) -> String {
        host.kind == .unix ? "localhost" : host.name
    }

    private static func userToNegotiate(_ credential: MongoCredential) -> (database: String, username: String)? {
        guard case .scram(nil, _) = credential.method else { return nil }
        return (credential.source, credential.username)
    }

    /// Tells of the phases that a connect has gone through, which overlap while they run.
    private static func tell(
        _ observe: @Sendable (ConnectEvent) -> Void, _ report: ConnectReport, since start: ContinuousClock.Instant,
        failedIn phase: TransportPhase?, usesTLS: Bool
    ) {
        guard phase != .dns else { return }
        let addresses = report.addresses.map { "\($0)" }.joined(separator: ", ")
        let resolved = start + (report.resolved ?? .zero)
        observe(.ended(.dns, at: resolved, detail: addresses.isEmpty ? "no look-up needed" : addresses))
        observe(.began(.tcp, at: resolved))
        observe(.attempted(report.attempts))
        guard phase != .tcp else { return }
        let winner = report.attempts.first { $0.outcome == .connected }?.address ?? ""
        let others = report.attempts.count - 1
        let connected = start + (report.connected ?? .zero)
        let detail = "connected to \(winner)" + (others > 0 ? ", \(others) other attempts" : "")
        observe(.ended(.tcp, at: connected, detail: detail))
        guard usesTLS else { return observe(.skipped(.tls, reason: "not used")) }
        observe(.began(.tls, at: connected))
        guard phase != .tls else { return }
        observe(.ended(.tls, at: start + (report.secured ?? .zero), detail: "\(report.tls ?? TLSReport())"))
    }
}

/// A connection that is ready for use.
public struct MongoSession: Sendable {
    /// The connection.
    public let connection: WireConnection
    /// What the server said of itself.
    public let server: ServerDescription
    /// How the authentication went; `nil` where the string has no credential.
    public let authentication: AuthenticationDetails?
}
