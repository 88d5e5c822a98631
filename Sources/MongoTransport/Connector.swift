internal import NIOConcurrencyHelpers
public import NIOCore
internal import NIOPosix
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

    /// Connects to a server. The channel reads nothing until its `autoRead` option is set, so that handlers can be added.
    ///
    /// - Throws: ``TransportError`` with a report of the attempts; `CancellationError`.
    func connect(
        to endpoint: ServerEndpoint, by deadline: ContinuousClock.Instant
    ) async throws -> (channel: any Channel, report: ConnectReport) {
        let race = Race(
            endpoint: endpoint, resolver: resolver, group: group, options: options, deadline: deadline)
        switch endpoint {
        case .host(let host, let port):
            return try await race.run(host: host, port: port)
        case .unixSocket(let path):
            return try await race.run(path: path)
        }
    }
}

/// One connect: interprets the actions of ``HappyEyeballs``.
private struct Race {
    private enum Event: Sendable {
        case resolved(IPAddress.Family, Result<[IPAddress], any Error>)
        case resolutionDelayPassed
        case attemptDelayPassed(attempt: Int)
        case attemptEnded(Int, (any Error)?)
        case deadlinePassed
    }

    let endpoint: ServerEndpoint
    let resolver: any NameResolver
    let group: any EventLoopGroup
    let options: Connector.Options
    let deadline: ContinuousClock.Instant
    let start = ContinuousClock.now
    /// What the attempts have opened, by their numbers: kept apart from the events, which a cancelled task never sees.
    private let channels = NIOLockedValueBox<[Int: any Channel]>([:])

    private var elapsed: Duration { ContinuousClock.now - start }

    func run(path: String) async throws -> (channel: any Channel, report: ConnectReport) {
        var report = ConnectReport()
        report.resolved = .zero
        report.attempts = [.init(address: path, family: nil, start: .zero, outcome: .cancelled)]
        do {
            let channel = try await ConnectAttempt().run(group: group, deadline: deadline) {
                $0.connect(unixDomainSocketPath: path)
            }
            report.connected = elapsed
            report.attempts[0].end = elapsed
            report.attempts[0].outcome = .connected
            return (channel, report)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            report.attempts[0].end = elapsed
            report.attempts[0].outcome = .failed(ConnectAttempt.reason(error))
            throw failure(report, resolution: [])
        }
    }

    func run(host: String, port: UInt16) async throws -> (channel: any Channel, report: ConnectReport) {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let outcome = await withTaskGroup(of: Void.self) { group in
            let outcome = await race(host: host, port: port, events, continuation, &group)
            group.cancelAll()
            return outcome
        }
        let winner = try? outcome.get().channel
        for channel in channels.withLockedValue({ $0.values }) where channel !== winner {
            channel.close(promise: nil)
        }
        return try outcome.get()
    }

