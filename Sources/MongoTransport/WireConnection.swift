internal import BlockingWork
public import NIOCore
public import SaslBSON
public import SaslWire

/// A connection to a server with MongoDB's wire protocol: one command and its reply at a time.
///
/// Further commands wait their turn, each with its own deadline. A deadline or a cancelled
/// task of a command that was sent, a malformed message or a broken socket ends the connection: a late reply
/// must not be taken for another command's.
///
/// All of it happens on one event loop. A task that runs there too (see ``executor``) waits for a reply without another
/// thread.
public final class WireConnection: Sendable {
    /// How commands are sent.
    public enum MessageFormat: Sendable, Hashable {
        /// OP_MSG, which servers understand since version 3.6.
        case message
        /// OP_QUERY on a `$cmd` collection, for servers older than that.
        case legacyQuery
    }

    private let channel: any Channel
    private let handler: NIOLoopBound<RequestHandler>
    private let format: MessageFormat
    private let currentLimits: Locked<WireLimits>
    private let currentTimeout = Locked<Duration?>(nil)

    /// The requested server.
    public let endpoint: ServerEndpoint
    /// What the TLS handshake showed; `nil` without TLS.
    public let tls: TLSReport?
    /// Runs tasks on the connection's event loop, for `withTaskExecutorPreference`.
    public let executor: any TaskExecutor

    /// The handlers of a channel.
    private struct Handlers: Sendable {
        let tunnel: ProxyTunnel?
        let handshake: TLSHandshake?
        let handler: NIOLoopBound<RequestHandler>
    }

    private init(
        _ connected: Connected<Handlers>, to endpoint: ServerEndpoint, tls: TLSReport?, executor: any TaskExecutor,
        format: MessageFormat, limits: Locked<WireLimits>
    ) {
        channel = connected.channel
        handler = connected.handlers.handler
        self.endpoint = endpoint
        self.tls = tls
        self.executor = executor
        self.format = format
        currentLimits = limits
    }

    deinit {
        channel.close(promise: nil)
    }

    /// Connects to a server.
    ///
    /// - Parameters:
    ///   - endpoint: Where the server listens.
    ///   - connector: Looks up the name and races the addresses.
    ///   - proxy: The proxy to connect through; ignored for a Unix domain socket. `nil` is none.
    ///   - tls: How to encrypt; `nil` for a connection in the clear.
    ///   - format: How commands are sent.
    ///   - limits: Bounds on the server's messages, until ``limits`` is set.
    ///   - eventLoop: The event loop; `nil` for the connector's next one.
    ///   - deadline: When to give up.
    ///   - observe: Receives the events as they happen.
    /// - Throws: ``TransportError``, `CancellationError`.
    public static func connect(
        to endpoint: ServerEndpoint,
        connector: Connector,
        proxy: SOCKS5Proxy? = nil,
        tls: TLSOptions? = nil,
        format: MessageFormat = .message,
        limits: WireLimits = .beforeAuthentication,
        on eventLoop: (any EventLoop)? = nil,
        by deadline: ContinuousClock.Instant,
        observe: (@Sendable (TransportEvent) -> Void)? = nil
    ) async throws -> WireConnection {
        // First: an unreadable file is an error whatever the server does.
        let context: TLSContext? = if let tls { try await TLSContext.load(tls, by: deadline) } else { nil }
        return try await connect(
            to: endpoint, connector: connector, proxy: proxy, context: context, format: format, limits: limits,
            on: eventLoop,
            by: deadline, observe: observe)
    }

