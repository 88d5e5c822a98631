public import BSON
public import Logging
public import MongoWire
public import NIOCore
internal import NIOPosix

/// A connection to one server that speaks MongoDB's wire protocol: one command and its reply at a time.
///
/// Commands that are given while one is under way wait their turn, each with its own deadline. A deadline, a cancelled
/// task, a lawless message or a broken socket ends the connection: what was sent cannot be unsent, and a late reply
/// must not be taken for another's.
public final class WireConnection: CommandRunner, Sendable {
    /// How commands are sent.
    public enum MessageFormat: Sendable, Hashable {
        /// OP_MSG, which servers understand since version 3.6.
        case message
        /// OP_QUERY on a `$cmd` collection, for servers older than that.
        case legacyQuery
    }

    private let channel: any Channel
    private let format: MessageFormat

    /// The server, as it was asked for.
    public let endpoint: ServerEndpoint
    /// How the connection came about.
    public let report: ConnectReport

    private init(
        channel: any Channel, endpoint: ServerEndpoint, format: MessageFormat, report: ConnectReport
    ) {
        self.channel = channel
        self.endpoint = endpoint
        self.format = format
        self.report = report
    }

    deinit {
        channel.close(promise: nil)
    }

    /// Connects to a server.
    ///
    /// - Parameters:
    ///   - endpoint: Where the server listens.
    ///   - connector: Looks up the name and races the addresses.
    ///   - tls: How to encrypt; `nil` for a connection in the clear.
    ///   - format: How commands are sent.
    ///   - limits: Bounds on the server's messages.
    ///   - deadline: When to give up.
    ///   - logger: Takes messages at level debug.
    /// - Throws: ``TransportError``, `CancellationError`.
    public static func connect(
        to endpoint: ServerEndpoint,
        connector: Connector,
        tls: TLSOptions? = nil,
        format: MessageFormat = .message,
        limits: WireLimits = .beforeAuthentication,
        by deadline: ContinuousClock.Instant,
        logger: Logger? = nil
    ) async throws -> WireConnection {
        let start = ContinuousClock.now
        var (channel, report) = try await connector.connect(to: endpoint, by: deadline)
        logger?.debug(
            "connected",
            metadata: [
                "server.address": "\(endpoint)",
                "network.peer.address": "\(channel.remoteAddress.map { "\($0)" } ?? "")",
            ])
        do {
            if let tls {
                let host: String? = if case .host(let host, _) = endpoint { host } else { nil }
                try await secure(channel, host: host, tls, by: deadline)
                report.secured = ContinuousClock.now - start
            }
            let connected = channel
            try await channel.eventLoop.submit {
                try connected.pipeline.syncOperations.addHandler(RequestHandler(limits: limits))
            }.get()
            try await channel.setOption(.autoRead, value: true).get()
        } catch var error as TransportError {
            channel.close(promise: nil)
            error.report = report
            throw error
        } catch let error as ChannelError {
            throw TransportError(.closed, phase: .tcp, "the server closed the connection", underlying: error, report: report)
        }
        return WireConnection(channel: channel, endpoint: endpoint, format: format, report: report)
    }

    /// Sends a command and gives the server's reply, whether that says `ok: 1` or not.
    ///
    /// - Parameter command: The command, with its database in `$db`.
    /// - Throws: ``TransportError``, `CancellationError`. The connection is closed then.
    public func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        try Task.checkCancellation()
        let reply = channel.eventLoop.makePromise(of: BSONDocument.self)
        let request = PendingRequest(message: message(for: command), deadline: deadline, reply: reply)
        let channel = channel
        return try await withTaskCancellationHandler {
            // Fails only where the handler is gone from the closed channel and cannot answer itself.
            channel.writeAndFlush(request).whenFailure { error in
                reply.fail(
                    TransportError(.closed, phase: .command, "the connection is closed", underlying: error))
            }
            return try await reply.futureResult.get()
        } onCancel: {
            reply.fail(CancellationError())
            channel.close(promise: nil)
        }
    }

    /// Closes the connection. Commands under way get ``TransportError/Code/closed``.
    public func close() async {
        try? await channel.close().get()
    }

    /// The address of the server's side of the connection; `nil` once it is closed.
    public var remoteAddress: SocketAddress? { channel.remoteAddress }

    private func message(for command: BSONDocument) -> WireMessage {
        switch format {
        case .message:
            return .message(OpMessage(body: command))
        case .legacyQuery:
            var query = command
            let database = command["$db"]?.stringValue ?? "admin"
            query["$db"] = nil
            return .query(OpQuery(fullCollectionName: "\(database).$cmd", query: query))
        }
    }
}
