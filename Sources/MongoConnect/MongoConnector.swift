public import KerberosCredentials
public import Logging
public import MongoAuth
public import MongoTransport
public import NIOCore
public import NameResolution
public import SaslConnectionString

/// From a connection string to an authenticated connection, in one call.
///
/// ```swift
/// let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
/// let string = try MongoConnectionString(parsing: "mongodb://ann%40EXAMPLE.COM@db.example.com/?authMechanism=GSSAPI")
/// let session = try await connector.connect(to: string, by: .now + .seconds(10))
/// let reply = try await session.connection.run(["ping": 1, "$db": "admin"], by: .now + .seconds(1))
/// ```
///
/// One connector serves any number of connections: create one, and keep it. It caches the Kerberos
/// tickets, and renews those from a keytab or a password; and the contents of the files of the `tls` options: they
/// are read when the first connection needs them, and again after ``reloadTLSFiles()``. Unusable files are
/// read again by the next connection.
///
/// All work of one connection runs on its event loop, except waiting for a KDC, a name server or a file.
public struct MongoConnector: Sendable {
    private let authenticator: MongoAuthenticator
    private let resolver: any NameResolver
    private let services: any ServiceResolver
    private let tlsContexts = TLSContextCache()
    private let group: any EventLoopGroup
    private let logger: Logger?
    private let pipelining: Pipelining?

    /// Creates a connector.
    ///
    /// - Parameters:
    ///   - group: The event loops for the connections.
    ///   - pipelined: Whether GSSAPI may use two round trips instead of four: hello and the first two commands are sent
    ///     in one write. For a server that does not answer as expected, the connector uses a new connection without pipelining,
    ///     and remembers that. Off by default; `docs/performance.md` lists the servers that it was tested with.
    ///   - kerberos: Keeps the Kerberos tickets; connectors with the same manager share them.
    ///   - resolver: Looks up names; the system's name service by default.
    ///   - services: Looks up SRV and TXT records; asks the system's name servers by default.
    ///   - mechanisms: The allowed mechanisms; by default all of this package.
    ///   - logger: Gets messages at levels debug and trace; of tokens at most the length, and no secrets.
    public init(
        group: any EventLoopGroup, pipelined: Bool = false,
        kerberos: KerberosCredentialManager = KerberosCredentialManager(),
        resolver: any NameResolver = SystemResolver(), services: any ServiceResolver = DNSServiceResolver(),
        mechanisms: MongoMechanisms = .all, logger: Logger? = nil
    ) {
        self.group = group
        self.resolver = resolver
        self.services = services
        self.logger = logger
        authenticator = MongoAuthenticator(
            kerberos: kerberos, resolver: resolver, mechanisms: mechanisms, logger: logger)
        pipelining = pipelined ? Pipelining() : nil
    }

    /// Makes the connections; use it for one without a hello.
    package var transport: Connector { Connector(resolver: resolver, group: group) }

    /// Makes later connections read the files of the `tls` options again, after certificates were renewed. Connections
    /// that are open or being opened keep the old contents.
    public func reloadTLSFiles() {
        tlsContexts.reload()
    }

    /// The hosts of a string: those it names, or with `mongodb+srv` those of the SRV records, with the options of the
    /// TXT record.
    ///
    /// - Throws: ``SeedlistError``, `CancellationError`.
    public func resolvingHosts(
        of string: MongoConnectionString, by deadline: ContinuousClock.Instant
    ) async throws -> MongoConnectionString {
        try await string.resolved(with: services, by: deadline)
    }

