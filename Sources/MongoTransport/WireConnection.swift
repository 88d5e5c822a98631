public import Logging
public import NIOCore
internal import NIOPosix
public import SaslBSON
public import SaslWire

/// A connection to one server that speaks MongoDB's wire protocol: one command and its reply at a time.
///
/// Commands that are given while one is under way wait their turn, each with its own deadline. A deadline or a cancelled
/// task of a command that was sent, a lawless message or a broken socket ends the connection: what was sent cannot be
/// unsent, and a late reply must not be taken for another's.
public final class WireConnection: CommandRunner, Sendable {
    /// How commands are sent.
    public enum MessageFormat: Sendable, Hashable {
        /// OP_MSG, which servers understand since version 3.6.
        case message
        /// OP_QUERY on a `$cmd` collection, for servers older than that.
        case legacyQuery
    }

    private let channel: any Channel
    private let end: ConnectionEnd
    private let format: MessageFormat

    /// The server, as it was asked for.
    public let endpoint: ServerEndpoint
    /// How the connection came about.
    public let report: ConnectReport

    /// What a channel of ours has.
    private struct Equipment: Sendable {
        let handshake: TLSHandshake?
        let end = ConnectionEnd()
    }

    private init(
        channel: any Channel, end: ConnectionEnd, endpoint: ServerEndpoint, format: MessageFormat, report: ConnectReport
    ) {
        self.channel = channel
        self.end = end
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
        // Before anything else: a file that cannot be read is a mistake that no server can mend.
        let context: TLSContext? = if let tls { try await TLSContext.load(tls, by: deadline) } else { nil }
        return try await connect(
            to: endpoint, connector: connector, context: context, format: format, limits: limits, by: deadline,
            logger: logger)
    }

    /// Connects to a server with a context that other connections use too.
    ///
    /// - Parameters:
    ///   - endpoint: Where the server listens.
    ///   - connector: Looks up the name and races the addresses.
    ///   - context: How to encrypt; `nil` for a connection in the clear.
    ///   - format: How commands are sent.
    ///   - limits: Bounds on the server's messages.
    ///   - deadline: When to give up.
    ///   - logger: Takes messages at level debug.
    /// - Throws: ``TransportError``, `CancellationError`.
    public static func connect(
        to endpoint: ServerEndpoint,
        connector: Connector,
        context: TLSContext?,
        format: MessageFormat = .message,
        limits: WireLimits = .beforeAuthentication,
        by deadline: ContinuousClock.Instant,
        logger: Logger? = nil
    ) async throws -> WireConnection {
        let start = ContinuousClock.now
        var (connected, report) = try await connector.connect(to: endpoint, by: deadline) { channel in
            let equipment = Equipment(handshake: try context.map { try TLSHandshake(on: channel, to: endpoint, $0) })
            try channel.pipeline.syncOperations.addHandler(
                RequestHandler(limits: limits, isEncrypted: context != nil, end: equipment.end))
            return equipment
        }
        let channel = connected.channel
        logger?.debug(
            "connected",
            metadata: [
                "server.address": "\(endpoint)",
                "network.peer.address": "\(channel.remoteAddress.map { "\($0)" } ?? "")",
            ])
        do {
            if let handshake = connected.equipment.handshake {
                let tlsReport = try await handshake.complete(on: channel, by: deadline)
                report.tls = tlsReport
                report.secured = ContinuousClock.now - start
                logger?.debug("encrypted", metadata: ["server.address": "\(endpoint)", "tls": "\(tlsReport)"])
            }
            try Task.checkCancellation()
        } catch {
            channel.close(promise: nil)
            throw Self.failure(error, report)
        }
        return WireConnection(
            channel: channel, end: connected.equipment.end, endpoint: endpoint, format: format, report: report)
    }

    /// The error of a connection that was open but is not ready.
    private static func failure(_ error: any Error, _ report: ConnectReport) -> any Error {
        guard !(error is CancellationError) else { return error }
        var failure =
            error as? TransportError
            ?? TransportError(
                .closed, phase: .tls, "the connection was closed during the TLS handshake", underlying: error)
        let tls = failure.report?.tls
        failure.report = report
        failure.report?.tls = tls
        return failure
    }

    /// Sends a command and gives the server's reply, whether that says `ok: 1` or not.
    ///
    /// - Parameter command: The command, with its database in `$db`.
    /// - Throws: ``TransportError``, `CancellationError`. The connection is closed then, unless the command was not sent
    ///   yet.
    public func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        try Task.checkCancellation()
        guard deadline > .now else {
            throw TransportError(.deadlineExceeded, phase: .command, "the deadline passed before the command was sent")
        }
        let reply = channel.eventLoop.makePromise(of: BSONDocument.self)
        let request = PendingRequest(message: message(for: command), deadline: deadline, reply: reply)
        let (channel, end) = (channel, end)
        return try await withTaskCancellationHandler {
            // Fails only where the handler is gone from the closed channel and cannot answer itself.
            channel.writeAndFlush(request).whenFailure { error in
                reply.fail(
                    end.next()
                        ?? TransportError(.closed, phase: .command, "the connection is closed", underlying: error))
            }
            return try await reply.futureResult.get()
        } onCancel: {
            request.cancel()
            channel.triggerUserOutboundEvent(RequestCancelled(request: request), promise: nil)
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
            return .message(WireOpMessage(body: command))
        case .legacyQuery:
            var query = command
            let database = command["$db"]?.stringValue ?? "admin"
            query["$db"] = nil
            return .query(WireOpQuery(fullCollectionName: "\(database).$cmd", query: query))
        }
    }
}
