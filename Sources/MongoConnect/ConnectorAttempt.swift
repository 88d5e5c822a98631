internal import BlockingWork
internal import KerberosCredentials
internal import Logging
public import MongoAuth
public import MongoTransport
internal import NIOCore
internal import NameResolution
internal import SASL
internal import SaslConnectionString
internal import SaslWire

/// One connect, from a host of a connection string to an authenticated connection.
struct ConnectorAttempt: Sendable {
    let host: MongoConnectionString.Host
    let string: MongoConnectionString
    let credential: MongoCredential?
    /// The connection's event loop.
    let loop: any EventLoop
    let authenticator: MongoAuthenticator
    let connector: Connector
    let tlsContexts: TLSContextCache
    let pipelining: Pipelining?
    /// When to give up on a host that has not answered hello.
    let limit: ContinuousClock.Instant
    /// When to give up.
    let deadline: ContinuousClock.Instant
    let logger: Logger?
    let trace: ConnectTrace?

    private var endpoint: ServerEndpoint { ServerEndpoint(host) }
    private var proxy: SOCKS5Proxy? { host.kind == .unix ? nil : SOCKS5Proxy(string.options) }
    private var observe: AuthenticationObserver? {
        guard let trace else { return nil }
        return { trace.record(.authentication($0)) }
    }
    private var observeTransport: (@Sendable (TransportEvent) -> Void)? {
        guard trace != nil || logger != nil else { return nil }
        return { [trace, logger, endpoint] event in
            trace?.record(.transport(event))
            if let logger { event.log(to: logger, endpoint) }
        }
    }

    /// The server's host in its principal: never a zone, which only this machine knows, and never a path.
    private var serviceHost: String { host.kind == .unix ? "localhost" : host.asciiName }

    private var hello: Hello {
        Hello(applicationName: string.options.appName, isLoadBalanced: string.options.loadBalanced ?? false)
    }

    func run() async throws -> MongoSession {
        try checkName()
        for warning in string.unusedOptionWarnings {
            // A mechanism that is missing here may be the application's.
            if case .mechanismIsMissing = warning { continue }
            trace?.record(.warning(warning))
        }
        for warning in string.safetyWarnings(sendsSecret: credential?.sendsSecret ?? false)
        where host.kind != .unix || warning != .passwordInClearText {
            trace?.record(.warning(warning))
        }
        guard let credential, case .gssapi(let options) = credential.method else {
            guard let credential else {
                let (connection, server) = try await runHello(hello, reachedBy: limit)
                return session(connection, server, nil)
            }
            return try await withHello(credential)
        }
        _ = try MongoAuthenticator.identity(credential, options)
        if host.kind == .unix, options.serviceHost == nil {
            trace?.record(.warning(.serviceHostOfSocket(path: host.name)))
        }
        guard let pipelining, pipelining.suits(endpoint) else {
            return try await plain(credential, options, isRetry: false, reachedBy: limit)
        }
        switch try await pipelined(credential, options) {
        case .session(let session):
            return session
        case .failed(let error, let ticket):
            return try await again(error, ticket, credential, options)
        case .refused:
            trace?.record(.retried(.pipeliningRefused))
            let session = try await plain(credential, options, isRetry: false, reachedBy: deadline)
            // Only now it is known that the pipelining was the cause.
            pipelining.refused(by: endpoint)
            return session
        }
    }

    /// A name without an ASCII form is not passed to code that might create one.
    private func checkName() throws {
        guard host.kind == .hostname else { return }
        do {
            _ = try InternationalName.ascii(host.name)
        } catch {
            throw TransportError(
                .nameResolution, phase: .dns, "the name of \(endpoint) did not resolve: \(error.message)",
                underlying: error)
        }
    }

