import MongoAuth
import SASL
import SaslBSON
import Testing

/// MONGODB-OIDC: whose token is taken when, and what a server that refuses one makes of that.
@Suite struct OIDCTests {
    let never = ContinuousClock.now + .seconds(120)
    typealias Token = OIDCTokens.Token

    func authenticate(
        _ tokens: OIDCTokens, _ server: some CommandRunner, username: String = "", host: String = "localhost",
        by deadline: ContinuousClock.Instant? = nil
    ) async throws -> AuthenticationDetails {
        try await MongoAuthenticator().authenticate(
            MongoCredential(username: username, method: .oidc(tokens)), serverHost: host, over: server,
            by: deadline ?? never)
    }

    func failure(
        _ tokens: OIDCTokens, _ server: some CommandRunner, host: String = "localhost",
        by deadline: ContinuousClock.Instant? = nil
    ) async -> MongoAuthError? {
        await #expect(throws: MongoAuthError.self) {
            _ = try await authenticate(tokens, server, host: host, by: deadline)
        }
    }

    // MARK: - Machines

    @Test func aTokenServesForManyConnections() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"])
        for _ in 0..<3 {
            let details = try await authenticate(tokens, server)
            #expect(details.mechanism == .mongoDBOIDC && !details.isServerProven)
        }
        #expect(calls.requests.count == 1 && server.payloads == ["jwt one", "jwt one", "jwt one"])
        #expect(calls.requests[0].identityProvider == nil && calls.requests[0].version == 1)
    }

    /// A server that wants the connection authenticated anew gets the next token.
    @Test func aRefusedTokenIsReplacedOnce() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"])
        _ = try await authenticate(tokens, server)
        server.accept(["two"])
        _ = try await authenticate(tokens, server)
        #expect(server.payloads == ["jwt one", "jwt one", "jwt two"])
        server.accept([])
        let error = await failure(tokens, server)
        #expect(error?.code == .refused)
        // The old one, and one new one, which is not kept.
        #expect(server.payloads.suffix(2) == ["jwt two", "jwt three"] && calls.requests.count == 3)
        server.accept(["four"])
        _ = try await authenticate(tokens, server)
        #expect(server.payloads.suffix(1) == ["jwt four"])
    }

    @Test func aTokenThatEndsIsNotSent() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0)), expiresIn: .seconds(5)) }
        let server = OIDCServer(["one", "two"])
        for _ in 0..<2 { _ = try await authenticate(tokens, server) }
        #expect(server.payloads == ["jwt one", "jwt two"])
    }

    /// Ten connections at once: one call.
    @Test func oneCallServesAllWhoWait() async throws {
        let calls = OIDCCalls()
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let tokens = OIDCTokens(.machine) { request in
            let token = calls.next(request)
            for await _ in gate {}
            return Token(accessToken: Secret(token))
        }
        let server = OIDCServer(["one"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<10 { group.addTask { _ = try await authenticate(tokens, server) } }
            while calls.requests.isEmpty { await Task.yield() }
            open.finish()
            try await group.waitForAll()
        }
        #expect(calls.requests.count == 1 && server.payloads.count == 10)
    }

    @Test func aCallbackThatFailsAndOneThatIsSilent() async throws {
        struct NoFile: Error {}
        let server = OIDCServer(["one"])
        let error = await failure(OIDCTokens(.machine) { _ in throw NoFile() }, server)
        #expect(error?.code == .oidcCallback && error?.underlying is NoFile)
        let (silence, _) = AsyncStream.makeStream(of: Void.self)
        let silent = OIDCTokens(.machine) { _ in
            for await _ in silence {}
            throw CancellationError()
        }
        let late = await failure(silent, server, by: .now + .milliseconds(50))
        #expect(late?.code == .deadlineExceeded)
        #expect(late?.message == "the deadline passed while waiting for the callback for MONGODB-OIDC")
        #expect(server.payloads.isEmpty)
    }

    /// Zero is until a server refuses it, and less is a mistake.
    @Test func durations() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0)), expiresIn: .zero) }
        let server = OIDCServer(["one"])
        for _ in 0..<2 { _ = try await authenticate(tokens, server) }
        #expect(calls.requests.count == 1)
        let negative = OIDCTokens(.machine) { _ in Token(accessToken: Secret("one"), expiresIn: .seconds(-1)) }
        #expect(await failure(negative, server)?.code == .oidcCallback)
    }

    /// Who has little time, or is cancelled, takes it from nobody else; and calls never overlap.
    @Test func oneWhoGivesUpLeavesTheCallToOthers() async throws {
        let calls = OIDCCalls()
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let tokens = OIDCTokens(.machine) { request in
            let token = calls.next(request)
            for await _ in gate {}
            try Task.checkCancellation()
            return Token(accessToken: Secret(token))
        }
        let server = OIDCServer(["one"])
        let patient = Task { try await authenticate(tokens, server) }
        while calls.requests.isEmpty { await Task.yield() }
        let late = await failure(tokens, server, by: .now + .milliseconds(20))
        #expect(late?.code == .deadlineExceeded)
        let cancelled = Task { try await authenticate(tokens, server) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { _ = try await cancelled.value }
        open.finish()
        _ = try await patient.value
        #expect(calls.requests.count == 1 && server.payloads == ["jwt one"])
    }

    /// A call that nobody waits for is cancelled, and the next one begins after it has ended.
    @Test func aCallThatNobodyWaitsForIsCancelled() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { request in
            let token = calls.next(request)
            if token == "one" {
                let (never, _) = AsyncStream.makeStream(of: Void.self)
                for await _ in never {}
                throw CancellationError()
            }
            return Token(accessToken: Secret(token))
        }
        let server = OIDCServer(["two"])
        #expect(await failure(tokens, server, by: .now + .milliseconds(20))?.code == .deadlineExceeded)
        _ = try await authenticate(tokens, server)
        #expect(server.payloads == ["jwt two"] && calls.requests.count == 2)
    }

    @Test func tokensAreOneUsers() async throws {
        let tokens = OIDCTokens(.machine) { _ in Token(accessToken: Secret("one")) }
        let server = OIDCServer(["one"])
        _ = try await authenticate(tokens, server, username: "ann")
        let error = await #expect(throws: MongoAuthError.self) {
            _ = try await authenticate(tokens, server, username: "bob")
        }
        #expect(error?.code == .invalidCredential)
    }

    @Test func aTokenIsInvalidated() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one", "two"])
        _ = try await authenticate(tokens, server)
        tokens.invalidate()
        _ = try await authenticate(tokens, server)
        #expect(server.payloads == ["jwt one", "jwt two"])
    }

    // MARK: - People

    @Test func aPersonLogsInWhereTheServerSays() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.human()) { Token(accessToken: Secret(calls.next($0)), refreshToken: Secret("r")) }
        let server = OIDCServer(["one"])
        _ = try await authenticate(tokens, server, username: "ann")
        #expect(server.payloads == ["n ann", "jwt one"])
        let request = try #require(calls.requests.first)
        #expect(
            request.identityProvider
                == .init(
                    issuer: "https://login.example.test", clientID: "shop", requestScopes: ["openid", "shop/read"]))
        #expect(request.username == "ann" && request.refreshToken == nil)
        // What was logged in stays so; then the refresh token serves, then a login from the beginning.
        server.accept(["two"])
        _ = try await authenticate(tokens, server, username: "ann")
        #expect(server.payloads.dropFirst(2) == ["jwt one", "jwt two"])
        #expect(calls.requests.last?.refreshToken != nil)
        server.accept(["four"])
        _ = try await authenticate(tokens, server, username: "ann")
        #expect(server.payloads.dropFirst(4) == ["jwt two", "jwt three", "n ann", "jwt four"])
        #expect(calls.requests.last?.refreshToken == nil)
    }

    @Test(arguments: [[:], ["issuer": 7], ["clientId": "x"]] as [BSONDocument])
    func aServerThatNamesNoProvider(provider: BSONDocument) async {
        let error = await failure(
            OIDCTokens(.human()) { _ in Token(accessToken: Secret("one")) }, OIDCServer(["one"], provider: provider))
        #expect(error?.code == .malformedReply)
    }

    @Test(arguments: [
        ("localhost", true), ("a.mongodb.net", true), ("A.B.MongoDB.net", true), ("::1", true), ("mongodb.net", false),
        ("amongodb.net", false), (".mongodb.net", false), ("db.example.test", false),
        ("a.mongodb.net.evil.test", false),
        ("localhost.evil.test", false), ("a.mongodb.net\u{301}", false),
    ])
    func tokensGoToAllowedHostsOnly(host: String, isAllowed: Bool) async throws {
        let server = OIDCServer(["one"])
        let tokens = OIDCTokens(.human()) { _ in Token(accessToken: Secret("one")) }
        if isAllowed {
            _ = try await authenticate(tokens, server, host: host)
        } else {
            let error = await failure(tokens, server, host: host)
            #expect(error?.code == .invalidCredential && server.payloads.isEmpty)
        }
    }

    /// A server that says done before it has a token has not seen one.
    @Test func aServerThatIsDoneEarly() async {
        let done: BSONDocument = [
            "conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: [])), "ok": 1,
        ]
        let error = await failure(
            OIDCTokens(.human()) { _ in Token(accessToken: Secret("one")) }, ScriptedRunner([done]))
        #expect(error?.code == .serverNotProven)
    }

    @Test func aTokenIsNotPrepared() async {
        let tokens = OIDCTokens(.machine) { _ in Token(accessToken: Secret("one")) }
        await #expect(throws: MongoAuthError.self) {
            _ = try await MongoAuthenticator().prepare(
                MongoCredential(username: "", method: .oidc(tokens)), serverHost: "a", by: never)
        }
    }
}
