#if Kerberos
public import GSSKerberos
public import KerberosCredentials
public import NameResolution
internal import SASL
internal import SASLGSSAPI
internal import SaslBSON

extension MongoAuthenticator {
    /// The Kerberos name of a server, from its host name and the options of GSSAPI.
    ///
    /// - Parameters:
    ///   - options: What the credential says of the service.
    ///   - serverHost: The host as it was connected to, which `SERVICE_HOST` replaces.
    ///   - connectedAddress: The address of the connection, if known: its name (PTR)
    ///     is used for `forwardAndReverse`.
    ///   - deadline: When to stop waiting.
    /// - Throws: ``MongoAuthError``, `CancellationError`.
    public func servicePrincipal(
        _ options: GSSAPIOptions, serverHost: String, connectedAddress: IPAddress? = nil,
        by deadline: ContinuousClock.Instant
    ) async throws -> ServicePrincipal {
        do {
            return try await ServicePrincipal.resolve(
                service: options.serviceName, realm: options.serviceRealm, host: options.serviceHost ?? serverHost,
                canonicalization: options.canonicalizeHostName,
                connectedAddress: options.serviceHost == nil ? connectedAddress : nil, resolver: resolver, by: deadline)
        } catch {
            throw MongoAuthError.translated(error)
        }
    }

    /// Prepares and runs an authentication with GSSAPI to a service whose Kerberos name is known.
    ///
    /// - Throws: As ``authenticate(_:serverHost:server:over:by:observe:)``.
    @discardableResult
    public func authenticate(
        _ credential: MongoCredential, as service: ServicePrincipal, over runner: some CommandRunner,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver? = nil
    ) async throws -> AuthenticationDetails {
        let ticket = try await ticket(credential, for: service, by: deadline, observe: observe)
        var prepared = try await prepare(credential, with: ticket, by: deadline, observe: observe)
        do {
            return try await prepared.converse(over: runner, by: deadline)
        } catch let refusal as MongoAuthError where refusal.code == .refused && !prepared.isServerProven {
            // The server may now have another key than the one that the ticket is for.
            guard let other = try await replacement(for: ticket, by: deadline, observe: observe) else { throw refusal }
            var second = try await prepare(credential, with: other, by: deadline, observe: observe)
            return try await second.converse(over: runner, by: deadline)
        } catch {
            throw Self.noting(ticket, in: error)
        }
    }

    /// Records a ticket that the server perhaps could not decrypt; a server's claim of that in its token proves
    /// nothing.
    private static func noting(_ ticket: ServiceCredential, in error: any Error) -> any Error {
        guard var error = error as? MongoAuthError, error.code == .serverNotProven,
            (error.underlying as? SaslError)?.underlying != nil
        else { return error }
        error.unreadTicket = ticket
        return error
    }

    /// Sends hello and authenticates in two round trips to a service whose Kerberos name is known.
    ///
    /// - Parameters:
    ///   - credential: A credential of the method GSSAPI.
    ///   - service: The name to get a ticket for.
    ///   - hello: What hello says.
    ///   - runner: The connection, of which nothing has been used yet.
    ///   - limit: How long the server has for its first replies, once the ticket is available; `nil` is
    ///     until the deadline.
    ///   - deadline: When to stop waiting.
    ///   - observe: Told of what happens, when it happens.
    /// - Throws: As ``authenticatePipelined(_:hello:serverHost:over:by:observe:)``; what the runner throws.
    public func authenticatePipelined(
        _ credential: MongoCredential, as service: ServicePrincipal, hello: Hello,
        over runner: some PipelinedCommandRunner, helloWithin limit: Duration? = nil,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver? = nil
    ) async throws -> (server: ServerDescription, details: AuthenticationDetails) {
        let ticket = try await ticket(credential, for: service, by: deadline, observe: observe)
        var prepared = try await prepare(credential, with: ticket, by: deadline, observe: observe)
        observe?(.helloBegan)
        let commands = [try hello.command(), prepared.firstCommand, prepared.anticipatedContinue]
        let replies = try await runner.run(
            pipelined: commands, by: limit.map { min(deadline, .now + $0) } ?? deadline)
        guard replies.count == commands.count, let first = replies.first,
            let server = try? ServerDescription(reply: first)
        else { throw pipeliningRefused("the server refused hello") }
        try hello.check(server)
        observe?(.helloEnded(server))
        guard server.role != .arbiter else { throw pipeliningRefused("the server is an arbiter") }
        let anticipated = Array(zip(commands, replies).dropFirst()).map { (command: $0, reply: $1) }
        do {
            return (
                server, try await prepared.converse(over: AnticipatedReplies(anticipated, then: runner), by: deadline)
            )
        } catch {
            throw Self.noting(ticket, in: error)
        }
    }

