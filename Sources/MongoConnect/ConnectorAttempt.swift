internal import BlockingWork
internal import KerberosCredentials
internal import Logging
public import MongoAuth
public import MongoTransport
internal import NIOCore
internal import NameResolution
internal import SASL
internal import SaslConnectionString

/// One way from a host of a connection string to an authenticated connection.
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
    /// When to give up on a host that has not said hello.
    let limit: ContinuousClock.Instant
    /// When to give up.
    let deadline: ContinuousClock.Instant
    let logger: Logger?
    let trace: ConnectTrace?

    private var endpoint: ServerEndpoint { ServerEndpoint(host) }
    private var observe: AuthenticationObserver? {
        guard let trace else { return nil }
        return { trace.record(.authentication($0)) }
    }
    private var observeTransport: (@Sendable (TransportEvent) -> Void)? {
        guard let trace else { return nil }
        return { trace.record(.transport($0)) }
    }

    /// What stands for the server in its principal: never a zone, which only this machine knows, and never a path.
    private var serviceHost: String { host.kind == .unix ? "localhost" : host.name }

    private var hello: Hello {
        var hello = Hello(applicationName: string.options.appName)
        #if SCRAM
        if case .scram(nil, _)? = credential?.method, let credential {
            hello.saslSupportedMechsFor = (credential.source, credential.username)
        }
        #endif
        return hello
    }

    func run() async throws -> MongoSession {
        if string.options.proxyHost != nil { trace?.record(.warning(.proxyIsNotUsed)) }
        if case .plain? = credential?.method, !string.usesTLS, host.kind != .unix {
            trace?.record(.warning(.passwordInClearText))
        }
        guard let credential, case .gssapi(let options) = credential.method else {
            let (connection, server) = try await introduce()
            return try await closing(connection) {
                var details: AuthenticationDetails?
                if let credential {
                    details = try await authenticator.authenticate(
                        credential, serverHost: serviceHost, server: server, over: connection, by: deadline,
                        observe: observe)
                }
                return MongoSession(connection: connection, server: server, authentication: details)
            }
        }
        if host.kind == .unix, options.serviceHost == nil {
            trace?.record(.warning(.serviceHostOfSocket(path: host.name)))
        }
        if let session = try await pipelined(credential, options) { return session }
        return try await plain(credential, options, isRetry: false)
    }

    // MARK: - GSSAPI

    private func plain(
        _ credential: MongoCredential, _ options: GSSAPIOptions, isRetry: Bool
    ) async throws -> MongoSession {
        let (connection, server) = try await introduce()
        do {
            let service = try await servicePrincipal(options, connection)
            return try await closing(connection) {
                do {
                    let details = try await authenticator.authenticate(
                        credential, as: service, over: connection, by: deadline, observe: observe)
                    return MongoSession(connection: connection, server: server, authentication: details)
                } catch let error as MongoAuthError where error.isAboutServersToken && !isRetry {
                    throw UnprovenServer(error: error, service: service)
                }
            }
        } catch let unproven as UnprovenServer {
            // A server that cannot read the ticket may say so in its token. Nothing of that is proven, so it is worth one
            // look whether the KDC knows a newer key, and no more.
            let ticket = try await authenticator.ticket(
                credential, for: unproven.service, by: deadline, observe: nil)
            guard try await authenticator.replacement(for: ticket, by: deadline, observe: observe) != nil else {
                throw unproven.error
            }
            trace?.record(.retried(.ticketReplaced))
            return try await plain(credential, options, isRetry: true)
        }
    }

    private func pipelined(_ credential: MongoCredential, _ options: GSSAPIOptions) async throws -> MongoSession? {
        guard let pipelining, pipelining.suits(endpoint) else { return nil }
        let connection = try await connect(.message, by: limit)
        do {
            let service = try await servicePrincipal(options, connection)
            let (server, details) = try await authenticator.authenticatePipelined(
                credential, as: service, hello: hello, over: connection, by: deadline, observe: observe)
            return MongoSession(connection: connection, server: server, authentication: details)
        } catch {
            await connection.close()
            let isRefused = (error as? MongoAuthError)?.code == .pipeliningRefused
            // A server may also hang up on what it does not expect.
            let isClosed = (error as? TransportError)?.code == .closed
            guard isRefused || isClosed else { throw error }
            pipelining.refused(by: endpoint)
            trace?.record(.retried(.pipeliningRefused))
            return nil
        }
    }

    private func servicePrincipal(
        _ options: GSSAPIOptions, _ connection: WireConnection
    ) async throws -> ServicePrincipal {
        let service = try await authenticator.servicePrincipal(
            options, serverHost: serviceHost,
            connectedAddress: connection.remoteAddress?.ipAddress.flatMap { IPAddress($0) }, by: deadline)
        for doubt in service.doubts { trace?.record(.warning(.service(doubt))) }
        return service
    }

    // MARK: - Up to hello

    private func introduce() async throws -> (WireConnection, ServerDescription) {
        try await withConnectTimeout { limit in
            do {
                return try await introduce(.message, by: limit)
            } catch let error as TransportError where error.code == .closed && error.phase == .command {
                // Servers older than 3.6 hang up on OP_MSG. The same answer to the older form is final.
                trace?.record(.retried(.olderMessageFormat))
                return try await introduce(.legacyQuery, by: limit)
            }
        }
    }

    private func introduce(
        _ format: WireConnection.MessageFormat, by limit: ContinuousClock.Instant
    ) async throws -> (WireConnection, ServerDescription) {
        let connection = try await connect(format, by: limit)
        return try await closing(connection) {
            (connection, try await hello.run(over: connection, by: limit, observe: observe))
        }
    }

    private func connect(
        _ format: WireConnection.MessageFormat, by limit: ContinuousClock.Instant
    ) async throws -> WireConnection {
        var context: TLSContext?
        if string.usesTLS {
            // Before anything else: a file that cannot be used is a mistake that no server can mend.
            context = try await tlsContexts.context(for: TLSOptions(string.options), by: limit)
        }
        return try await WireConnection.connect(
            to: endpoint, connector: connector, context: context, format: format, on: loop, by: limit, logger: logger,
            observe: observeTransport)
    }

    /// Runs what the string's `connectTimeoutMS` bounds; 0 is no bound.
    private func withConnectTimeout<Success>(
        _ body: (ContinuousClock.Instant) async throws -> Success
    ) async throws -> Success {
        guard let timeout = string.options.connectTimeoutMS, timeout > 0 else { return try await body(limit) }
        let own = ContinuousClock.now + .milliseconds(timeout)
        guard own < limit else { return try await body(limit) }
        do {
            return try await body(own)
        } catch var error as TransportError where error.code == .deadlineExceeded {
            error.message += " (connectTimeoutMS=\(timeout) in the connection string)"
            throw error
        }
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

extension WireConnection: PipelinedCommandRunner {}

/// A server that did not prove itself, where a newer ticket may help.
private struct UnprovenServer: Error {
    let error: MongoAuthError
    let service: ServicePrincipal
}

extension MongoAuthError {
    /// Whether the server's token did not lead to a security context.
    fileprivate var isAboutServersToken: Bool {
        code == .serverNotProven && (underlying as? SaslError)?.underlying != nil
    }
}

/// Which servers are not to be sent pipelined commands.
final class Pipelining: Sendable {
    /// Those who connect to more servers than this try some of them again.
    private static let capacity = 1024
    private let refusing = Locked<Set<ServerEndpoint>>([])

    func suits(_ endpoint: ServerEndpoint) -> Bool {
        refusing.withLock { !$0.contains(endpoint) }
    }

    func refused(by endpoint: ServerEndpoint) {
        refusing.withLock { refusing in
            if refusing.count >= Self.capacity { refusing.removeAll() }
            refusing.insert(endpoint)
        }
    }
}
