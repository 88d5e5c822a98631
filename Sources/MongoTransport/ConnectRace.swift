internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NameResolution

/// One connect: interprets the actions of ``HappyEyeballs``.
struct ConnectRace<Equipment: Sendable>: Sendable {
    typealias Attempt = ConnectAttempt<Equipment>
    typealias Outcome = (connected: Attempt.Connected, report: ConnectReport)

    private enum Event: Sendable {
        case resolved(IPAddress.Family, Result<[IPAddress], any Error>)
        case resolutionDelayPassed
        case attemptDelayPassed(attempt: Int)
        case attemptEnded(Int, (any Error)?)
        case deadlinePassed
    }

    private let endpoint: ServerEndpoint
    private let resolver: any NameResolver
    private let group: any EventLoopGroup
    private let options: Connector.Options
    private let deadline: ContinuousClock.Instant
    private let equip: @Sendable (any Channel) throws -> Equipment
    private let start = ContinuousClock.now
    /// What the attempts have opened, by their numbers: kept apart from the events, which a cancelled task never sees.
    private let opened = NIOLockedValueBox<[Int: Attempt.Connected]>([:])
    private let events = AsyncStream.makeStream(of: Event.self)

    init(
        endpoint: ServerEndpoint, resolver: any NameResolver, group: any EventLoopGroup, options: Connector.Options,
        deadline: ContinuousClock.Instant, equip: @escaping @Sendable (any Channel) throws -> Equipment
    ) {
        self.endpoint = endpoint
        self.resolver = resolver
        self.group = group
        self.options = options
        self.deadline = deadline
        self.equip = equip
    }