    private func race(
        host: String, port: UInt16, _ events: AsyncStream<Event>, _ continuation: AsyncStream<Event>.Continuation,
        _ group: inout TaskGroup<Void>
    ) async -> Result<(channel: any Channel, report: ConnectReport), any Error> {
        var report = ConnectReport()
        var resolutionErrors: [any Error] = []
        var machine = HappyEyeballs(maximumAttempts: options.maximumAttempts)
        for family in IPAddress.Family.allCases {
            group.addTask {
                do {
                    let addresses = try await resolver.addresses(of: host, family: family, by: deadline)
                    continuation.yield(.resolved(family, .success(addresses)))
                } catch {
                    continuation.yield(.resolved(family, .failure(error)))
                }
            }
        }
        group.addTask { await sleep(until: deadline) { continuation.yield(.deadlinePassed) } }

        for await event in events {
            let actions: [HappyEyeballs.Action]
            switch event {
            case .resolved(let family, .success(let addresses)):
                report.addresses += addresses
                actions = machine.handle(.resolved(family, addresses))
            case .resolved(let family, .failure(let error)):
                resolutionErrors.append(error)
                actions = machine.handle(.resolved(family, []))
            case .resolutionDelayPassed:
                actions = machine.handle(.resolutionDelayPassed)
            case .attemptDelayPassed(let attempt):
                // A delay that was overtaken by a failure must not start a second attempt.
                actions = attempt == report.attempts.count - 1 ? machine.handle(.attemptDelayPassed) : []
            case .attemptEnded(let number, nil):
                report.attempts[number].end = elapsed
                actions = machine.handle(.attemptSucceeded(number))
            case .attemptEnded(let number, let error?):
                report.attempts[number].end = elapsed
                report.attempts[number].outcome = .failed(ConnectAttempt.reason(error))
                actions = machine.handle(.attemptFailed)
            case .deadlinePassed:
                return .failure(deadlineExceeded(report))
            }
            for action in actions {
                switch action {
                case .startResolutionDelay:
                    let end = ContinuousClock.now + options.resolutionDelay
                    group.addTask { await sleep(until: end) { continuation.yield(.resolutionDelayPassed) } }
                case .startAttemptDelay:
                    let end = ContinuousClock.now + options.attemptDelay
                    let attempt = report.attempts.count - 1
                    group.addTask {
                        await sleep(until: end) { continuation.yield(.attemptDelayPassed(attempt: attempt)) }
                    }
                case .attempt(let number, let address):
                    report.resolved = report.resolved ?? elapsed
                    report.attempts.append(
                        .init(
                            address: address.description, family: address.family, start: elapsed, outcome: .cancelled))
                    group.addTask {
                        let error = await attempt(number, address, port: port)
                        continuation.yield(.attemptEnded(number, error))
                    }
                case .succeed(let number):
                    guard let channel = channels.withLockedValue({ $0[number] }) else { continue }
                    report.connected = elapsed
                    report.attempts[number].outcome = .connected
                    return .success((channel, report))
                case .fail:
                    return .failure(failure(report, resolution: resolutionErrors))
                }
            }
        }
        return .failure(CancellationError())
    }

    private func sleep(until instant: ContinuousClock.Instant, then body: @Sendable () -> Void) async {
        guard (try? await Task.sleep(until: instant, clock: .continuous)) != nil else { return }
        body()
    }

    private func attempt(_ number: Int, _ address: IPAddress, port: UInt16) async -> (any Error)? {
        do {
            let socketAddress = try SocketAddress(address, port: port)
            let channel = try await ConnectAttempt().run(group: group, deadline: deadline) {
                $0.connect(to: socketAddress)
            }
            channels.withLockedValue { $0[number] = channel }
            return nil
        } catch {
            return error
        }
    }

    private func deadlineExceeded(_ report: ConnectReport) -> TransportError {
        report.resolved == nil
            ? TransportError(
                .deadlineExceeded, phase: .dns, "the deadline passed while the name of \(endpoint) was looked up",
                report: report)
            : TransportError(
                .deadlineExceeded, phase: .tcp, "the deadline passed before \(endpoint) accepted a connection",
                report: report)
    }

    private func failure(_ report: ConnectReport, resolution errors: [any Error]) -> TransportError {
        guard report.attempts.isEmpty else {
            let tried = report.attempts.map { attempt in
                if case .failed(let reason) = attempt.outcome { "\(attempt.address): \(reason)" } else { attempt.address }
            }
            return TransportError(
                .connect, phase: .tcp,
                "no address of \(endpoint) accepted a connection (\(tried.joined(separator: "; ")))", report: report)
        }
        let errors = errors.compactMap { $0 as? NameResolutionError }
        if let timeout = errors.first(where: { $0.code == .deadlineExceeded }) {
            return TransportError(
                .deadlineExceeded, phase: .dns, "the deadline passed while the name of \(endpoint) was looked up",
                underlying: timeout, report: report)
        }
        // A name that exists without addresses of one family is told apart from one that does not exist at all.
        let order: [NameResolutionError.Code] = [.temporaryFailure, .failure, .invalidName, .noSuchName, .noAddress]
        let cause = order.lazy.compactMap { code in errors.first { $0.code == code } }.first
        return TransportError(
            .nameResolution, phase: .dns,
            "the name of \(endpoint) did not resolve: \(cause?.message ?? "no address was found")", underlying: cause,
            report: report)
    }
}
