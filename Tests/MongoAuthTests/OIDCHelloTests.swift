import MongoAuth
import SASL
import SaslBSON
import Testing

/// MONGODB-OIDC within hello, and after error 391.
@Suite struct OIDCHelloTests {
    private let never = ContinuousClock.now + .seconds(120)
    private typealias Token = OIDCTokens.Token

    private func connect(
        _ tokens: OIDCTokens, _ server: OIDCServer, username: String = "", host: String = "localhost"
    ) async throws -> AuthenticationDetails {
        try await MongoAuthenticator().authenticate(
            MongoCredential(username: username, method: .oidc(tokens)), hello: Hello(), serverHost: host, over: server,
            by: never
        ).details
    }

    private func again(_ tokens: OIDCTokens, _ server: OIDCServer) async throws -> AuthenticationDetails {
        try await MongoAuthenticator().authenticate(
            MongoCredential(username: "", method: .oidc(tokens)), serverHost: "localhost", over: server, by: never)
    }

    // MARK: - Within hello

    /// The first connection has no token to begin with; the others take one round trip.
    @Test(arguments: [OIDCTokens.Flow.machine, .human()])
    func aTokenThatIsThereGoesWithHello(flow: OIDCTokens.Flow) async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(flow) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"])
        for _ in 0..<3 {
            let details = try await connect(tokens, server)
            #expect(details.mechanism == .mongoDBOIDC && !details.isServerProven)
        }
        let first = flow == .machine ? [] : ["{}"]
        #expect(server.payloads == first + ["jwt one", "jwt one", "jwt one"] && calls.requests.count == 1)
        #expect(
            server.commands == ["hello", "saslStart"] + (first.isEmpty ? [] : ["saslContinue"]) + ["hello", "hello"])
    }

    @Test func theCommandWithinHello() async throws {
        let tokens = OIDCTokens(.machine) { _ in Token(accessToken: Secret("one")) }
        let server = OIDCServer(["one"])
        for _ in 0..<2 { _ = try await connect(tokens, server) }
        let first = try #require(server.begun.first)
        #expect(first["saslStart"] == 1 && first["mechanism"] == "MONGODB-OIDC")
        #expect(first["db"] == "$external" && first["$db"] == nil)
    }

    /// A server that takes no part in it says nothing of the token: the conversation does.
    @Test func aServerThatDoesNotAnswerThat() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"], answersEarly: false)
        for _ in 0..<2 { _ = try await connect(tokens, server) }
        #expect(calls.requests.count == 1)
        #expect(server.commands == ["hello", "saslStart", "hello", "saslStart"])
    }

    /// The specification: a guess that fails lets go of nothing. The conversation after it does.
    @Test func aTokenThatIsRefusedWithinHello() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"])
        _ = try await connect(tokens, server)
        server.accept(["two"])
        _ = try await connect(tokens, server)
        #expect(server.payloads == ["jwt one", "jwt one", "jwt one", "jwt two"])
        #expect(calls.requests.count == 2)
    }

    /// A server or a proxy may say so within hello's reply.
    @Test(arguments: [18, 391] as [Int32])
    func aRefusalInHellosReplyIsNotFinal(code: Int32) async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"], refusesEarly: true, refusal: code)
        _ = try await connect(tokens, server)
        server.accept(["two"])
        _ = try await connect(tokens, server)
        #expect(server.payloads == ["jwt one", "jwt one", "jwt one", "jwt two"])
        #expect(calls.requests.count == 2)
    }

    /// Any other refusal says nothing of the token.
    @Test func anotherRefusalInHellosReplyIsFinal() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"], refusesEarly: true, refusal: 91)
        _ = try await connect(tokens, server)
        server.accept(["two"])
        let error = await #expect(throws: MongoAuthError.self) { try await connect(tokens, server) }
        #expect(error?.code == .refused && calls.requests.count == 1)
    }

    /// Without a token there is nothing to add to hello, and nothing to take away.
    @Test func whatACallerBeginsWithinHelloStays() async throws {
        let tokens = OIDCTokens(.machine) { _ in Token(accessToken: Secret("one")) }
        let credential = MongoCredential(username: "", method: .oidc(tokens))
        let own: BSONDocument = ["saslStart": 1, "mechanism": "OWN", "db": "admin"]
        var hello = Hello()
        hello.speculativeAuthenticate = try own.encoded()
        let runner = ScriptedRunner([
            ["maxWireVersion": 21, "ok": 1],
            ["conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: [])), "ok": 1],
        ])
        _ = try await MongoAuthenticator().authenticate(
            credential, hello: hello, serverHost: "localhost", over: runner, by: never)
        #expect(runner.commands.first?["speculativeAuthenticate"] == .document(own))
    }

    @Test func noTokenForAHostThatGetsNone() async throws {
        let tokens = OIDCTokens(.human()) { _ in Token(accessToken: Secret("one")) }
        let server = OIDCServer(["one"])
        _ = try await connect(tokens, server)
        let before = server.commands
        let host = await #expect(throws: MongoAuthError.self) {
            try await connect(tokens, server, host: "db.evil.test")
        }
        let user = await #expect(throws: MongoAuthError.self) { try await connect(tokens, server, username: "bob") }
        #expect(host?.code == .invalidCredential && user?.code == .invalidCredential)
        #expect(server.commands == before)
    }

    /// A server that wants more than the token has let nobody in.
    @Test func aServerThatIsNotDone() async throws {
        let tokens = OIDCTokens(.machine) { _ in Token(accessToken: Secret("one")) }
        _ = try await connect(tokens, OIDCServer(["one"]))
        let inner: BSONDocument = ["conversationId": 1, "done": false, "payload": .binary(BSONBinary(bytes: [1]))]
        let runner = ScriptedRunner([["speculativeAuthenticate": .document(inner), "ok": 1]])
        let error = await #expect(throws: MongoAuthError.self) {
            try await MongoAuthenticator().authenticate(
                MongoCredential(username: "", method: .oidc(tokens)), hello: Hello(), serverHost: "localhost",
                over: runner, by: never)
        }
        #expect(error?.code == .refused)
    }

    // MARK: - After error 391

    /// Many connections with the same token are told that it has ended: one call gets the next one for all of them.
    @Test func aTokenThatHasEndedIsLetGoOfOnce() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one", "two"])
        var connections: [AuthenticationDetails] = []
        for _ in 0..<5 { connections.append(try await connect(tokens, server)) }
        var renewed: [AuthenticationDetails] = []
        for details in connections {
            tokens.invalidate(after: details)
            renewed.append(try await again(tokens, server))
        }
        #expect(calls.requests.count == 2)
        #expect(server.payloads.suffix(5) == ["jwt two", "jwt two", "jwt two", "jwt two", "jwt two"])
        // And then the next one.
        tokens.invalidate(after: renewed[4])
        server.accept(["three"])
        _ = try await again(tokens, server)
        #expect(calls.requests.count == 3 && server.payloads.last == "jwt three")
    }

    /// What was authenticated by something else says nothing of a token.
    @Test func anotherMechanismLetsGoOfNothing() async throws {
        let calls = OIDCCalls()
        let tokens = OIDCTokens(.machine) { Token(accessToken: Secret(calls.next($0))) }
        let server = OIDCServer(["one"])
        _ = try await connect(tokens, server)
        let runner = ScriptedRunner([["conversationId": 1, "done": true, "payload": "", "ok": 1]])
        let other = try await MongoAuthenticator().authenticate(
            .plain(username: "ann", password: "pw"), serverHost: "localhost", over: runner, by: never)
        tokens.invalidate(after: other)
        _ = try await again(tokens, server)
        #expect(calls.requests.count == 1)
    }
}