    /// A ticket from the KDC to replace one that a server refused; `nil` if it issues none for a newer key.
    package func replacement(
        for refused: ServiceCredential, by deadline: ContinuousClock.Instant, observe: AuthenticationObserver?
    ) async throws -> ServiceCredential? {
        let observe = logging(observe)
        do {
            let other = try await kerberos.replacement(
                for: refused, by: deadline, observe: Self.kerberosObserver(observe))
            if let other { observe?(.ticketReplaced(other)) }
            return other
        } catch {
            // The server's refusal is the result, unless there is no time left.
            let error = MongoAuthError.translated(error)
            if error is CancellationError || (error as? MongoAuthError)?.code == .deadlineExceeded { throw error }
            return nil
        }
    }

    /// The Kerberos tickets that are kept for a credential, for a report: the ticket-granting ticket, and those of
    /// services. None if the credential has not been used, or is not for Kerberos. Asks no KDC.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`.
    public func tickets(
        of credential: MongoCredential, by deadline: ContinuousClock.Instant
    ) async throws -> [KerberosTicket] {
        guard case .gssapi(let options) = credential.method else { return [] }
        do {
            return try await kerberos.tickets(of: try Self.identity(credential, options), by: deadline)
        } catch {
            throw MongoAuthError.translated(error)
        }
    }

    /// Whether a KDC issues a ticket for a service to the credential's user. The answer is not kept.
    package func isKnown(
        _ service: ServicePrincipal, to credential: MongoCredential, by deadline: ContinuousClock.Instant
    ) async -> Bool {
        guard case .gssapi(let options) = credential.method,
            let identity = try? Self.identity(credential, options)
        else { return false }
        return await kerberos.isKnown(service, to: identity, by: deadline)
    }

    /// The service's ticket for a credential.
    package func ticket(
        _ credential: MongoCredential, for service: ServicePrincipal, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver?
    ) async throws -> ServiceCredential {
        try mechanisms.check(credential.method)
        guard case .gssapi(let options) = credential.method else {
            throw MongoAuthError(.invalidCredential, "only GSSAPI has tickets")
        }
        guard credential.source == "$external" else {
            throw MongoAuthError(
                .invalidCredential, "the source of GSSAPI is always $external, not \(credential.source)")
        }
        let identity = try Self.identity(credential, options)
        let observe = logging(observe)
        observe?(.ticketBegan(service))
        do {
            let ticket = try await kerberos.serviceCredential(
                of: identity, for: service, by: deadline, observe: Self.kerberosObserver(observe))
            observe?(.ticketEnded(ticket))
            return ticket
        } catch {
            throw MongoAuthError.translated(error)
        }
    }

    /// Makes the first token with an available ticket.
    package func prepare(
        _ credential: MongoCredential, with ticket: ServiceCredential, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver?
    ) async throws -> PreparedAuthentication {
        // The name as given by the user, which servers compare byte for byte; the ticket's own if the user
        // gave no realm, or the KDC has changed the name.
        let isAsGiven = KerberosIdentity.hasRealm(credential.username) && !ticket.isClientRenamed
        var tolerates = false
        if case .gssapi(let options) = credential.method { tolerates = options.toleratesSizeWithoutLayer }
        let mechanism = GSSAPIMechanism(
            provider: ticket, target: ticket.target,
            authorizationIdentity: .text(
                isAsGiven ? ticket.identity.user ?? credential.username : ticket.clientPrincipal),
            securityLayer: .init(preference: [.none], toleratesSizeWithoutLayer: tolerates))
        var details = AuthenticationDetails(mechanism: .gssapi)
        details.service = ticket.service
        details.clientPrincipal = ticket.clientPrincipal
        details.servicePrincipal = ticket.servicePrincipal
        return try await begin(
            mechanism, source: credential.source, details: details, by: deadline, observe: observe)
    }

    /// Domain and user of `DOMAIN\user`. In a principal a backslash escapes `/`, `@`, `\` and blanks, and the four
    /// letters for control characters, which no user name has (`krb5_parse_name`).
    static func windowsName(_ name: String) -> (domain: String, user: String)? {
        let parts = name.unicodeScalars.split(separator: "\\", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let first = parts[1].first,
            first.properties.isAlphabetic || first.properties.numericType != nil
        else { return nil }
        return (String(parts[0]), String(parts[1]))
    }

    private static func kerberosObserver(_ observe: AuthenticationObserver?) -> KerberosObserver? {
        guard let observe else { return nil }
        return { observe(.kerberos($0)) }
    }

    /// The Kerberos identity of a credential's user. Does no I/O.
    ///
    /// - Throws: ``MongoAuthError/Code/invalidCredential`` for a user name that is not a Kerberos name.
    package static func identity(
        _ credential: MongoCredential, _ options: GSSAPIOptions
    ) throws(MongoAuthError) -> KerberosIdentity {
        guard !credential.username.isEmpty else {
            throw MongoAuthError(.invalidCredential, "GSSAPI needs a user name: the Kerberos principal")
        }
        if let (domain, user) = windowsName(credential.username) {
            throw MongoAuthError(
                .invalidCredential,
                "\(BoundedText.ofPeer(domain))\\\(BoundedText.ofPeer(user)) is a Windows name, and a backslash "
                    + "means something else in Kerberos: write \(BoundedText.ofPeer(user))@REALM, with the realm of that domain"
            )
        }
        var identity = options.identity
        identity.user = credential.username
        return identity
    }
}
#endif
