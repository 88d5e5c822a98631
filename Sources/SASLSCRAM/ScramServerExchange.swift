internal import SASL

/// One authentication of a client by SCRAM.
final class ScramServerExchange: SaslServerExchange {
    private struct Challenge {
        var client: ScramClientFirst
        var nonce: String
        var text: String
        var user: (name: String, keys: ScramStoredKeys, isKnown: Bool)
    }

    private enum State {
        case initial
        case challenged(Challenge)
        case over
    }

    private let mechanism: ScramServerMechanism
    private let nonce: String
    private var state = State.initial

    init(_ mechanism: ScramServerMechanism, nonce: String) {
        self.mechanism = mechanism
        self.nonce = nonce
    }

    /// Only the look-up may take long.
    func mayBlock(on response: [UInt8]?) -> Bool {
        if case .initial = state { true } else { false }
    }

    func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep {
        let current = state
        state = .over
        guard let response else { throw SaslError(.missingResponse, "the client sent no message") }
        switch current {
        case .initial: return try challenge(response)
        case .challenged(let challenge): return try finish(response, challenge)
        case .over: throw SaslError(.unexpectedResponse, "the client continues after the end of \(mechanism.name)")
        }
    }

    private func challenge(_ response: [UInt8]) throws(SaslError) -> SaslServerExchangeStep {
        let client = try ScramClientFirst(response)
        try check(client.bindingFlag)
        let user = try mechanism.user(client.username)
        let nonce = client.nonce + nonce
        let text = "r=\(nonce),s=\(SaslBase64.encode(user.keys.salt)),i=\(user.keys.iterations)"
        state = .challenged(Challenge(client: client, nonce: nonce, text: text, user: user))
        return .challenge(Array(text.utf8))
    }

    private func check(_ flag: ScramClientFirst.BindingFlag) throws(SaslError) {
        switch (flag, mechanism.options.channelBinding) {
        case (.bound(let kind), .required(let bindings)):
            guard bindings.contains(where: { $0.kind == kind }) else {
                throw SaslError(.channelBinding, "the client binds to \(kind), which this connection does not have")
            }
        case (.bound, _):
            throw SaslError(.channelBinding, "the client binds to the connection in \(mechanism.name), which does not")
        case (_, .required):
            throw SaslError(
                .channelBinding, "the client does not bind to the connection, which \(mechanism.name) requires")
        case (.notOffered, .offered):
            throw SaslError(
                .channelBinding,
                "the client was not told that channel binding is offered: someone has changed the list of mechanisms")
        case (.notOffered, .none), (.none, _): break
        }
    }

    private func finish(_ response: [UInt8], _ challenge: Challenge) throws(SaslError) -> SaslServerExchangeStep {
        let final = try ScramClientFinal(response)
        guard final.nonce.utf8.elementsEqual(challenge.nonce.utf8) else {
            throw SaslError(.credentialsRejected, "the client's nonce is not that of this exchange")
        }
        guard final.channelBinding == challenge.client.gs2Header + bindingData(challenge.client.bindingFlag) else {
            throw SaslError(
                .channelBinding,
                "the client's channel binding is not that of this connection: someone may be in the middle")
        }
        let message = Array("\(challenge.client.bare),\(challenge.text),\(final.withoutProof)".utf8)
        // For an unknown user, too.
        let user = challenge.user
        let isProven = user.keys.accept(proof: final.proof, mechanism.hash, authMessage: message)
        guard isProven, user.isKnown else {
            throw SaslError(.credentialsRejected, "the password is wrong, or there is no such user")
        }
        let signature = user.keys.signature(mechanism.hash, authMessage: message)
        return .authenticated(
            SaslAuthentication(
                authenticationIdentity: user.name,
                authorizationIdentity: challenge.client.authorizationIdentity),
            data: Array("v=\(SaslBase64.encode(signature))".utf8))
    }

    private func bindingData(_ flag: ScramClientFirst.BindingFlag) -> [UInt8] {
        guard case .bound(let kind) = flag, case .required(let bindings) = mechanism.options.channelBinding else {
            return []
        }
        return bindings.first { $0.kind == kind }?.data ?? []
    }
}