    /// Mechanisms other than GSSAPI, of which some start within hello.
    private func withHello(_ credential: MongoCredential) async throws -> MongoSession {
        if case .x509 = credential.method, !string.usesTLS || string.options.tlsCertificateKeyFile == nil {
            throw MongoAuthError(
                .invalidCredential,
                "MONGODB-X509 needs TLS and a certificate: give tls=true and tlsCertificateKeyFile")
        }
        var hello = hello
        let begun = try await authenticator.begin(
            credential, in: &hello, serverHost: serviceHost, by: deadline, observe: observe)
        let (connection, server) = try await runHello(hello, reachedBy: limit)
        do {
            try checkUsers(server)
            let details = try await authenticator.go(
                on: begun, credential, serverHost: serviceHost, server: server, over: connection, by: deadline,
                observe: observe)
            return session(connection, server, details)
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Authenticates on an open connection.
    func reauthenticate(_ session: MongoSession) async throws -> MongoSession {
        guard let credential else {
            throw MongoAuthError(.invalidCredential, "there is nothing to authenticate: the string has no user")
        }
        let connection = session.connection
        return try await closing(connection) {
            connection.limits = .beforeAuthentication
            let details: AuthenticationDetails
            // The server requires another token than the connection's.
            if case .oidc(let tokens) = credential.method, let details = session.authentication {
                tokens.invalidate(after: details)
            }
            if case .gssapi(let options) = credential.method {
                details = try await authenticator.authenticate(
                    credential, as: try await servicePrincipal(options, connection), over: connection, by: deadline,
                    observe: observe)
            } else {
                details = try await authenticator.authenticate(
                    credential, serverHost: serviceHost, server: session.server, over: connection, by: deadline,
                    observe: observe)
            }
            connection.limits = .default
            return MongoSession(host: host, connection: connection, server: session.server, authentication: details)
        }
    }

    // MARK: - GSSAPI

    /// - Parameter limit: When to give up on the host, as long as it has not answered hello. One that answered before
    ///   has until the deadline.
    private func plain(
        _ credential: MongoCredential, _ options: GSSAPIOptions, isRetry: Bool,
        reachedBy limit: ContinuousClock.Instant
    ) async throws -> MongoSession {
        let (connection, server) = try await runHello(hello, reachedBy: limit)
        do {
            return try await closing(connection) {
                try checkUsers(server)
                let service = try await servicePrincipal(options, connection)
                let details = try await authenticator.authenticate(
                    credential, as: service, over: connection, by: deadline, observe: observe)
                return session(connection, server, details)
            }
        } catch let error as MongoAuthError {
            guard !isRetry, let ticket = error.unreadTicket else { throw error }
            return try await again(error, ticket, credential, options)
        }
    }

    /// Retries if the KDC knows a newer key of the service.
    ///
    /// A server that cannot decrypt the ticket may say so in its token. That is not proven, so it only
    /// justifies one retry.
    private func again(
        _ error: MongoAuthError, _ ticket: ServiceCredential, _ credential: MongoCredential, _ options: GSSAPIOptions
    ) async throws -> MongoSession {
        guard try await authenticator.replacement(for: ticket, by: deadline, observe: observe) != nil else {
            throw error
        }
        trace?.record(.retried(.ticketReplaced))
        return try await plain(credential, options, isRetry: true, reachedBy: deadline)
    }

    /// The result of pipelined commands.
    private enum Pipelined {
        case session(MongoSession)
        case failed(MongoAuthError, ServiceCredential)
        case refused
    }

    private func pipelined(_ credential: MongoCredential, _ options: GSSAPIOptions) async throws -> Pipelined {
        let (connection, rest) = try await withConnectTimeout(reachedBy: limit) { limit in
            (try await connect(.message, by: limit), limit - .now)
        }
        connection.limits = .beforeAuthentication
        do {
            let service = try await servicePrincipal(options, connection)
            let (server, details) = try await authenticator.authenticatePipelined(
                credential, as: service, hello: hello, over: connection, helloWithin: rest, by: deadline,
                observe: observe)
            return .session(session(connection, server, details))
        } catch {
            await connection.close()
            if let error = error as? MongoAuthError, let ticket = error.unreadTicket { return .failed(error, ticket) }
            let isRefused = (error as? MongoAuthError)?.code == .pipeliningRefused
            // A server may also close the connection on unexpected commands, answer in another order, or never.
            let transport = (error as? TransportError)?.code
            guard
                isRefused || transport == .closed || transport == .protocolViolation
                    || transport == .deadlineExceeded && .now < min(limit, deadline)
            else { throw error }
            return .refused
        }
    }

    /// An arbiter is a member without data, and so without users: drivers never authenticate to one (auth.md,
    /// "Authentication Handshake").
    private func checkUsers(_ server: ServerDescription) throws(MongoAuthError) {
        guard server.role != .arbiter else {
            throw MongoAuthError(.arbiter, "\(endpoint) says that it is an arbiter, which has no users")
        }
    }

    private func session(
        _ connection: WireConnection, _ server: ServerDescription, _ details: AuthenticationDetails?
    ) -> MongoSession {
        connection.limits = .default
        for warning in string.topologyWarnings(about: server, at: host) { trace?.record(.warning(warning)) }
        return MongoSession(host: host, connection: connection, server: server, authentication: details)
    }

    private func servicePrincipal(
        _ options: GSSAPIOptions, _ connection: WireConnection
    ) async throws -> ServicePrincipal {
        let service = try await authenticator.servicePrincipal(
            options, serverHost: serviceHost,
            connectedAddress: proxy == nil ? connection.remoteAddress?.ipAddress.flatMap { IPAddress($0) } : nil,
            by: deadline)
        for doubt in service.doubts { trace?.record(.warning(.service(doubt))) }
        return service
    }

    // MARK: - Up to hello

    private func runHello(
        _ hello: Hello, reachedBy limit: ContinuousClock.Instant
    ) async throws -> (WireConnection, ServerDescription) {
        try await withConnectTimeout(reachedBy: limit) { limit in
            do {
                return try await runHello(hello, .message, by: limit)
            } catch let error as TransportError where error.code == .closed && error.phase == .command {
                // Servers older than 3.6 close the connection on OP_MSG. The same answer to the older form is final.
                trace?.record(.retried(.olderMessageFormat))
                // Nor do they support speculative authentication.
                var hello = hello
                hello.speculativeAuthenticate = nil
                return try await runHello(hello, .legacyQuery, by: limit)
            }
        }
    }

    private func runHello(
        _ hello: Hello, _ format: WireConnection.MessageFormat, by limit: ContinuousClock.Instant
    ) async throws -> (WireConnection, ServerDescription) {
        let connection = try await connect(format, by: limit)
        return try await closing(connection) {
            let server = try await hello.run(over: connection, by: limit, observe: observe)
            connection.limits = .beforeAuthentication
            return (connection, server)
        }
    }

    private func connect(
        _ format: WireConnection.MessageFormat, by limit: ContinuousClock.Instant
    ) async throws -> WireConnection {
        var context: TLSContext?
        if string.usesTLS {
            // First: an unusable file is an error whatever the server does.
            context = try await tlsContexts.context(for: TLSOptions(string.options), by: limit)
        }
        let connection = try await WireConnection.connect(
            to: endpoint, connector: connector, proxy: proxy, context: context, format: format, limits: .hello,
            on: loop,
            by: limit, observe: observeTransport)
        connection.socketTimeout = string.options.socketTimeoutMS.flatMap { $0 > 0 ? .milliseconds($0) : nil }
        return connection
    }

    /// Runs an operation within the string's `connectTimeoutMS`; 0 is no bound.
    private func withConnectTimeout<Success>(
        reachedBy limit: ContinuousClock.Instant, _ body: (ContinuousClock.Instant) async throws -> Success
    ) async throws -> Success {
        do {
            return try await body(min(limit, connectTimeout.map { .now + $0 } ?? limit))
        } catch {
            throw named(error, limit)
        }
    }

    private var connectTimeout: Duration? {
        string.options.connectTimeoutMS.flatMap { $0 > 0 ? .milliseconds($0) : nil }
    }

    /// An error that names the string's timeout, if that ended the wait.
    private func named(_ error: any Error, _ limit: ContinuousClock.Instant) -> any Error {
        guard var error = error as? TransportError, error.code == .deadlineExceeded else { return error }
        if let milliseconds = string.options.connectTimeoutMS, milliseconds > 0, .now < limit {
            error.message += " (connectTimeoutMS=\(milliseconds) in the connection string)"
        } else if let milliseconds = string.options.serverSelectionTimeoutMS, limit < deadline {
            error.message += " (serverSelectionTimeoutMS=\(milliseconds) in the connection string)"
        }
        return error
    }

    /// Closes the connection if the work on it fails.
    private func closing<Success>(
        _ connection: WireConnection, _ body: () async throws -> Success
    ) async throws -> Success {
        do {
            return try await body()
        } catch {
            await connection.close()
            throw error
        }
    }
}

extension MongoCredential {
    /// Whether the server gets a password or a token in clear text.
    fileprivate var sendsSecret: Bool {
        switch method {
        case .plain, .oidc: true
        case .other(let mechanism): mechanism.traits.sendsPlaintextSecret
        default: false
        }
    }
}

extension WireConnection: PipelinedCommandRunner {}

/// Which servers do not get pipelined commands, for a limited time: a server may change with an upgrade.
final class Pipelining: Sendable {
    /// With more servers than this, some of them are tried again.
    private static let capacity = 1024
    private static let period = Duration.seconds(600)
    private let refusing = Locked<[ServerEndpoint: ContinuousClock.Instant]>([:])

    func suits(_ endpoint: ServerEndpoint) -> Bool {
        refusing.withLock { $0[endpoint].map { $0 < .now } ?? true }
    }

    func refused(by endpoint: ServerEndpoint) {
        refusing.withLock { refusing in
            if refusing.count >= Self.capacity { refusing.removeAll() }
            refusing[endpoint] = .now + Self.period
        }
    }
}
