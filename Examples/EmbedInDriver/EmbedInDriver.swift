import ExampleSupport
import KerberosCredentials
import MongoAuth
import NIOCore
import NIOPosix
import SASL
import SASLGSSAPI

/// A driver with its own pipeline opens many connections at once, with one ticket for all.
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
        // Concurrent callers wait for one request, on threads of the manager; later ones do not wait.
        let ticket = try await tickets.serviceCredential(
            of: .system(), for: ServicePrincipal(service: "mongodb", host: host), by: deadline)
        guard !ticket.mayBlock else {
            throw DriverError(
                description: "steps with these credentials may wait for a KDC, and the event loop must not")
        }
        // Servers compare this name byte for byte with their user's name.
        let mechanism = GSSAPIMechanism(
            provider: ticket, target: ticket.target, authorizationIdentity: .text(ticket.clientPrincipal))

        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        let channel = try await bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers(
                    ByteToMessageHandler(CommandReplyDecoder()), MessageToByteHandler(CommandEncoder()))
            }
        }.connect(host: host, port: port).get()
        let timeout = channel.closing(after: deadline - .now)
        defer { timeout.cancel() }
        // Of several attempted addresses this one was connected: the conversation starts only here.
        try await channel.eventLoop.flatSubmit {
            let authenticated = channel.eventLoop.makePromise(of: Void.self)
            do {
                let handler = try AuthenticationHandler(mechanism, hello: Hello(), authenticated: authenticated)
                try channel.pipeline.syncOperations.addHandler(handler)
            } catch {
                authenticated.fail(error)
                channel.close(promise: nil)
            }
            return authenticated.futureResult
        }.get()
        return channel
    }
}
