import ExampleSupport
import KerberosCredentials
import MongoAuth
import NIOCore
import NIOPosix
import SASL
import SASLGSSAPI

/// A driver with a pipeline of its own opens many connections at once: one ticket serves them all.
@main
enum EmbedInDriver {
    static let usage = "embed-in-driver HOST PORT [--connections 500]"

    static func main() async {
        await run {
            let options = try Options(names: ["--connections"], count: 2, usage: usage)
            guard let port = Int(options.arguments[1]), let count = Int(options["--connections"] ?? "500") else {
                throw UsageError(description: usage)
            }
            let pool = Pool(host: options.arguments[0], port: port)
            let start = ContinuousClock.now
            let channels = try await withThrowingTaskGroup { group in
                for _ in 0..<count { group.addTask { try await pool.connect(by: start + .seconds(30)) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            say("\(channels.count) connections authenticated in \(ContinuousClock.now - start)")
            for channel in channels { try await channel.close() }
        }
    }
}

/// The driver's connections. One manager for the process: it keeps the tickets.
struct Pool: Sendable {
    let host: String
    let port: Int
    let tickets = KerberosCredentialManager()

    /// Opens a connection and authenticates it.
    func connect(by deadline: ContinuousClock.Instant) async throws -> any Channel {
        // All who ask at the same time wait for one request, on threads of the manager; who comes later waits for nothing.
        let ticket = try await tickets.serviceCredential(
            of: .system(), for: ServicePrincipal(service: "mongodb", host: host), by: deadline)
        // Servers compare this name byte for byte with the one that they know.
        let mechanism = GSSAPIMechanism(
            provider: ticket, target: ticket.target, authorizationIdentity: .text(ticket.clientPrincipal))

        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let authenticated = eventLoop.makePromise(of: Void.self)
        do {
            let channel = try await ClientBootstrap(group: eventLoop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        ByteToMessageHandler(CommandReplyDecoder()), MessageToByteHandler(CommandEncoder()),
                        AuthenticationHandler(mechanism, hello: Hello(), authenticated: authenticated))
                }
            }.connect(host: host, port: port).get()
            // A server that says nothing must not hold us up either.
            let patience = eventLoop.scheduleTask(in: .nanoseconds((deadline - .now).nanoseconds)) {
                channel.close(promise: nil)
            }
            defer { patience.cancel() }
            try await authenticated.futureResult.get()
            return channel
        } catch {
            authenticated.fail(error)
            throw error
        }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 { Int64(self / .nanoseconds(1)) }
}
