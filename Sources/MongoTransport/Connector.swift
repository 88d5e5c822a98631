internal import NIOConcurrencyHelpers
public import NIOCore
public import NameResolution

/// Opens connections: looks up both families at once and races their addresses (RFC 8305).
public struct Connector: Sendable {
    /// Delays and bounds of a connect.
    public struct Options: Sendable, Hashable {
        /// How long the next attempt waits for the one before (RFC 8305 section 5).
        public var attemptDelay: Duration = .milliseconds(250)
        /// How long IPv4 addresses wait for the answer for IPv6 (RFC 8305 section 3).
        public var resolutionDelay: Duration = .milliseconds(50)
        /// How many addresses are tried.
        public var maximumAttempts = 16

        /// Creates options with the values that RFC 8305 recommends.
        public init() {}
    }

    private let resolver: any NameResolver
    private let group: any EventLoopGroup
    private let options: Options

    /// Creates a connector.
    ///
    /// - Parameters:
    ///   - resolver: Looks up names.
    ///   - group: The event loops for the connections.
    ///   - options: Delays and bounds.
    public init(resolver: any NameResolver, group: any EventLoopGroup, options: Options = .init()) {
        self.resolver = resolver
        self.group = group
        self.options = options
    }

    /// Connects to a server.
    ///
    /// - Parameter equip: Adds handlers to a channel before it connects, on its event loop. It runs for every attempt.
    /// - Throws: ``TransportError`` with a report of the attempts; `CancellationError`.
    func connect<Equipment>(
        to endpoint: ServerEndpoint, by deadline: ContinuousClock.Instant,
        equip: @escaping @Sendable (any Channel) throws -> Equipment
    ) async throws -> (connected: ConnectAttempt<Equipment>.Connected, report: ConnectReport) {
        try Task.checkCancellation()
        let race = ConnectRace(
            endpoint: endpoint, resolver: resolver, group: group, options: options, deadline: deadline, equip: equip)
        return try await race.run()
    }
}
