internal import BlockingWork
public import NIOCore
public import NameResolution

/// Opens connections: looks up the name and races its addresses (RFC 8305).
public struct Connector: Sendable {
    /// Delays and bounds of a connect.
    public struct Options: Sendable, Hashable {
        /// How long the next attempt waits for the one before (RFC 8305 section 5).
        public var attemptDelay: Duration = .milliseconds(250)
        /// How long IPv4 addresses wait for the answer for IPv6, from the start of the look-up (RFC 8305 section 3).
        public var resolutionDelay: Duration = .milliseconds(50)
        /// How long the look-up for both families may take before each family is also asked for separately.
        public var familySplitDelay: Duration = .milliseconds(10)
        /// How many addresses are tried.
        public var maximumAttempts = 16

        /// Creates options; the defaults are RFC 8305's, where it has any.
        public init() {}
    }

    /// The event loops for the connections.
    public let group: any EventLoopGroup
    let resolver: any NameResolver
    let options: Options

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

    /// Connects to a server. All of it happens on one event loop.
    ///
    /// - Parameter addHandlers: Adds handlers to a channel before it connects, on its event loop. It runs for every attempt.
    /// - Throws: ``TransportError``, whose message says what was tried; `CancellationError`. In
    ///   either case all other attempts have ended.
    func connect<Handlers: Sendable>(
        to endpoint: ServerEndpoint, on executor: EventLoopTaskExecutor, by deadline: ContinuousClock.Instant,
        observe: (@Sendable (TransportEvent) -> Void)?,
        addHandlers: @escaping @Sendable (any Channel) throws -> Handlers
    ) async throws -> Connected<Handlers> {
        try Task.checkCancellation()
        let wait = ConnectWait<Connected<Handlers>>()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                wait.begin(continuation)
                executor.eventLoop.execute { [self, wait = LoopsWait(wait)] in
                    let end = executor.eventLoop.makePromise(of: Connected<Handlers>.self)
                    let result = ConnectRace(endpoint, self, executor, deadline, observe, addHandlers, end).run()
                    result.whenComplete { wait.end($0) }
                    wait.started(end)
                }
            }
        } onCancel: {
            wait.cancel()
        }
    }
}

/// The event loop's part of a wait. A loop that is shut down drops its tasks and completes no promise, so this
/// object's deinit reports it.
private final class LoopsWait<Value: Sendable>: Sendable {
    private let wait: ConnectWait<Value>

    init(_ wait: ConnectWait<Value>) {
        self.wait = wait
    }

    deinit {
        end(.failure(TransportError(.closed, phase: .tcp, "the event loop was shut down")))
    }

    func started(_ race: EventLoopPromise<Value>) { wait.started(race) }

    func end(_ result: Result<Value, any Error>) { wait.end(result) }
}

/// The caller's wait for a race.
private final class ConnectWait<Value: Sendable>: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Value, any Error>?
        var race: EventLoopPromise<Value>?
        var isCancelled = false
    }

    private let state = Locked(State())

    func begin(_ continuation: CheckedContinuation<Value, any Error>) {
        state.withLock { $0.continuation = continuation }
    }

    /// The race is under way. On its event loop.
    func started(_ race: EventLoopPromise<Value>) {
        let isCancelled = state.withLock { state in
            // Not if it has already ended, as it would be retained for ever.
            if state.continuation != nil { state.race = race }
            return state.isCancelled
        }
        if isCancelled { race.fail(CancellationError()) }
    }

    func cancel() {
        let race = state.withLock { state in
            state.isCancelled = true
            return state.race
        }
        race?.fail(CancellationError())
    }

    func end(_ result: Result<Value, any Error>) {
        let continuation = state.withLock { state in
            defer { (state.continuation, state.race) = (nil, nil) }
            return state.continuation
        }
        continuation?.resume(with: result)
    }
}

/// A connected channel with what was added to it.
struct Connected<Handlers: Sendable>: Sendable {
    let channel: any Channel
    let handlers: Handlers
}
