internal import SASL

extension MongoAuthenticator {
    /// Sends hello and authenticates.
    ///
    /// SCRAM, MONGODB-X509, and MONGODB-OIDC if a token is cached, start within hello, which saves a round trip
    /// (auth.md, "Speculative Authentication"); if the server does not answer that, the authentication follows as
    /// usual.
    ///
    /// - Throws: As ``authenticate(_:serverHost:server:over:by:observe:)``, and what hello throws.
    @discardableResult
    public func authenticate(
        _ credential: MongoCredential, hello: Hello, serverHost: String, over runner: some CommandRunner,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver? = nil
    ) async throws -> (server: ServerDescription, details: AuthenticationDetails) {
        var hello = hello
        let begun = try await begin(
            credential, in: &hello, serverHost: serverHost, by: deadline, observe: observe)
        let server = try await hello.run(over: runner, by: deadline, observe: observe)
        let details = try await go(
            on: begun, credential, serverHost: serverHost, server: server, over: runner, by: deadline, observe: observe)
        return (server, details)
    }

    /// Adds the first command of a speculative authentication to hello; `nil` for mechanisms without one.
    package func begin(
        _ credential: MongoCredential, in hello: inout Hello, serverHost: String, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver?
    ) async throws -> BegunAuthentication? {
        var credential = credential
        var isGuess = false
        switch credential.method {
        #if SCRAM
        // The newer hash, before the server reports the user's mechanisms: the user may have both.
        case .scram(nil, let password):
            if hello.saslSupportedMechsFor == nil {
                hello.saslSupportedMechsFor = (credential.source, credential.username)
            }
            guard mechanisms.allows(.scramSHA256) else { return nil }
            credential.method = .scram(.sha256, password: password)
            isGuess = true
        case .scram: break
        #endif
        case .x509: break
        case .oidc(let tokens):
            try mechanisms.check(credential.method)
            let guess = try OIDCGuess(tokens, credential, serverHost: serverHost)
            guard let guess else { return nil }
            hello.speculativeAuthenticate = guess.command
            return .token(guess)
        default: return nil
        }
        do {
            let prepared = try await prepare(credential, serverHost: "", by: deadline, observe: observe)
            hello.speculativeAuthenticate = prepared.speculativeCommand
            return .conversation(prepared)
        } catch let error as MongoAuthError where isGuess && error.underlying is SaslError {
            // A password that only the older hash accepts is not an error yet.
            return nil
        }
    }

    /// Continues after hello: with the speculative authentication, if the server has answered it and accepts its
    /// mechanism.
    package func go(
        on begun: consuming BegunAuthentication?, _ credential: MongoCredential, serverHost: String,
        server: ServerDescription, over runner: some CommandRunner, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver?
    ) async throws -> AuthenticationDetails {
        switch consume begun {
        case .conversation(let begun) where isWanted(begun.mechanism.rawValue, for: credential, by: server):
            return try await begun.run(over: runner, begunWith: server, by: deadline)
        case .token(let guess):
            if let reply = server.speculativeReply, let details = try guess.ended(reply, observe: logging(observe)) {
                return details
            }
        default: break
        }
        return try await authenticate(
            credential, serverHost: serverHost, server: server, over: runner, by: deadline, observe: observe)
    }

    private func isWanted(_ begun: String, for credential: MongoCredential, by server: ServerDescription) -> Bool {
        #if SCRAM
        if case .scram(nil, _) = credential.method {
            return server.saslSupportedMechs?.contains(begun) ?? !mechanisms.allows(.scramSHA1)
        }
        #endif
        return true
    }
}

/// A speculative authentication.
package enum BegunAuthentication: ~Copyable {
    case conversation(PreparedAuthentication)
    case token(OIDCGuess)
}
