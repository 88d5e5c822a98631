import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import SaslWire

/// A connection: decoded frames in, encoded messages out.
typealias ClientChannel = NIOAsyncChannel<WireFrame, ByteBuffer>
/// A listening socket that yields connections.
typealias ListenerChannel = NIOAsyncChannel<ClientChannel, Never>

/// A bound listening socket.
struct Listener: Sendable {
    let address: MongoTestServer.Address
    let channel: ListenerChannel
}

/// Binds the addresses of a server.
enum Listeners {
    /// The limit for incomplete or unanswered messages of all clients.
    private static let keptBytes = 64 << 20

    /// Binds all addresses; those with port 0 get one common free port.
    ///
    /// - Returns: The listeners, and the store of their connections until they are served.
    static func bind(
        _ configuration: MongoTestServer.Configuration, tls: NIOSSLContext?
    ) async throws(MongoTestServerError) -> (listeners: [Listener], accepted: AcceptedConnections) {
        let addresses = configuration.addresses
        _ = MultiThreadedEventLoopGroup.singleton.next()
        let slots = ConnectionSlots(limit: configuration.maximumConnections)
        let kept = KeptMessages(limit: keptBytes)
        // A port that is free on one address can be taken on another: then all try another one.
        var attempts = 20
        while true {
            attempts -= 1
            let accepted = AcceptedConnections()
            var listeners: [Listener] = []
            do throws(MongoTestServerError) {
                var common = 0
                for address in addresses {
                    let listener = try await bind(
                        address, port: address.port == 0 ? common : address.port, accepted, slots
                    ) { channel in
                        if let tls {
                            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                        }
                        let watch = ClientWatch(configuration, kept)
                        try channel.pipeline.syncOperations.addHandlers(
                            ByteToMessageHandler(WatchedDecoder(limits: configuration.limits, watch: watch)), watch)
                    }
                    listeners.append(listener)
                    if address.port == 0 { common = listener.address.port }
                }
                return (listeners, accepted)
            } catch {
                for listener in listeners {
                    try? await listener.channel.executeThenClose { _ in }
                }
                await accepted.close()
                let mayHelp =
                    (error.underlying as? IOError)?.errnoCode == EADDRINUSE
                    && listeners.contains {
                        bound in !addresses.contains(bound.address)
                    }
                guard mayHelp, attempts > 0 else { throw error }
            }
        }
    }

    private static func bind(
        _ address: MongoTestServer.Address, port: Int, _ accepted: AcceptedConnections, _ slots: ConnectionSlots,
        addHandlers: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(MongoTestServerError) -> Listener {
        // The range first: NIO traps on an invalid port.
        guard (0...65535).contains(port), let target = try? SocketAddress(ipAddress: address.host, port: port) else {
            throw MongoTestServerError(
                .invalidConfiguration, "\(address) is not an IPv4 or IPv6 address with a port from 0 to 65535")
        }
        var bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // A slot is required before each.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SlotHandler(slots))
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        if target.protocol == .inet6 {
            // `::` must not take the IPv4 addresses too: they are listed by themselves.
            bootstrap = bootstrap.serverChannelOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
        }
        do {
            let channel: ListenerChannel = try await bootstrap.bind(to: target) { channel in
                channel.eventLoop.makeCompletedFuture {
                    do {
                        try addHandlers(channel)
                        return try accepted.wrap(channel)
                    } catch {
                        // Otherwise the socket would stay open.
                        channel.close(promise: nil)
                        throw error
                    }
                }
            }
            let bound = channel.channel.localAddress?.port ?? port
            return Listener(address: MongoTestServer.Address(host: address.host, port: bound), channel: channel)
        } catch {
            throw MongoTestServerError(
                .listen, "\(address) cannot be listened on: free the port, or choose 0 for any", underlying: error)
        }
    }
}
