internal import BlockingWork
internal import SASL

#if Kerberos
internal import GSSCore
internal import SASLGSSAPI
#endif

/// The steps of one exchange: a step that only computes runs on the caller, one that may take long
/// on a thread.
struct ExchangeSteps: ~Copyable {
    /// The result of a step.
    struct Progress: Sendable {
        var step: SaslStep
        var isComplete: Bool
        /// Whether the mechanism proves the server's identity, and has done so.
        var isServerProven: Bool
        #if Kerberos
        var grantedFlags: GSSContextFlags?
        var offer: GSSAPISecurityLayerOffer?
        #endif
    }

    /// Held by the caller; or else behind a lock, for whichever thread takes the next step.
    private var own: Exchange?
    private let shared: Locked<Exchange>?
    private let threads: @Sendable ([UInt8]?) -> BlockingWorkers?
    /// What a caller waits for.
    private let subject: String

    /// Begins an exchange.
    ///
    /// - Parameter threads: Where the step for a challenge runs, if it may take long; always `nil` for a
    ///   mechanism whose steps only compute. Steps run one after another, but not all on the same thread.
    init(
        _ mechanism: any SaslMechanism, on threads: @escaping @Sendable ([UInt8]?) -> BlockingWorkers?
    ) throws(SaslError) {
        let isOwn = threads(nil) == nil
        own = isOwn ? try Exchange(mechanism) : nil
        shared = isOwn ? nil : Locked(try Exchange(mechanism))
        self.threads = threads
        // An identity that only GSS-API can use gets its tickets during a step.
        subject = mechanism.name == .gssapi ? "a KDC, in a step of GSSAPI" : "a step of \(mechanism.name)"
    }

    mutating func step(_ challenge: [UInt8]?, by deadline: ContinuousClock.Instant) async throws -> Progress {
        do {
            if let shared, let threads = threads(challenge) {
                guard shared.withLock({ $0.mayBlock(on: challenge) }) else {
                    return try shared.withLock { $0.step(challenge) }.get()
                }
                let subject = subject
                return try await threads.run(by: deadline, waitingFor: subject) {
                    try shared.withLock { $0.step(challenge) }.get()
                }
            }
            guard let result = own?.step(challenge) else {
                throw MongoAuthError(.sasl, "the exchange is missing")
            }
            return try result.get()
        } catch {
            throw MongoAuthError.translated(error)
        }
    }
}

/// A session, with its mechanism's own details.
private struct Exchange: ~Copyable {
    private var session: SaslSession
    private let provesServer: Bool
    #if Kerberos
    private let gssapi: GSSAPIExchange?
    #endif

    init(_ mechanism: any SaslMechanism) throws(SaslError) {
        let exchange = try mechanism.makeExchange()
        session = SaslSession(exchange, mechanism: mechanism.name, firstSpeaker: mechanism.traits.firstSpeaker)
        provesServer = mechanism.traits.authenticatesServer
        #if Kerberos
        gssapi = exchange as? GSSAPIExchange
        #endif
    }

    func mayBlock(on challenge: [UInt8]?) -> Bool { session.mayBlock(on: challenge) }

    mutating func step(_ challenge: [UInt8]?) -> Result<ExchangeSteps.Progress, SaslError> {
        do throws(SaslError) {
            let step = try session.step(challenge)
            var progress = ExchangeSteps.Progress(
                step: step, isComplete: session.isComplete, isServerProven: provesServer && session.isComplete)
            #if Kerberos
            progress.grantedFlags = gssapi?.grantedFlags
            progress.offer = gssapi?.offer
            #endif
            return .success(progress)
        } catch {
            return .failure(error)
        }
    }
}
