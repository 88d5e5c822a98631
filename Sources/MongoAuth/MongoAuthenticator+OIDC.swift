internal import SASL
internal import SaslBSON

extension MongoAuthenticator {
    /// Authenticates with MONGODB-OIDC (auth.md): with the cached token; if the server refuses that one, with the next.
    ///
    /// The token is sent as it is, neither hashed nor signed: only TLS protects it. The server describes a person's
    /// login; that happens on the connection that needs it, and the deadline should be long enough for it.
    func authenticateOIDC(
        _ tokens: OIDCTokens, _ credential: MongoCredential, serverHost: String, over runner: some CommandRunner,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver?
    ) async throws -> AuthenticationDetails {
        try tokens.check(serverHost)
        try tokens.check(username: credential.username)
        let conversation = OIDCConversation(
            source: credential.source, runner: runner, deadline: deadline, observe: logging(observe))
        if let known = tokens.current {
            do {
                return try await conversation.run(known)
            } catch let error as MongoAuthError where error.isRefusedToken {
                tokens.drop(known)
            }
        }
        guard case .human = tokens.flow else {
            let token = try await tokens.token(username: credential.username, from: nil, by: deadline)
            do {
                return try await conversation.run(token)
            } catch let error as MongoAuthError where error.isRefusedToken {
                tokens.drop(token)
                throw error
            }
        }
        if let provider = tokens.refreshable {
            do {
                let token = try await tokens.token(
                    username: credential.username, from: provider, refreshes: true, by: deadline)
                do {
                    return try await conversation.run(token)
                } catch let error as MongoAuthError where error.isRefusedToken {
                    tokens.drop(token)
                }
            } catch let error as MongoAuthError where error.code == .oidcCallback {
                // A new login may help.
            }
            tokens.dropRefreshToken()
        }
        return try await conversation.run(username: credential.username) { provider in
            try await tokens.token(username: credential.username, from: provider, by: deadline)
        }
    }
}

/// The conversation of MONGODB-OIDC: one step with a token, or two, of which the first asks where to log in.
private struct OIDCConversation<Runner: CommandRunner> {
    let source: String
    let runner: Runner
    let deadline: ContinuousClock.Instant
    let observe: AuthenticationObserver?

    func run(_ token: OIDCTokens.Numbered) async throws -> AuthenticationDetails {
        var conversation = SaslConversation(mechanism: .mongoDBOIDC, source: source)
        observe?(.saslBegan(.mongoDBOIDC))
        _ = try conversation.begin()
        _ = try await send(OIDCPayload.token(token), &conversation)
        return try end(&conversation, token)
    }

    /// - Parameter logIn: Gets a token from the provider that the server names.
    func run(
        username: String, logIn: (OIDCTokens.IdentityProvider) async throws -> OIDCTokens.Numbered
    ) async throws -> AuthenticationDetails {
        var conversation = SaslConversation(mechanism: .mongoDBOIDC, source: source)
        observe?(.saslBegan(.mongoDBOIDC))
        _ = try conversation.begin()
        let first = username.isEmpty ? try Command.encoded([:]) : try OIDCPayload.encoded("n", Secret(username))
        let answer = try await send(first, &conversation, isLast: false)
        let token = try await logIn(try Self.provider(answer))
        _ = try await send(OIDCPayload.token(token), &conversation)
        return try end(&conversation, token)
    }

    private func send(
        _ payload: [UInt8], _ conversation: inout SaslConversation, isLast: Bool = true
    ) async throws -> [UInt8] {
        guard case .run(let command) = try conversation.stepped(.respond(payload), isComplete: isLast) else {
            throw MongoAuthError(.sasl, "the conversation has stopped")
        }
        observe?(.saslSent(length: nil))
        let reply = try await runner.run(command, by: deadline)
        observe?(.saslReceived(length: reply.count))
        guard case .step(let challenge) = try conversation.replied(reply) else {
            throw MongoAuthError(.sasl, "the conversation has stopped")
        }
        return challenge ?? []
    }

