import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// A server that speaks MongoDB's wire protocol as far as authentication needs it, and requires authentication.
///
/// Its SASL side is Cyrus libsasl2 with the GSSAPI plugin, the library that real servers use, in the same way; or this
/// package's own server side, with more mechanisms, see ``Configuration/sasl``. It stores no data: its commands are
/// `hello`, `saslStart`, `saslContinue`, `authenticate`, `connectionStatus` and a few more.
///
/// The Kerberos library takes its configuration from the environment, and one keytab for acceptors per process. A
/// test therefore starts the server as a separate process, the program `mongo-test-server`.
package actor MongoTestServer {
    /// How many attempts to authenticate there were.
    package struct Statistics: Sendable, Hashable {
        /// Attempts that succeeded, for a user of the server.
        package var succeeded = 0
        /// Attempts that failed, for whatever reason.
        package var failed = 0
        /// Connections that were accepted.
        package var connections = 0
    }

    /// The server's addresses, in the order of the configuration, with their actual ports.
    package nonisolated let addresses: [Address]
    /// The port of the first address.
    package nonisolated var port: Int { addresses.first?.port ?? 0 }

    private let shared: SharedState
    private let serving: Task<Void, Never>
    private let pool: NIOThreadPool

    private init(addresses: [Address], shared: SharedState, serving: Task<Void, Never>, pool: NIOThreadPool) {
        self.addresses = addresses
        self.shared = shared
        self.serving = serving
        self.pool = pool
    }

    deinit {
        serving.cancel()
    }

    /// Starts a server, and returns when it listens on all its addresses.
    package static func start(_ configuration: Configuration) async throws(MongoTestServerError) -> MongoTestServer {
        guard !configuration.addresses.isEmpty, !configuration.serviceName.isEmpty, !configuration.serviceHost.isEmpty
        else {
            throw MongoTestServerError(
                .invalidConfiguration, "a server needs an address to listen on, a service name and a service host")
        }
        if let keytab = configuration.keytab, access(keytab, R_OK) != 0 {
            throw MongoTestServerError(
                .invalidConfiguration, "the keytab \(keytab) cannot be read: \(String(cString: strerror(errno)))")
        }
        let directory = try UserDirectory(configuration.users, mechanisms: configuration.mechanisms)
        let sasl = try sasl(configuration, directory)
        let tls: NIOSSLContext? = if let tls = configuration.tls { try await tls.context() } else { nil }
        let (listeners, accepted) = try await Listeners.bind(configuration, tls: tls)
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        let shared = SharedState(configuration, directory, sasl)
        let serving = Task {
            await withDiscardingTaskGroup { group in
                for listener in listeners {
                    group.addTask {
                        await serve(listener.channel, accepted, shared, pool)
                    }
                }
            }
            await accepted.close()
        }
        return MongoTestServer(
            addresses: listeners.map(\.address), shared: shared, serving: serving, pool: pool)
    }

    /// Fails early if no client could authenticate.
    private static func sasl(
        _ configuration: Configuration, _ directory: UserDirectory
    ) throws(MongoTestServerError) -> any ServerSasl {
        let known = Configuration.mechanisms(of: configuration.sasl)
        if let unknown = configuration.mechanisms.first(where: { !known.contains($0) }) {
            throw MongoTestServerError(
                .invalidConfiguration,
                "the mechanism \(unknown) is not available with \(configuration.sasl.rawValue), which has \(known.joined(separator: ", "))"
            )
        }
        switch configuration.sasl {
        case .own: return try OwnSasl(configuration, directory)
        case .cyrus:
            try CyrusLibrary.prepare(keytab: configuration.keytab)
            _ = try CyrusExchange(service: configuration.serviceName, host: configuration.serviceHost)
            return CyrusSasl(service: configuration.serviceName, host: configuration.serviceHost)
        }
    }

    /// Closes the listeners and all connections, and returns once they are closed. May be called more than once.
    package func stop() async {
        serving.cancel()
        await serving.value
        try? await pool.shutdownGracefully()
    }

    /// The counters since the start.
    package nonisolated var statistics: Statistics { shared.statistics }

    /// Accepts until the task is cancelled; one child task for each connection.
    private static func serve(
        _ listener: ListenerChannel, _ accepted: AcceptedConnections, _ shared: SharedState, _ pool: NIOThreadPool
    ) async {
        try? await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections where accepted.take(connection) {
                    let number = shared.connectionAccepted()
                    group.addTask {
                        var client = ClientConnection(shared: shared, pool: pool, number: number)
                        // A client's error ends only its own connection.
                        try? await client.serve(connection)
                    }
                }
            }
        }
    }
}

/// State shared by all connections.
final class SharedState: Sendable {
    let configuration: MongoTestServer.Configuration
    let directory: UserDirectory
    let sasl: any ServerSasl
    private let counters = NIOLockedValueBox(MongoTestServer.Statistics())

    init(_ configuration: MongoTestServer.Configuration, _ directory: UserDirectory, _ sasl: any ServerSasl) {
        self.configuration = configuration
        self.directory = directory
        self.sasl = sasl
    }

    var statistics: MongoTestServer.Statistics { counters.withLockedValue { $0 } }

    /// Counts a connection and returns its number, from 1.
    func connectionAccepted() -> Int32 {
        counters.withLockedValue {
            $0.connections += 1
            return Int32(clamping: $0.connections)
        }
    }

    /// Counts an attempt to authenticate and reports it.
    func authenticationEnded(_ authentication: MongoTestServer.Authentication) {
        counters.withLockedValue {
            if authentication.failure == nil {
                $0.succeeded += 1
            } else {
                $0.failed += 1
            }
        }
        configuration.onAuthentication?(authentication)
    }
}