    /// Connects to a server with a context that other connections use too; for the rest see
    /// ``connect(to:connector:proxy:tls:format:limits:on:by:observe:)``.
    ///
    /// - Parameters:
    ///   - endpoint: Where the server listens.
    ///   - connector: Looks the name up and races its addresses.
    ///   - proxy: A proxy to go through; `nil` for none.
    ///   - context: How to encrypt; `nil` for a connection in the clear.
    ///   - format: How commands are framed.
    ///   - limits: How long messages may be.
    ///   - eventLoop: Where the connection lives; `nil` takes one of the connector's.
    ///   - deadline: When to stop waiting.
    ///   - observe: Told of what happens, when it happens.
    /// - Throws: ``TransportError``, `CancellationError`.
    public static func connect(
        to endpoint: ServerEndpoint,
        connector: Connector,
        proxy: SOCKS5Proxy? = nil,
        context: TLSContext?,
        format: MessageFormat = .message,
        limits: WireLimits = .beforeAuthentication,
        on eventLoop: (any EventLoop)? = nil,
        by deadline: ContinuousClock.Instant,
        observe: (@Sendable (TransportEvent) -> Void)? = nil
    ) async throws -> WireConnection {
        let limits = Locked(limits)
        let executor = EventLoopTaskExecutor(eventLoop ?? connector.group.next())
        let proxy: SOCKS5Proxy? = if case .host = endpoint { proxy } else { nil }
        let addHandlers: @Sendable (any Channel) throws -> Handlers = { channel in
            // The order is that of the bytes on their way in.
            let tunnel = try ProxyTunnel(on: channel, to: endpoint, by: proxy)
            let handshake = try context.map { try TLSHandshake(on: channel, to: endpoint, $0) }
            let handler = RequestHandler(limits: { limits.withLock { $0 } }, isEncrypted: context != nil)
            try channel.pipeline.syncOperations.addHandler(handler)
            return Handlers(
                tunnel: tunnel, handshake: handshake, handler: NIOLoopBound(handler, eventLoop: channel.eventLoop))
        }
        let connected = try await reaching(proxy) {
            try await connector.connect(
                to: proxy?.endpoint ?? endpoint, on: executor, by: deadline, observe: observe, addHandlers: addHandlers)
        }
        let channel = connected.channel
        var isTunnelOpen = false
        do {
            if let tunnel = connected.handlers.tunnel, let proxy {
                observe?(.proxyAsked(proxy: proxy.endpoint, server: endpoint))
                try await tunnel.open(on: channel, by: deadline)
                observe?(.proxyConnected(proxy: proxy.endpoint, server: endpoint))
            }
            isTunnelOpen = true
            var tls: TLSReport?
            if let handshake = connected.handlers.handshake {
                observe?(.tlsBegan)
                let report = try await handshake.complete(on: channel, by: deadline)
                observe?(.tlsEnded(report))
                tls = report
            }
            try Task.checkCancellation()
            return WireConnection(
                connected, to: endpoint, tls: tls, executor: executor, format: format, limits: limits)
        } catch {
            channel.close(promise: nil)
            guard !(error is CancellationError), !(error is TransportError) else { throw error }
            throw TransportError(
                .closed, phase: isTunnelOpen ? .tls : .tcp,
                "the connection was closed "
                    + (isTunnelOpen
                        ? "during the TLS handshake" : "before the SOCKS5 proxy had connected to the server"),
                underlying: error)
        }
    }

    /// Connects to a proxy, so that its failures are not taken for the server's.
    private static func reaching<Success>(
        _ proxy: SOCKS5Proxy?, _ body: () async throws -> Success
    ) async throws -> Success {
        do {
            return try await body()
        } catch var error as TransportError where proxy != nil && error.phase != .tls {
            error.message = "the SOCKS5 proxy was not reached: \(error.message)"
            error.proxyFailure = .unreachable
            throw error
        }
    }

    /// How long a command may take at most, whatever its own deadline, including the wait for earlier ones;
    /// `nil` is no bound. It is the `socketTimeoutMS` of the drivers' specification.
    public var socketTimeout: Duration? {
        get { currentTimeout.withLock { $0 } }
        set { currentTimeout.withLock { $0 = newValue } }
    }

    /// Bounds on the server's messages, from the next one on. A connection starts with those for an unauthenticated
    /// peer; after the authentication set ``/SaslWire/WireLimits/default`` afterwards, as `MongoConnector` does.
    public var limits: WireLimits {
        get { currentLimits.withLock { $0 } }
        set { currentLimits.withLock { $0 = newValue } }
    }

    // MARK: - Commands