    /// Connects to the first host of a string that can be reached, and authenticates.
    ///
    /// After an unreachable host the next one is tried, and likewise after an arbiter or a silent one: each has its
    /// share of the remaining time, and at most `connectTimeoutMS`, until it has answered hello; all of them together
    /// have the string's `serverSelectionTimeoutMS`. After a failed authentication no other host is tried: the next
    /// host of the same deployment would give the same answer.
    ///
    /// - Parameters:
    ///   - string: Its hosts, its options and, without `credential`, its user.
    ///   - credential: Who authenticates; `nil` is the string's user.
    ///   - deadline: When to stop waiting, for all hosts together.
    /// - Throws: `TransportError`, `MongoAuthError`, ``SeedlistError``, `CancellationError`; for several hosts that of
    ///   the last one.
    public func connect(
        to string: MongoConnectionString, as credential: MongoCredential? = nil, by deadline: ContinuousClock.Instant
    ) async throws -> MongoSession {
        let string = try await resolvingHosts(of: string, by: deadline)
        var last: (any Error)?
        let selection = string.selectionDeadline(by: deadline)
        for (index, host) in string.hosts.enumerated() {
            let others = string.hosts.count - index - 1
            let limit = others == 0 ? selection : .now + (selection - .now) / (others + 1)
            do {
                return try await connect(to: host, of: string, as: credential, reachedBy: limit, by: deadline)
            } catch let error as TransportError where error.code != .deadlineExceeded || .now < selection {
                last = error
            } catch let error as MongoAuthError where error.code == .arbiter {
                last = error
            }
        }
        throw last ?? MongoAuthError(.invalidCredential, "the connection string names no host")
    }

    /// Connects to one host of a string and authenticates.
    ///
    /// Until the host has answered hello, the string's `connectTimeoutMS` and `serverSelectionTimeoutMS` apply,
    /// if they end before the deadline; each command after that has `socketTimeoutMS`. The string's other timeouts are
    /// for a driver's use of its connections, and ignored.
    ///
    /// - Parameters:
    ///   - host: One of the hosts that ``resolvingHosts(of:by:)`` gave.
    ///   - string: The connection string, for all other options.
    ///   - credential: Who authenticates; `nil` is the string's user.
    ///   - deadline: For the whole operation.
    ///   - trace: Receives the events.
    /// - Throws: `TransportError`, `MongoAuthError`, `CancellationError`.
    public func connect(
        to host: MongoConnectionString.Host, of string: MongoConnectionString, as credential: MongoCredential? = nil,
        by deadline: ContinuousClock.Instant, trace: ConnectTrace? = nil
    ) async throws -> MongoSession {
        try await connect(
            to: host, of: string, as: credential, reachedBy: string.selectionDeadline(by: deadline), by: deadline,
            trace: trace)
    }

    /// - Parameter limit: When to give up on a host that has not answered hello.
    private func connect(
        to host: MongoConnectionString.Host, of string: MongoConnectionString, as credential: MongoCredential?,
        reachedBy limit: ContinuousClock.Instant, by deadline: ContinuousClock.Instant, trace: ConnectTrace? = nil
    ) async throws -> MongoSession {
        let attempt = try attempt(
            host, string, credential, on: group.next(), reachedBy: limit, by: deadline, trace: trace)
        // From here on all computation runs on the connection's event loop.
        return try await withTaskExecutorPreference(EventLoopTaskExecutor(attempt.loop)) { try await attempt.run() }
    }

    /// Reauthenticates an open connection, if a server requires that (error 391, ReauthenticationRequired). Nothing
    /// else may use the connection meanwhile. For another user open another connection: a server may keep both users on
    /// this one.
    ///
    /// - Parameters:
    ///   - session: The result of ``connect(to:of:as:by:trace:)``. The connection is closed if this fails.
    ///   - string: The connection string, for all other options.
    ///   - credential: Who authenticates; `nil` is the string's user.
    ///   - deadline: For the whole operation.
    ///   - trace: Receives the events.
    /// - Throws: `TransportError`, `MongoAuthError`, `CancellationError`.
    public func reauthenticate(
        _ session: MongoSession, of string: MongoConnectionString, as credential: MongoCredential? = nil,
        by deadline: ContinuousClock.Instant, trace: ConnectTrace? = nil
    ) async throws -> MongoSession {
        let attempt = try attempt(
            session.host, string, credential, on: group.next(), reachedBy: deadline, by: deadline, trace: trace)
        return try await withTaskExecutorPreference(session.connection.executor) {
            try await attempt.reauthenticate(session)
        }
    }

    private func attempt(
        _ host: MongoConnectionString.Host, _ string: MongoConnectionString, _ credential: MongoCredential?,
        on loop: any EventLoop, reachedBy limit: ContinuousClock.Instant, by deadline: ContinuousClock.Instant,
        trace: ConnectTrace?
    ) throws -> ConnectorAttempt {
        let credential = try credential ?? string.credential.map(MongoCredential.init)
        if let credential { try authenticator.mechanisms.check(credential.method) }
        return ConnectorAttempt(
            host: host, string: string, credential: credential, loop: loop, authenticator: authenticator,
            connector: transport, tlsContexts: tlsContexts, pipelining: pipelining, limit: limit, deadline: deadline,
            logger: logger, trace: trace)
    }

