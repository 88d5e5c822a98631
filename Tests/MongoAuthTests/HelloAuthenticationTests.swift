import ModuleTestSupport
import MongoAuth
import NIOConcurrencyHelpers
import SASL
import SaslBSON
import Testing

/// Speculative authentications, and those with one command.
@Suite struct HelloAuthenticationTests {
    private let never = ContinuousClock.now + .seconds(120)
    private let authenticator = MongoAuthenticator()

    /// Answers hello, and hands everything else to a server of SCRAM.
    private final class Server: DocumentRunner {
        private let scram: ScramServer
        private let mechanisms: BSONValue?
        private let answersEarly: Bool
        private let list = NIOLockedValueBox<[BSONDocument]>([])

        init(_ scram: ScramServer, mechanisms: BSONValue? = nil, answersEarly: Bool = true) {
            self.scram = scram
            self.mechanisms = mechanisms
            self.answersEarly = answersEarly
        }

        var commands: [BSONDocument] { list.withLockedValue { $0 } }

        func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
            list.withLockedValue { $0.append(command) }
            guard command["hello"] != nil else { return try await scram.run(command, by: deadline) }
            var reply: BSONDocument = ["maxWireVersion": 21]
            if let mechanisms { reply.append("saslSupportedMechs", mechanisms) }
            if answersEarly, let first = command["speculativeAuthenticate"]?.documentValue {
                var inner = try await scram.run(first, by: deadline)
                // As real servers have it: the field is there only where it went well, and has no `ok`.
                if inner["ok"] == 1 {
                    inner["ok"] = nil
                    reply.append("speculativeAuthenticate", .document(inner))
                }
            }
            reply.append("ok", 1)
            return reply
        }
    }

    private func authenticate(
        _ method: MongoCredential.Method, _ runner: some CommandRunner, username: String = "ann"
    ) async throws -> AuthenticationDetails {
        let credential = MongoCredential(username: username, source: "admin", method: method)
        return try await authenticator.authenticate(
            credential, hello: Hello(), serverHost: "db.example.test", over: runner, by: never
        ).details
    }

    // MARK: - SCRAM

    /// hello and one command more: the server's proof comes with success.
    @Test(arguments: [MongoCredential.ScramHash.sha256, nil])
    func scramTakesTwoRoundTrips(hash: MongoCredential.ScramHash?) async throws {
        let server = Server(
            ScramServer(.sha256, username: "ann", password: "secret"),
            mechanisms: ["SCRAM-SHA-1", "SCRAM-SHA-256"])
        let details = try await authenticate(.scram(hash, password: Secret("secret")), server)
        #expect(details.mechanism == .scramSHA256 && details.isServerProven)
        #expect(server.commands.map { $0.first?.key } == ["hello", "saslContinue"])
        let first = server.commands[0]["speculativeAuthenticate"]?.documentValue
        #expect(first?["db"] == "admin" && first?["$db"] == nil && first?["mechanism"] == "SCRAM-SHA-256")
        #expect(first?["options"] == ["skipEmptyExchange": true])
    }

    /// The server's list decides, so it is asked for; and a password that only the older hash takes is no error before
    /// that.
    @Test func aPasswordThatOnlyTheOlderHashTakes() async throws {
        let server = Server(ScramServer(.sha1, username: "ann", password: "\u{7}pw"), mechanisms: ["SCRAM-SHA-1"])
        let details = try await authenticate(.scram(nil, password: Secret("\u{7}pw")), server)
        #expect(details.mechanism == .scramSHA1)
        #expect(server.commands[0]["saslSupportedMechs"] == "admin.ann")
        #expect(server.commands[0]["speculativeAuthenticate"] == nil)
    }

    /// Where the application allows one hash only, a server that names none is asked for that one.
    @Test func theOnlyHashThatIsAllowed() async throws {
        let server = Server(ScramServer(.sha256, username: "ann", password: "secret"), answersEarly: false)
        let details = try await MongoAuthenticator(mechanisms: MongoMechanisms(allowed: [.scramSHA256])).authenticate(
            MongoCredential(username: "ann", source: "admin", method: .scram(nil, password: Secret("secret"))),
            hello: Hello(), serverHost: "db.example.test", over: server, by: never
        ).details
        #expect(details.mechanism == .scramSHA256)
    }

    @Test func aServerThatDoesNotAnswerThatIsAuthenticatedToAsEver() async throws {
        let server = Server(
            ScramServer(.sha256, username: "ann", password: "secret"), mechanisms: ["SCRAM-SHA-256"],
            answersEarly: false)
        #expect(try await authenticate(.scram(nil, password: Secret("secret")), server).isServerProven)
        #expect(server.commands.map { $0.first?.key } == ["hello", "saslStart", "saslContinue"])
    }

    /// The server's list decides, and one that says nothing means SHA-1.
    @Test(arguments: [["SCRAM-SHA-1"], nil, []] as [BSONValue?])
    func theHashThatBeganIsLeftForTheOneThatTheUserHas(mechanisms: BSONValue?) async throws {
        let server = Server(ScramServer(.sha1, username: "ann", password: "secret"), mechanisms: mechanisms)
        let details = try await authenticate(.scram(nil, password: Secret("secret")), server)
        #expect(details.mechanism == .scramSHA1 && details.isServerProven)
        #expect(server.commands.map { $0.first?.key } == ["hello", "saslStart", "saslContinue", "saslContinue"])
    }

    @Test func aWrongPasswordIsOneAttempt() async throws {
        let server = Server(ScramServer(.sha256, username: "ann", password: "secret"), mechanisms: ["SCRAM-SHA-256"])
        let error = await #expect(throws: MongoAuthError.self) {
            try await authenticate(.scram(nil, password: Secret("other")), server)
        }
        #expect(error?.code == .refused)
        #expect(server.commands.map { $0.first?.key } == ["hello", "saslContinue"])
    }

    /// No shortcut to an unproven success.
    @Test(
        arguments: [
            (["conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: []))], .serverNotProven),
            (["conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: Array("v=AAAA".utf8)))], .sasl),
            (["conversationId": 1, "done": false], .malformedReply),
            (["conversationId": 1, "done": false, "done": true, "payload": ""], .malformedReply),
            (
                ["conversationId": 1, "done": false, "payload": .binary(BSONBinary(bytes: [1])), "ok": 7],
                .malformedReply
            ),
            (["ok": 0, "code": 18, "errmsg": "no"], .refused), ([:], .malformedReply),
        ] as [(BSONDocument, MongoAuthError.Code)])
    func whatIsWrongInHelloIsWrong(inner: BSONDocument, code: MongoAuthError.Code) async throws {
        let runner = ScriptedRunner([["speculativeAuthenticate": .document(inner), "ok": 1]])
        let error = await #expect(throws: MongoAuthError.self) {
            try await authenticate(.scram(.sha256, password: Secret("secret")), runner)
        }
        #expect(error?.code == code, "\(error.map { "\($0)" } ?? "")")
        #expect(runner.commands.count == 1)
    }

    /// It was not requested, so it is ignored.
    @Test func anAnswerToWhatWasNotAskedIsPassedOver() async throws {
        let inner: BSONValue = ["conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: []))]
        let runner = ScriptedRunner([
            ["speculativeAuthenticate": inner, "ok": 1],
            ["conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: [])), "ok": 1],
        ])
        let details = try await authenticate(.plain(password: Secret("secret")), runner)
        #expect(details.mechanism == .plain && !details.isServerProven)
        #expect(runner.commands.map { $0.first?.key } == ["hello", "saslStart"])
        #expect(runner.commands[0]["speculativeAuthenticate"] == nil)
        #expect(runner.commands[1]["options"] == nil)
    }

    // MARK: - Certificates

    @Test(arguments: ["CN=ann,O=Tests", ""])
    func aCertificateIsShownInHello(username: String) async throws {
        let runner = ScriptedRunner([
            ["speculativeAuthenticate": ["dbname": "$external", "user": "CN=ann,O=Tests"], "ok": 1]
        ])
        let details = try await authenticate(.x509, runner, username: username)
        #expect(details.mechanism == .mongoDBX509 && !details.isServerProven)
        let command = runner.commands[0]["speculativeAuthenticate"]?.documentValue
        #expect(command?["authenticate"] == 1 && command?["mechanism"] == "MONGODB-X509")
        #expect(command?["user"] == (username.isEmpty ? nil : .string(username)))
    }

    /// Nothing in such a reply says that somebody was let in.
    @Test(arguments: [[:], ["ok": 1], ["user": 7]] as [BSONDocument])
    func aReplyThatNamesNobodyIsNone(inner: BSONDocument) async throws {
        let runner = ScriptedRunner([
            ["speculativeAuthenticate": .document(inner), "ok": 1], ["ok": 0, "code": 18, "errmsg": "no"],
        ])
        let error = await #expect(throws: MongoAuthError.self) { try await authenticate(.x509, runner) }
        #expect(error?.code == .refused && runner.commands.count == 2)
    }

    @Test func orByItsOwnCommand() async throws {
        let credential = MongoCredential(username: "", method: .x509)
        let runner = ScriptedRunner([["dbname": "$external", "user": "CN=ann", "ok": 1]])
        try await authenticator.authenticate(credential, serverHost: "db.example.test", over: runner, by: never)
        #expect(runner.commands == [["authenticate": 1, "mechanism": "MONGODB-X509", "$db": "$external"]])
    }

    @Test(
        arguments: [
            (["ok": 0, "code": 18, "errmsg": "no such user"], .refused),
            (["ok": 0, "code": 334, "errmsg": "not enabled"], .mechanismUnavailable),
            (["user": "CN=ann"], .malformedReply),
        ] as [(BSONDocument, MongoAuthError.Code)])
    func aRefusedCertificate(reply: BSONDocument, code: MongoAuthError.Code) async throws {
        let runner = ScriptedRunner([["ok": 1], reply])
        let error = await #expect(throws: MongoAuthError.self) { try await authenticate(.x509, runner) }
        #expect(error?.code == code)
    }

    // MARK: - Again on the same connection

    @Test func aConnectionIsAuthenticatedAnew() async throws {
        let server = Server(ScramServer(.sha256, username: "ann", password: "secret"), mechanisms: ["SCRAM-SHA-256"])
        let credential = MongoCredential(
            username: "ann", source: "admin", method: .scram(.sha256, password: Secret("secret")))
        for _ in 0..<2 {
            let details = try await authenticator.authenticate(
                credential, serverHost: "db.example.test", over: server, by: never)
            #expect(details.isServerProven)
        }
        #expect(CommandFailure(code: .reauthenticationRequired).code?.rawValue == 391)
    }
}