    /// Sends a command and returns the server's reply, whether that has `ok: 1` or not.
    ///
    /// The reply's framing is checked and its length bounded; the caller decodes the document, with
    /// its own bounds.
    ///
    /// - Parameters:
    ///   - command: A BSON document: the command, with its database in `$db`.
    ///   - deadline: When to stop waiting for the reply; the connection is closed then.
    /// - Returns: A BSON document, which is not parsed yet.
    /// - Throws: ``TransportError``, `CancellationError`. The connection is closed then, unless the command was not
    ///   sent yet.
    public func run(_ command: [UInt8], by deadline: ContinuousClock.Instant) async throws -> [UInt8] {
        try await run(pipelined: [command], by: deadline)[0]
    }

    /// Sends commands in one write and returns the server's replies, in the order of the commands, when all have come.
    ///
    /// A server runs them one after another and does not know that they belong together: it runs the second
    /// one even if the first one failed.
    ///
    /// - Parameters:
    ///   - commands: BSON documents, each with its database in `$db`.
    ///   - deadline: When to stop waiting for the last reply; the connection is closed then.
    /// - Returns: As many documents as there are commands.
    /// - Throws: ``TransportError``, `CancellationError`, for all of them together.
    public func run(pipelined commands: [[UInt8]], by deadline: ContinuousClock.Instant) async throws -> [[UInt8]] {
        try Task.checkCancellation()
        guard !commands.isEmpty else { return [] }
        guard deadline > .now else {
            throw TransportError(.deadlineExceeded, phase: .command, "the deadline passed before the command was sent")
        }
        var messages = ByteBuffer()
        do {
            for command in commands { try encode(command, into: &messages) }
        } catch {
            throw TransportError(
                .protocolViolation, phase: .command, "the command cannot be encoded: \(error)", underlying: error)
        }
        let replies = OneShot<[[UInt8]]>()
        let end = socketTimeout.map { min(deadline, .now + $0) } ?? deadline
        do {
            return try await withTaskCancellationHandler {
                send(PendingRequest(messages, count: commands.count, by: end, replies: replies))
                return try await replies.value()
            } onCancel: {
                replies.resolve(.failure(CancellationError()))
                onEventLoop { $0.cancelled(replies) }
            }
        } catch var error as TransportError where error.code == .deadlineExceeded && end < deadline {
            error.message += " (socketTimeoutMS of the connection)"
            throw error
        }
    }

    /// Passes a request on: nothing else may retain it.
    private func send(_ request: consuming PendingRequest) {
        onEventLoop { [request] in $0.requested(request) }
    }

    /// Sends a command and decodes the server's reply, whether that has `ok: 1` or not.
    ///
    /// - Throws: As for a command in bytes. A reply that is not a document within the connection's limits ends it too.
    public func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        let bytes: [UInt8]
        do {
            bytes = try command.encoded(limits: WireLimits.default.documents)
        } catch {
            throw TransportError(
                .protocolViolation, phase: .command, "the command cannot be encoded: \(error)", underlying: error)
        }
        let reply = try await run(bytes, by: deadline)
        do {
            return try BSONDocument(decoding: reply, limits: limits.documents)
        } catch {
            let failure = TransportError(
                .protocolViolation, phase: .command, "A document in the message is not BSON.", underlying: error)
            onEventLoop { $0.close(failure, isTold: true) }
            throw failure
        }
    }

    /// Closes the connection. Commands under way get ``TransportError/Code/closed``.
    public func close() async {
        // Waiting callers must not get the error of a close by the server.
        onEventLoop { $0.close(TransportError(.closed, phase: .command, "the connection was closed")) }
        try? await channel.close().get()
    }

    /// The address of the server's side of the connection; `nil` once it is closed.
    public var remoteAddress: SocketAddress? { channel.remoteAddress }

    private func onEventLoop(_ body: @escaping @Sendable (RequestHandler) -> Void) {
        guard !channel.eventLoop.inEventLoop else { return body(handler.value) }
        channel.eventLoop.execute { [handler] in body(handler.value) }
    }

    private func encode(_ command: [UInt8], into messages: inout ByteBuffer) throws {
        switch format {
        case .message:
            try WireOpMessage.encode(body: command, into: &messages)
        case .legacyQuery:
            var query = try BSONDocument(decoding: command)
            let database = query["$db"]?.stringValue ?? "admin"
            query["$db"] = nil
            try WireMessage.query(WireOpQuery(fullCollectionName: "\(database).$cmd", query: query))
                .encode(into: &messages, requestID: 0)
        }
    }
}
