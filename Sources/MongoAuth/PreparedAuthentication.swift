internal import Crypto
public import GSSCore
internal import Logging
internal import NIOConcurrencyHelpers
public import SASL
public import SASLGSSAPI
internal import SaslBSON
public import SaslWire

/// An authentication whose first token is made. It can run once.
public struct PreparedAuthentication: Sendable {
    /// The mechanism.
    public let mechanism: SaslMechanismName
    /// The database of the authentication.
    public let source: String
    /// The server's Kerberos name; `nil` for mechanisms without one.
    public let service: ServicePrincipal?

    private let conversation: SaslConversation
    private let worker: ExchangeWorker
    private let firstProgress: ExchangeWorker.Progress
    private let logger: Logger?
    private let onRefusal: @Sendable () -> Void
    private let hasRun = NIOLockedValueBox(false)

    init(
        mechanism: SaslMechanismName, source: String, service: ServicePrincipal?, conversation: SaslConversation,
        worker: ExchangeWorker, firstProgress: ExchangeWorker.Progress, logger: Logger?,
        onRefusal: @escaping @Sendable () -> Void
    ) {
        self.mechanism = mechanism
        self.source = source
        self.service = service
        self.conversation = conversation
        self.worker = worker
        self.firstProgress = firstProgress
        self.logger = logger
        self.onRefusal = onRefusal
    }

    /// Runs the conversation: saslStart, then saslContinue until both sides are done.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`, what the runner throws. The connection is then of no more use.
    ///   The second time ``MongoAuthError/Code/sasl``.
    @discardableResult
    public func run(
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant
    ) async throws -> AuthenticationDetails {
        let hasRun = hasRun.withLockedValue { hasRun in
            defer { hasRun = true }
            return hasRun
        }
        guard !hasRun else {
            throw MongoAuthError(.sasl, "this authentication has run before: prepare another one for each connection")
        }
        do {
            let details = try await converse(over: runner, by: deadline)
            await worker.finish()
            return details
        } catch {
            await worker.finish()
            if let error = error as? MongoAuthError, error.code == .refused || error.code == .serverNotProven {
                onRefusal()
            }
            throw error
        }
    }

    private func converse(
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant
    ) async throws -> AuthenticationDetails {
        var conversation = conversation
        var progress = firstProgress
        var action = try conversation.stepped(progress.step, isComplete: progress.isComplete)
        while true {
            switch action {
            case .run(let command):
                trace("sent", command)
                let reply = try await runner.run(command, by: deadline)
                trace("received", reply)
                action = try conversation.replied(reply)
            case .step(let challenge):
                progress = try await worker.step(challenge, by: deadline)
                action = try conversation.stepped(progress.step, isComplete: progress.isComplete)
            case .succeeded:
                logger?.debug("sasl succeeded", metadata: ["sasl.mechanism": "\(mechanism)"])
                return AuthenticationDetails(
                    mechanism: mechanism, service: service, context: progress.context, offer: progress.offer)
            }
        }
    }

    /// Tokens are secrets of a sort: the log has their length and a digest to compare them by.
    private func trace(_ direction: String, _ document: BSONDocument) {
        guard let logger, logger.logLevel <= .trace else { return }
        let payload = document["payload"]?.binaryValue?.bytes ?? []
        let digest = SHA256.hash(data: payload).prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        logger.trace(
            "sasl token \(direction)",
            metadata: ["sasl.mechanism": "\(mechanism)", "sasl.length": "\(payload.count)", "sasl.sha256": "\(digest)"])
    }
}

/// What is known after a success.
public struct AuthenticationDetails: Sendable, Hashable {
    /// The mechanism.
    public var mechanism: SaslMechanismName
    /// The server's Kerberos name as it was asked for; `nil` for mechanisms without one.
    public var service: ServicePrincipal?
    /// What the GSS context agreed on; `nil` for mechanisms without one.
    public var context: GSSContextInfo?
    /// The security layers that the server offered; `nil` for mechanisms without them.
    public var offer: GSSAPISecurityLayerOffer?
}
