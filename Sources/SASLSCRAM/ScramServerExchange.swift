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
        case .over: throw SaslError(.unexpectedResponse, "the client goes on after the end of \(mechanism.name)")
        }
    }

    private func challenge(_ response: [UInt8]) throws(SaslError) -> SaslServerExchangeStep {
        let client = try ScramClientFirst(response)
        try check(client.bindingFlag)
        let user = try mechanism.user(client.username)
        let nonce = client.nonce + nonce
        let text = "r=\(nonce),s=\(Base64.encode(user.keys.salt)),i=\(user.keys.iterations)"
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
                .channelBinding, "the client does not bind to the connection, which \(mechanism.name) is for")
        case (.notOffered, .offered):
            throw SaslError(
                .channelBinding,
                "the client was not told that channel binding is offered: somebody has changed the list of mechanisms")
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
                "the client's channel binding is not that of this connection: somebody may be in the middle")
        }
        let message = Array("\(challenge.client.bare),\(challenge.text),\(final.withoutProof)".utf8)
        // For an unknown user, too.
        let user = challenge.user
        let isProven = user.keys.accept(proof: final.proof, mechanism.hash, authMessage: message)
        guard isProven, user.isKnown else {
            throw SaslError(.credentialsRejected, "the password is wrong, or nobody has the name \(user.name)")
        }
        let signature = user.keys.signature(mechanism.hash, authMessage: message)
        return .authenticated(
            SaslAuthentication(
                authenticationIdentity: user.name,
                authorizationIdentity: challenge.client.authorizationIdentity),
            data: Array("v=\(Base64.encode(signature))".utf8))
    }

    private func bindingData(_ flag: ScramClientFirst.BindingFlag) -> [UInt8] {
        guard case .bound(let kind) = flag, case .required(let bindings) = mechanism.options.channelBinding else {
            return []
        }
        return bindings.first { $0.kind == kind }?.data ?? []
    }
}

/// A client's first message.
struct ScramClientFirst {
    enum BindingFlag: Hashable {
        case none
        case notOffered
        case bound(SaslChannelBinding.Kind)
    }

    var bindingFlag: BindingFlag
    /// As it came: the client repeats it, and both sides sign that.
    var gs2Header: [UInt8]
    var authorizationIdentity: String
    var username: String
    var nonce: String
    /// The message without the header.
    var bare: String

    init(_ response: [UInt8]) throws(SaslError) {
        let sender = ScramMessage.Sender.client
        let text = try ScramMessage.text(response, of: sender)
        // On scalars: a combining mark behind a comma would hide the comma.
        let parts = text.unicodeScalars.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw sender.malformed("message has no header") }
        bindingFlag = try Self.flag(String(parts[0]))
        let identity = String(parts[1])
        gs2Header = Array("\(String(parts[0])),\(identity),".utf8)
        bare = String(parts[2])
        authorizationIdentity = ""
        if !identity.isEmpty {
            guard identity.utf8.starts(with: "a=".utf8),
                let name = ScramMessage.unescaped(String(identity.dropFirst(2))),
                !name.isEmpty
            else { throw sender.malformed("authorization identity is malformed") }
            authorizationIdentity = name
        }
        var attributes = try ScramMessage.attributes(bare, of: sender)
        guard let username = ScramMessage.unescaped(try ScramMessage.take("n", from: &attributes, of: sender)) else {
            throw sender.malformed("user name has a '=' that stands for nothing")
        }
        self.username = username
        nonce = try ScramMessage.take("r", from: &attributes, of: sender)
        guard nonce.utf8.allSatisfy(ScramMessage.isNonceByte), nonce.utf8.count <= 1024 else {
            throw sender.malformed("nonce has characters that no nonce may have, or more than 1024")
        }
        if attributes.contains(where: { ["n", "r"].contains($0.name) }) {
            throw sender.malformed("message gives an attribute twice")
        }
    }

    private static func flag(_ text: String) throws(SaslError) -> BindingFlag {
        switch text {
        case "n": return .none
        case "y": return .notOffered
        default:
            guard text.utf8.starts(with: "p=".utf8), let kind = SaslChannelBinding.Kind(String(text.dropFirst(2)))
            else {
                throw ScramMessage.Sender.client.malformed("message does not begin with n, y or p=")
            }
            return .bound(kind)
        }
    }
}

/// A client's last message.
struct ScramClientFinal {
    var channelBinding: [UInt8]
    var nonce: String
    var proof: [UInt8]
    var withoutProof: String

    init(_ response: [UInt8]) throws(SaslError) {
        let sender = ScramMessage.Sender.client
        let text = try ScramMessage.text(response, of: sender)
        var attributes = try ScramMessage.attributes(text, of: sender)
        guard let last = attributes.popLast(), last.name == "p", let proof = Base64.decode(last.value.utf8) else {
            throw sender.malformed("last attribute is no proof in Base64")
        }
        guard let binding = Base64.decode(try ScramMessage.take("c", from: &attributes, of: sender).utf8) else {
            throw sender.malformed("channel binding is not Base64")
        }
        channelBinding = binding
        nonce = try ScramMessage.take("r", from: &attributes, of: sender)
        if attributes.contains(where: { ["c", "r", "p"].contains($0.name) }) {
            throw sender.malformed("message gives an attribute twice")
        }
        self.proof = proof
        // ",p=" and the proof's text.
        withoutProof = String(decoding: Array(text.utf8).dropLast(last.value.utf8.count + 3), as: UTF8.self)
    }
}