    /// Connects, or says why not. Whatever else was opened or begun has ended when this returns.
    func run() async throws -> Outcome {
        let result = await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await sleep(until: deadline, then: .deadlinePassed) }
            let result =
                switch endpoint {
                case .host(let host, let port): await race(host: host, port: port, &tasks)
                case .unixSocket(let path): await connect(path: path, &tasks)
                }
            tasks.cancelAll()
            return result
        }
        let winner = try? result.get().connected.channel
        for (_, other) in opened.withLockedValue({ $0 }) where other.channel !== winner {
            other.channel.close(promise: nil)
        }
        return try result.get()
    }

    // MARK: - A path

    private func connect(path: String, _ tasks: inout TaskGroup<Void>) async -> Result<Outcome, any Error> {
        var report = ConnectReport()
        report.resolved = .zero
        begin(0, path, family: nil, &report, &tasks) { try SocketAddress(unixDomainSocketPath: path) }
        for await event in events.stream {
            switch event {
            case .attemptEnded(0, let error):
                end(0, error, &report)
                if error == nil, let success = success(0, &report) { return .success(success) }
                return .failure(failure(report, resolution: []))
            case .deadlinePassed:
                return .failure(deadlineExceeded(report))
            default:
                break
            }
        }
        return .failure(CancellationError())
    }

    // MARK: - A name

    private func race(host: String, port: UInt16, _ tasks: inout TaskGroup<Void>) async -> Result<Outcome, any Error> {
        var report = ConnectReport()
        var resolutionErrors: [any Error] = []
        var machine = HappyEyeballs(maximumAttempts: options.maximumAttempts)
        for family in IPAddress.Family.allCases {
            tasks.addTask { await resolve(host, family) }
        }
        for await event in events.stream {
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
            case .attemptEnded(let number, let error):
                end(number, error, &report)
                actions = machine.handle(error == nil ? .attemptSucceeded(number) : .attemptFailed)
            case .deadlinePassed:
                return .failure(deadlineExceeded(report))
            }
            for action in actions {
                switch action {
                case .startResolutionDelay:
                    let end = ContinuousClock.now + options.resolutionDelay
                    tasks.addTask { await sleep(until: end, then: .resolutionDelayPassed) }
                case .startAttemptDelay:
                    let end = ContinuousClock.now + options.attemptDelay
                    let attempt = report.attempts.count - 1
                    tasks.addTask { await sleep(until: end, then: .attemptDelayPassed(attempt: attempt)) }
                case .attempt(let number, let address):
                    report.resolved = report.resolved ?? elapsed
                    begin(number, "\(address)", family: address.family, &report, &tasks) {
                        try SocketAddress(address, port: port)
                    }
                case .succeed(let number):
                    if let success = success(number, &report) { return .success(success) }
                case .fail:
                    return .failure(failure(report, resolution: resolutionErrors))
                }
            }
        }
        return .failure(CancellationError())
    }

    private func resolve(_ host: String, _ family: IPAddress.Family) async {
        let result: Result<[IPAddress], any Error>
        do {
            result = .success(try await resolver.addresses(of: host, family: family, by: deadline))
        } catch {
            result = .failure(error)
        }
        events.continuation.yield(.resolved(family, result))
    }

    private func sleep(until instant: ContinuousClock.Instant, then event: Event) async {
        // Not `Task.sleep`: a sleep that is cancelled keeps its memory until its time has come.
        let eventLoop = group.any()
        let promise = eventLoop.makePromise(of: Void.self)
        let timer = eventLoop.scheduleTask(in: .until(instant)) { promise.succeed() }
        await withTaskCancellationHandler {
            guard (try? await promise.futureResult.get()) != nil else { return }
            events.continuation.yield(event)
        } onCancel: {
            timer.cancel()
            promise.fail(CancellationError())
        }
    }

    // MARK: - Attempts

    private var elapsed: Duration { ContinuousClock.now - start }

    private func begin(
        _ number: Int, _ address: String, family: IPAddress.Family?, _ report: inout ConnectReport,
        _ tasks: inout TaskGroup<Void>, _ makeAddress: @escaping @Sendable () throws -> SocketAddress
    ) {
        report.attempts.append(.init(address: address, family: family, start: elapsed, outcome: .cancelled))
        tasks.addTask {
            do {
                let connected = try await Attempt().run(to: makeAddress(), group: group, equip: equip)
                opened.withLockedValue { $0[number] = connected }
                events.continuation.yield(.attemptEnded(number, nil))
            } catch {
                events.continuation.yield(.attemptEnded(number, error))
            }
        }
    }

    private func end(_ number: Int, _ error: (any Error)?, _ report: inout ConnectReport) {
        report.attempts[number].end = elapsed
        if let error { report.attempts[number].outcome = .failed(ConnectFailure.reason(error)) }
    }

    private func success(_ number: Int, _ report: inout ConnectReport) -> Outcome? {
        guard let connected = opened.withLockedValue({ $0[number] }) else { return nil }
        report.connected = report.attempts[number].end
        report.attempts[number].outcome = .connected
        return (connected, closed(report))
    }

    // MARK: - Failures

    /// The report, when whatever still runs is given up.
    private func closed(_ report: ConnectReport) -> ConnectReport {
        var report = report
        for index in report.attempts.indices where report.attempts[index].end == nil {
            report.attempts[index].end = elapsed
        }
        return report
    }

    private func deadlineExceeded(_ report: ConnectReport) -> TransportError {
        guard !report.attempts.isEmpty else {
            return TransportError(
                .deadlineExceeded, phase: .dns, "the deadline passed while the name of \(endpoint) was looked up",
                report: report)
        }
        return TransportError(
            .deadlineExceeded, phase: .tcp,
            "the deadline passed before \(endpoint) accepted a connection (\(tried(report, otherwise: "no answer")))",
            report: closed(report))
    }

    private func failure(_ report: ConnectReport, resolution errors: [any Error]) -> TransportError {
        guard report.attempts.isEmpty else {
            return TransportError(
                .connect, phase: .tcp,
                "no address of \(endpoint) accepted a connection (\(tried(report, otherwise: "given up")))",
                report: closed(report))
        }
        let known = errors.compactMap { $0 as? NameResolutionError }
        if let timeout = known.first(where: { $0.code == .deadlineExceeded }) {
            return TransportError(
                .deadlineExceeded, phase: .dns, "the deadline passed while the name of \(endpoint) was looked up",
                underlying: timeout, report: report)
        }
        // A name that exists without addresses of one family is told apart from one that does not exist at all.
        let order: [NameResolutionError.Code] = [.temporaryFailure, .failure, .invalidName, .noSuchName, .noAddress]
        let cause = order.lazy.compactMap { code in known.first { $0.code == code } }.first
        let other = cause ?? errors.first
        return TransportError(
            .nameResolution, phase: .dns,
            "the name of \(endpoint) did not resolve: \(cause?.message ?? other.map { "\($0)" } ?? "it has no address")",
            underlying: other, report: report)
    }

    private func tried(_ report: ConnectReport, otherwise: String) -> String {
        report.attempts.map { attempt in
            if case .failed(let reason) = attempt.outcome {
                "\(attempt.address): \(reason)"
            } else {
                "\(attempt.address): \(otherwise)"
            }
        }.joined(separator: "; ")
    }
}