    /// The server has reported that it is done. Data with that is ignored.
    private func end(
        _ conversation: inout SaslConversation, _ token: OIDCTokens.Numbered
    ) throws(MongoAuthError) -> AuthenticationDetails {
        let details = try conversation.ended(with: token)
        observe?(.saslEnded(details))
        return details
    }

    private static func provider(_ payload: [UInt8]) throws(MongoAuthError) -> OIDCTokens.IdentityProvider {
        guard let document = try? BSONDocument(decoding: payload), let issuer = document["issuer"]?.stringValue else {
            throw MongoAuthError(.malformedReply, "the server does not say at which identity provider to log in")
        }
        return OIDCTokens.IdentityProvider(
            issuer: BoundedText.ofPeer(issuer),
            clientID: document["clientId"]?.stringValue.map { BoundedText.ofPeer($0) },
            requestScopes: (document["requestScopes"]?.arrayValues ?? []).prefix(BoundedText.peerEntries)
                .compactMap(\.stringValue).map { BoundedText.ofPeer($0) })
    }
}

/// The payloads of MONGODB-OIDC.
private enum OIDCPayload {
    static func token(_ token: OIDCTokens.Numbered) throws(MongoAuthError) -> [UInt8] {
        try encoded("jwt", token.secret)
    }

    static func encoded(_ key: String, _ value: Secret) throws(MongoAuthError) -> [UInt8] {
        let text = value.withBytes { String(decoding: $0, as: UTF8.self) }
        return try Command.encoded([key: .string(text)])
    }
}

extension SaslConversation {
    fileprivate mutating func ended(with token: OIDCTokens.Numbered) throws(MongoAuthError) -> AuthenticationDetails {
        guard case .succeeded = try stepped(.done, isComplete: true) else {
            throw MongoAuthError(.refused, "the server wants more than the token of MONGODB-OIDC")
        }
        var details = AuthenticationDetails(mechanism: .mongoDBOIDC)
        details.tokenNumber = token.number
        return details
    }
}

/// A cached token, sent within hello (auth.md, "Speculative Authentication").
package struct OIDCGuess: Sendable {
    private let token: OIDCTokens.Numbered
    private var conversation: SaslConversation
    let command: [UInt8]

    /// - Returns: `nil` without a cached token.
    /// - Throws: If a token is not allowed for this host or user.
    init?(_ tokens: OIDCTokens, _ credential: MongoCredential, serverHost: String) throws(MongoAuthError) {
        guard let token = tokens.current else { return nil }
        try tokens.check(serverHost)
        try tokens.check(username: credential.username)
        self.token = token
        conversation = SaslConversation(mechanism: .mongoDBOIDC, source: credential.source)
        _ = try conversation.begin()
        guard
            case .run(let command) = try conversation.stepped(.respond(try OIDCPayload.token(token)), isComplete: true),
            let inner = try Command.withinHello(command)
        else { return nil }
        self.command = inner
    }

    /// Processes hello's answer.
    ///
    /// - Returns: `nil` if the server refuses the token. The conversation after hello is then refused as well, drops
    ///   the token, and gets another one.
    func ended(_ reply: [UInt8], observe: AuthenticationObserver?) throws(MongoAuthError) -> AuthenticationDetails? {
        var conversation = conversation
        observe?(.saslBegan(.mongoDBOIDC))
        observe?(.saslSent(length: nil))
        observe?(.saslReceived(length: reply.count))
        do {
            _ = try conversation.replied(reply)
        } catch {
            guard error.isRefusedToken else { throw error }
            return nil
        }
        let details = try conversation.ended(with: token)
        observe?(.saslEnded(details))
        return details
    }
}

extension MongoAuthError {
    /// Whether a server refused a token, so that another one may help.
    fileprivate var isRefusedToken: Bool {
        code == .refused
            && [.authenticationFailed, .reauthenticationRequired].contains((underlying as? CommandFailure)?.code)
    }
}
