import NIOCore
import NIOPosix

/// Listens on 127.0.0.1, says where, and serves each connection in its own task, on threads that may block.
package func listen<Inbound: Sendable, Outbound: Sendable>(
    on port: Int, configure: @escaping @Sendable (any Channel) throws -> Void = { _ in },
    serve: @escaping @Sendable (NIOAsyncChannel<Inbound, Outbound>) async throws -> Void
) async throws {
    let listener: NIOAsyncChannel<NIOAsyncChannel<Inbound, Outbound>, Never> = try await ServerBootstrap(
        group: MultiThreadedEventLoopGroup.singleton
    )
    .bind(host: "127.0.0.1", port: port) { asyncChannel($0, configure) }
    say("listening on 127.0.0.1:\(listener.channel.localAddress?.port ?? 0)")
    let executor = ThreadPoolExecutor()
    try await listener.executeThenClose { connections in
        try await withThrowingDiscardingTaskGroup { group in
            for try await connection in connections {
                group.addTask(executorPreference: executor) {
                    do { try await serve(connection) } catch { say("a connection ended: \(error)") }
                }
            }
        }
    }
}

/// Connects, within ten seconds.
package func connect<Inbound: Sendable, Outbound: Sendable>(
    _ host: String, _ port: Int, on eventLoop: any EventLoop,
    configure: @escaping @Sendable (any Channel) throws -> Void = { _ in }
) async throws -> NIOAsyncChannel<Inbound, Outbound> {
    try await ClientBootstrap(group: eventLoop).connectTimeout(.seconds(10)).connect(host: host, port: port) {
        asyncChannel($0, configure)
    }
}

private func asyncChannel<Inbound: Sendable, Outbound: Sendable>(
    _ channel: any Channel, _ configure: @Sendable (any Channel) throws -> Void
) -> EventLoopFuture<NIOAsyncChannel<Inbound, Outbound>> {
    channel.eventLoop.makeCompletedFuture {
        try configure(channel)
        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
    }
}
