internal import NIOCore
internal import NIOPosix
internal import NameResolution

/// One connect: interprets the actions of ``HappyEyeballs`` on one event loop, which all of it is confined to.
///
/// Whatever ends it (a connection, a failure, the deadline, cancellation) completes one promise; all
/// other attempts are then closed, before the caller is notified.
final class ConnectRace<Handlers: Sendable> {
    /// One connect to one address.
    private struct Attempt {
        let address: String
        /// Set in the channel's initializer, before it connects: closing it fails the connect.
        var channel: (any Channel)?
        var handlers: Handlers?
        /// Why it failed; `nil` while it runs.
        var failure: String?
    }

    private let endpoint: ServerEndpoint
    private let connector: Connector
    private let executor: EventLoopTaskExecutor
    private let deadline: ContinuousClock.Instant
    private let observe: (@Sendable (TransportEvent) -> Void)?
    private let addHandlers: @Sendable (any Channel) throws -> Handlers
    private let end: EventLoopPromise<Connected<Handlers>>

    private let start = ContinuousClock.now
    private var machine: HappyEyeballs
    private var attempts: [Attempt] = []
    private var lookUps: [Task<Void, Never>] = []
    private var lookUpErrors: [any Error] = []
    private var timers: [Scheduled<Void>] = []
    private var attemptTimer: Scheduled<Void>?
    private var isOver = false

    private var eventLoop: any EventLoop { executor.eventLoop }

    /// - Parameter end: Failing it ends the race.
    init(
        _ endpoint: ServerEndpoint, _ connector: Connector, _ executor: EventLoopTaskExecutor,
        _ deadline: ContinuousClock.Instant, _ observe: (@Sendable (TransportEvent) -> Void)?,
        _ addHandlers: @escaping @Sendable (any Channel) throws -> Handlers,
        _ end: EventLoopPromise<Connected<Handlers>>
    ) {
        self.endpoint = endpoint
        self.connector = connector
        self.executor = executor
        self.deadline = deadline
        self.observe = observe
        self.addHandlers = addHandlers
        self.end = end
        machine = HappyEyeballs(maximumAttempts: connector.options.maximumAttempts)
    }

    /// Begins. To be called on the event loop.
    func run() -> EventLoopFuture<Connected<Handlers>> {
        let race = NIOLoopBound(self, eventLoop: eventLoop)
        let result = end.futureResult.always { race.value.tidy(keeping: try? $0.get().channel) }
        guard !isOver else { return result }
        let timer = after(deadline) { $0.deadlinePassed() }
        // A loop that is shut down runs no timers, and nothing else would end the race.
        timer.futureResult.whenFailure { [end] error in
            end.fail(TransportError(.closed, phase: .tcp, "the event loop was shut down", underlying: error))
        }
        timers.append(timer)
        switch endpoint {
        case .unixSocket(let path):
            begin(path, family: nil) { try SocketAddress(unixDomainSocketPath: path) }
        case .host(let host, _):
            if let literal = IPAddress(host) {
                handle(.resolved(.both, [literal]))
            } else {
                perform(machine.began())
            }
        }
        return result
    }

    private func after(
        _ instant: ContinuousClock.Instant, _ body: @escaping (ConnectRace) -> Void
    ) -> Scheduled<Void> {
        eventLoop.assumeIsolated().scheduleTask(in: .until(instant)) { body(self) }
    }

    private func tidy(keeping winner: (any Channel)?) {
        isOver = true
        for timer in timers { timer.cancel() }
        attemptTimer?.cancel()
        for lookUp in lookUps { lookUp.cancel() }
        for (number, attempt) in attempts.enumerated() where attempt.failure == nil {
            if let winner, attempt.channel === winner { continue }
            attempt.channel?.close(promise: nil)
            observe?(.attemptEnded(number: number, outcome: .cancelled))
        }
        // The promise's callback retains the race, and these are part of it.
        timers = []
        lookUps = []
    }

    // MARK: - The machine

    private func handle(_ event: HappyEyeballs.Event) {
        guard !isOver else { return }
        perform(machine.handle(event))
    }

    private func perform(_ actions: [HappyEyeballs.Action]) {
        // An attempt may end the race at once.
        for action in actions where !isOver {
            switch action {
            case .lookUp(let question):
                if case .host(let host, _) = endpoint { lookUp(host, question) }
            case .startSplitDelay:
                timers.append(after(start + connector.options.familySplitDelay) { $0.handle(.splitDelayPassed) })
            case .startResolutionDelay:
                timers.append(after(start + connector.options.resolutionDelay) { $0.handle(.resolutionDelayPassed) })
            case .startAttemptDelay:
                // A delay that was overtaken by a failure must not start a second attempt.
                attemptTimer?.cancel()
                attemptTimer = after(.now + connector.options.attemptDelay) { $0.handle(.attemptDelayPassed) }
            case .attempt(_, let address):
                if case .host(_, let port) = endpoint {
                    begin("\(address)", family: address.family) { try SocketAddress(address, port: port) }
                }
            case .succeed(let number):
                if let channel = attempts[number].channel, let handlers = attempts[number].handlers {
                    end.succeed(Connected(channel: channel, handlers: handlers))
                }
            case .fail:
                end.fail(failure())
            }
        }
    }

    // MARK: - Look-ups