    /// Names in the resolver's search list under which the host of a `mongodb+srv` string has SRV records. They are for
    /// a person to choose from: an attacker who controls the search domains and DNS answers must not choose
    /// who gets a password.
    package func namesInSearchList(
        of string: MongoConnectionString, by deadline: ContinuousClock.Instant
    ) async -> [String] {
        guard let seedlist = Seedlist(string), let domains = try? await services.searchDomains(by: deadline) else {
            return []
        }
        return await withTaskGroup(of: (Int, String)?.self) { group in
            for (index, domain) in domains.prefix(6).enumerated() {
                group.addTask {
                    let records = try? await services.services(of: "\(seedlist.serviceName).\(domain)", by: deadline)
                    return records.map { _ in (index, "\(seedlist.textName).\(domain)") }
                }
            }
            var found: [Int: String] = [:]
            for await case let (index, name)? in group { found[index] = name }
            return found.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// Whether a host's name is one for `mongodb+srv`.
    package func hasServiceRecords(
        _ host: MongoConnectionString.Host, by deadline: ContinuousClock.Instant
    ) async -> Bool {
        guard host.kind == .hostname else { return false }
        return (try? await services.services(of: "_mongodb._tcp.\(host.asciiName)", by: deadline)) != nil
    }

    /// The members of a server's replica set, as `host:port`, whose names do not resolve. A name without an
    /// answer in time is not among them.
    package func unresolvedMembers(
        of server: ServerDescription, by deadline: ContinuousClock.Instant
    ) async -> [String] {
        // A set has 50 members at most. Few at a time: the threads are shared.
        let members = server.members.prefix(50)
        return await withTaskGroup(of: String?.self) { group in
            var missing: Set<String> = []
            for (number, member) in members.enumerated() {
                if number >= 8, let found = await group.next() { found.map { _ = missing.insert($0) } }
                group.addTask {
                    guard let host = try? MongoConnectionString.Host(member: member), host.kind == .hostname else {
                        return nil
                    }
                    do {
                        _ = try await resolver.addresses(of: host.asciiName, family: nil, by: deadline)
                        return nil
                    } catch let error as NameResolutionError {
                        return [.noSuchName, .noAddress].contains(error.code) ? member : nil
                    } catch {
                        return nil
                    }
                }
            }
            for await member in group { if let member { missing.insert(member) } }
            return members.filter(missing.contains)
        }
    }

    /// Whether a KDC issues a ticket for a service to the credential's user; see ``/MongoAuth/MongoAuthenticator``.
    package func isKnown(
        _ service: ServicePrincipal, to credential: MongoCredential, by deadline: ContinuousClock.Instant
    ) async -> Bool {
        await authenticator.isKnown(service, to: credential, by: deadline)
    }

    /// The canonical name of a host (CNAME); `nil` if it is the same.
    package func canonicalName(
        of host: MongoConnectionString.Host, by deadline: ContinuousClock.Instant
    ) async -> String? {
        guard host.kind == .hostname else { return nil }
        return try? await resolver.canonicalName(of: host.asciiName, by: deadline)
    }

    /// The Kerberos tickets that are kept for a credential, for a report; see
    /// ``/MongoAuth/MongoAuthenticator/tickets(of:by:)``.
    public func tickets(
        of credential: MongoCredential, by deadline: ContinuousClock.Instant
    ) async throws -> [KerberosTicket] {
        try await authenticator.tickets(of: credential, by: deadline)
    }
}

extension MongoConnectionString {
    /// When to give up on hosts that have not answered hello.
    fileprivate func selectionDeadline(by deadline: ContinuousClock.Instant) -> ContinuousClock.Instant {
        options.serverSelectionTimeoutMS.map { min(deadline, .now + .milliseconds($0)) } ?? deadline
    }
}

/// A connection that is ready for use.
public struct MongoSession: Sendable {
    /// The host that it is connected to, as the connection string or its SRV records name it.
    public let host: MongoConnectionString.Host
    /// For commands; the receiver of the session closes it.
    public let connection: WireConnection
    /// The server's description of itself.
    public let server: ServerDescription
    /// The details of the authentication; `nil` if the string has no credential.
    public let authentication: AuthenticationDetails?
}
