internal import SASL

/// One authentication by SCRAM: client-first, server-first, client-final, server-final.
///
/// The server's last message may come with its outcome or as a challenge before it. It completes the exchange either
/// way; a server that still waits (MongoDB without `skipEmptyExchange`) then expects an empty response.
final class ScramExchange: SaslExchange {
    /// Newly derived keys, which are kept once the server has proven that it knows them.
    private typealias Fresh = (keys: ScramKeys, entry: ScramKeyCache.Entry)

    private enum State {
        case initial(password: Secret)
        case firstSent(password: Secret)
        case finalSent(ScramKeys.Proofs, authMessage: [UInt8], fresh: Fresh?)
        case complete
    }

    private let name: SaslMechanismName
    private let hash: ScramMechanism.Hash
    private let client: ScramClient
    private let iterations: ClosedRange<Int>
    private let cache: ScramKeyCache?
    private var state: State
    private var known: (entry: ScramKeyCache.Entry, keys: ScramKeys)?

    init(
        name: SaslMechanismName, hash: ScramMechanism.Hash, client: ScramClient, password: Secret,
        iterations: ClosedRange<Int>, cache: ScramKeyCache?
    ) {
        self.cache = cache
        self.name = name
        self.hash = hash
        self.client = client
        self.iterations = iterations
        state = .initial(password: password)
    }

    /// Whether the server's signature has been verified.
    var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// Only keys that are not known yet take long.
    func mayBlock(on challenge: [UInt8]?) -> Bool {
        guard case .firstSent(let password) = state, let challenge else { return false }
        // Not searched by callers that must not wait.
        guard challenge.count <= 4096 else { return true }
        guard let server = try? ScramServerFirst(challenge, clientNonce: client.nonce, iterations: iterations)
        else { return false }
        // Kept for the step: the cache may have no room for them by then.
        let entry = entry(password, server)
        known = entry.flatMap { entry in cache?.keys(entry).map { (entry, $0) } }
        return known == nil
    }

    func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        switch state {
        case .initial(let password):
            state = .firstSent(password: password)
            return .respond(Array((client.gs2Header + client.firstMessageBare).utf8))
        case .firstSent(let password): return try serverFirst(challenge, password)
        case .finalSent(let proofs, let authMessage, let fresh):
            let step = try serverFinal(challenge, proofs, authMessage)
            if let fresh { cache?.keep(fresh.keys, for: fresh.entry) }
            return step
        case .complete:
            guard challenge?.isEmpty ?? true else {
                throw SaslError(.unexpectedChallenge, "the server continues after the end of \(name)")
            }
            return .done
        }
    }

    private func serverFirst(_ challenge: [UInt8]?, _ password: Secret) throws(SaslError) -> SaslStep {
        guard let challenge else {
            throw SaslError(.missingChallenge, "the server sent no salt, which \(name) cannot do without")
        }
        let server = try ScramServerFirst(challenge, clientNonce: client.nonce, iterations: iterations)
        let withoutProof = client.finalMessageWithoutProof(nonce: server.nonce)
        let authMessage = Array("\(client.firstMessageBare),\(server.text),\(withoutProof)".utf8)
        let entry = entry(password, server)
        let kept = known?.entry == entry ? known?.keys : nil
        let known = kept ?? entry.flatMap { cache?.keys($0) }
        let keys =
            if let known {
                known
            } else {
                try ScramKeys(hash, password: password, salt: server.salt, iterations: server.iterations)
            }
        let proofs = keys.proofs(hash, authMessage: authMessage)
        state = .finalSent(
            proofs, authMessage: authMessage, fresh: known == nil ? entry.map { (keys, $0) } : nil)
        return .respond(Array("\(withoutProof),p=\(SaslBase64.encode(proofs.clientProof))".utf8))
    }

    private func entry(_ password: Secret, _ server: ScramServerFirst) -> ScramKeyCache.Entry? {
        cache?.entry(hash, password, salt: server.salt, iterations: server.iterations)
    }

    private func serverFinal(
        _ challenge: [UInt8]?, _ proofs: ScramKeys.Proofs, _ authMessage: [UInt8]
    ) throws(SaslError) -> SaslStep {
        guard let challenge, !challenge.isEmpty else {
            throw SaslError(.serverNotProven, "the server sent no proof that it knows the password")
        }
        let server = try ScramServerFinal(challenge)
        guard ScramKeys.isValid(signature: server.signature, hash, proofs: proofs, authMessage: authMessage) else {
            throw SaslError(
                .serverNotProven, "the server's signature is wrong: it does not know the password it asked for")
        }
        state = .complete
        return .done
    }
}
