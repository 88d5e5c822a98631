internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
internal import SASL
internal import SASLGSSAPI

/// An exchange on the thread where it was made: one of its own if its steps may block, else one that it shares.
struct ExchangeWorker: Sendable {
    /// What a step came to.
    struct Progress: Sendable {
        var step: SaslStep
        var isComplete: Bool
        var context: GSSContextInfo?
        var offer: GSSAPISecurityLayerOffer?
    }

    private enum Place {
        case own(PinnedWork<any SaslExchange>)
        case shared(PlacedWork<any SaslExchange>)
    }

    private let place: Place

    init(_ work: PinnedWork<any SaslExchange>) {
        place = .own(work)
    }

    init(_ work: PlacedWork<any SaslExchange>) {
        place = .shared(work)
    }

    func step(_ challenge: [UInt8]?, by deadline: ContinuousClock.Instant) async throws -> Progress {
        try await Self.translating {
            switch place {
            case .own(let work): try await work.run(by: deadline) { try Self.step(&$0, challenge) }
            case .shared(let work): try await work.run(by: deadline) { try Self.step(&$0, challenge) }
            }
        }
    }

    private static func step(_ exchange: inout any SaslExchange, _ challenge: [UInt8]?) throws -> Progress {
        let step = try exchange.step(challenge)
        let gssapi = exchange as? GSSAPIExchange
        return Progress(
            step: step, isComplete: exchange.isComplete, context: gssapi?.contextInfo, offer: gssapi?.offer)
    }

    /// Releases the exchange on its thread. Not bound by a deadline: it waits for no call that blocks.
    func finish() async {
        switch place {
        case .own(let work): await work.finishAndWait()
        case .shared(let work): await work.finishAndWait()
        }
    }

    /// Runs something that may throw errors of the modules below and gives them this module's form.
    static func translating<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as BlockingWorkError {
            let code: MongoAuthError.Code = error.code == .deadlineExceeded ? .deadlineExceeded : .noWorker
            throw MongoAuthError(code, error.message, underlying: error)
        } catch let error as GSSError {
            throw MongoAuthError(.kerberos, error.message, underlying: error)
        } catch let error as SaslError {
            let code: MongoAuthError.Code =
                switch error.code {
                case .serverNotProven: .serverNotProven
                case .mechanismUnavailable: .mechanismUnavailable
                case .refused: .refused
                case .mechanismFailure where error.underlying is GSSError: .kerberos
                default: .sasl
                }
            throw MongoAuthError(code, error.message, underlying: error)
        }
    }
}