    private func lookUp(_ host: String, _ question: HappyEyeballs.Question) {
        observe?(.lookUpBegan(host: host, family: question.family))
        let race = NIOLoopBound(self, eventLoop: eventLoop)
        let lookUp = Task(executorPreference: executor) { [eventLoop, resolver = connector.resolver, deadline] in
            let result: Result<[IPAddress], any Error>
            do {
                result = .success(try await resolver.addresses(of: host, family: question.family, by: deadline))
            } catch {
                result = .failure(error)
            }
            // A task continues elsewhere if its loop is shut down.
            if eventLoop.inEventLoop { race.value.lookedUp(host, question, result) }
        }
        lookUps.append(lookUp)
    }

    private func lookedUp(_ host: String, _ question: HappyEyeballs.Question, _ result: Result<[IPAddress], any Error>)
    {
        guard !isOver else { return }
        switch result {
        case .success(let addresses):
            observe?(.lookedUp(host: host, family: question.family, addresses: addresses))
            handle(.resolved(question, addresses))
        case .failure(let error):
            observe?(.lookUpFailed(host: host, family: question.family, error: error))
            lookUpErrors.append(error)
            let answers: [NameResolutionError.Code] = [.noSuchName, .noAddress, .invalidName]
            let isAnswer = (error as? NameResolutionError).map { answers.contains($0.code) } ?? false
            handle(isAnswer ? .resolved(question, []) : .unresolved(question))
        }
    }

    // MARK: - Attempts

    private func begin(_ address: String, family: IPAddress.Family?, _ makeAddress: () throws -> SocketAddress) {
        let number = attempts.count
        attempts.append(Attempt(address: address))
        observe?(.attemptBegan(number: number, address: address, family: family))
        let race = NIOLoopBound(self, eventLoop: eventLoop)
        let bootstrap = ClientBootstrap(group: eventLoop)
            // The waiting code has its own deadline and its own error.
            .connectTimeout(.hours(24))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            // The channel gets its handlers here. Handlers added later would miss earlier data and
            // events: SwiftNIO reads to the end when a peer closes, whether reading is on or not.
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try race.value.prepare(number, channel) }
            }
        let connect: EventLoopFuture<any Channel>
        do {
            connect = bootstrap.connect(to: try makeAddress())
        } catch {
            connect = eventLoop.makeFailedFuture(error)
        }
        connect.assumeIsolated().whenComplete { self.ended(number, $0) }
    }

    private func prepare(_ number: Int, _ channel: any Channel) throws {
        guard !isOver else { throw CancellationError() }
        attempts[number].handlers = try addHandlers(channel)
        attempts[number].channel = channel
    }

    private func ended(_ number: Int, _ result: Result<any Channel, any Error>) {
        guard !isOver else { return }
        if case .failure(let error) = result {
            attempts[number].failure = ConnectFailure.reason(error)
        }
        observe?(
            .attemptEnded(number: number, outcome: attempts[number].failure.map { .failed($0) } ?? .connected))
        if case .unixSocket = endpoint {
            perform([attempts[number].failure == nil ? .succeed(number) : .fail])
        } else {
            handle(attempts[number].failure == nil ? .attemptSucceeded(number) : .attemptFailed)
        }
    }

    // MARK: - Failures

    private func deadlinePassed() {
        guard !attempts.isEmpty else {
            return end.fail(lookUpDeadline("\(connector.resolver.respondents) did not answer", nil))
        }
        end.fail(
            TransportError(
                .deadlineExceeded, phase: .tcp,
                "the deadline passed before \(endpoint) accepted a connection (\(tried(otherwise: "no answer")))"))
    }

    private func lookUpDeadline(_ reason: String, _ cause: (any Error)?) -> TransportError {
        TransportError(
            .deadlineExceeded, phase: .dns,
            "the deadline passed while the name of \(endpoint) was looked up: \(reason)", underlying: cause)
    }

    private func failure() -> TransportError {
        guard attempts.isEmpty else {
            return TransportError(
                .connect, phase: .tcp,
                "no address of \(endpoint) accepted a connection (\(tried(otherwise: "given up")))")
        }
        let known = lookUpErrors.compactMap { $0 as? NameResolutionError }
        if let timeout = known.first(where: { $0.code == .deadlineExceeded }) {
            return lookUpDeadline(timeout.message, timeout)
        }
        // A name that exists without addresses of one family differs from one that does not exist at all.
        let order: [NameResolutionError.Code] = [.temporaryFailure, .failure, .invalidName, .noSuchName, .noAddress]
        let cause = order.lazy.compactMap { code in known.first { $0.code == code } }.first
        let other = cause ?? lookUpErrors.first
        return TransportError(
            .nameResolution, phase: .dns,
            "the name of \(endpoint) did not resolve: \(cause?.message ?? other.map { "\($0)" } ?? "it has no address")",
            underlying: other)
    }

    private func tried(otherwise: String) -> String {
        attempts.map { "\($0.address): \($0.failure ?? otherwise)" }.joined(separator: "; ")
    }
}

/// Describes why a connect failed.
enum ConnectFailure {
    /// The system's reason, in a few words.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError:
            // SwiftNIO's text has the system's one and the call's name; the first is enough.
            error.errnoCode == 0 ? "\(error)" : error.systemMessage
        case is CancellationError:
            "cancelled"
        case SocketAddressError.unixDomainSocketPathTooLong:
            "the path is too long for a Unix domain socket"
        case let error as TransportError:
            error.message
        default:
            "\(error)"
        }
    }
}
