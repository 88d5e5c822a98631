import SaslBSON
import SecretMemory
import Testing

@testable import MongoTestServer

@Suite struct ClientSessionTests {
    private static let ann = "ann@EXAMPLE.TEST"

    private static let directory = Result {
        try UserDirectory(
            [
                MongoTestServer.User(ann, mechanisms: ["GSSAPI"], roles: [MongoTestServer.Role("read", on: "shop")]),
                MongoTestServer.User("CN=client", mechanisms: ["MONGODB-X509"]),
                MongoTestServer.User("lea", password: Secret("pw")),
                MongoTestServer.User("bob", on: "shop", password: Secret("pw")),
                MongoTestServer.User("eve", on: "shop", password: Secret("pw"), mechanisms: ["SCRAM-SHA-1"]),
            ], mechanisms: MongoTestServer.Configuration.mechanisms(of: .own))
    }

    private func newSession() throws -> ClientSession {
        ClientSession(
            facts: ClientSession.ServerFacts(directory: try Self.directory.get(), maximumMessageLength: 1000),
            connectionID: 7)
    }

    private func request(_ token: [UInt8] = [1, 2], skips: Bool = false) -> SaslRequest {
        SaslRequest(mechanism: "GSSAPI", database: "$external", token: token, skipsEmptyExchange: skips)
    }

    private func start(_ payload: BSONValue = .binary(BSONBinary(bytes: [1, 2]))) -> BSONDocument {
        ["saslStart": 1, "mechanism": "GSSAPI", "payload": payload, "$db": "$external"]
    }

    private func proceed(
        _ payload: BSONValue = .binary(BSONBinary(bytes: [])), id: BSONValue = 1
    ) -> BSONDocument {
        ["saslContinue": 1, "conversationId": id, "payload": payload, "$db": "$external"]
    }

    /// The reply to a command that must be answered at once.
    private func reply(
        to command: BSONDocument, _ session: inout ClientSession, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> BSONDocument {
        let action = session.commandReceived(command, millisecondsSince1970: 1234)
        guard case .reply(let document) = action else {
            Issue.record("\(action) is no reply", sourceLocation: sourceLocation)
            return [:]
        }
        return document
    }

    @Test("hello and its older names describe a standalone server", arguments: ["hello", "isMaster", "ismaster"])
    func hello(name: String) throws {
        var session = try newSession()
        let primary = name == "hello" ? "isWritablePrimary" : "ismaster"
        let expected: BSONDocument = [
            "helloOk": true, primary: true, "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 1000,
            "maxWriteBatchSize": 100_000, "localTime": .datetime(BSONDatetime(millisecondsSince1970: 1234)),
            "logicalSessionTimeoutMinutes": 30, "connectionId": 7, "minWireVersion": 0, "maxWireVersion": 21,
            "readOnly": false, "ok": 1.0,
        ]
        let command: BSONDocument = [name: 1, "$db": "admin"]
        #expect(try reply(to: command, &session) == expected)
        // The oldest handshake comes by OP_QUERY, perhaps in a wrapper.
        let plain: BSONDocument = [name: 1]
        for query in [plain, ["$query": .document(plain), "$readPreference": ["mode": "primary"]]] {
            let action = session.queryReceived(query, on: "admin.$cmd", millisecondsSince1970: 1234)
            #expect(action == .reply(expected))
        }
    }

    @Test(
        "OP_QUERY serves for nothing else",
        arguments: [("admin.$cmd", "ping"), ("admin.$cmd", "saslStart"), ("shop.goods", "hello")])
    func otherQueries(collection: String, name: String) throws {
        var session = try newSession()
        let action = session.queryReceived([name: 1], on: collection, millisecondsSince1970: 0)
        guard case .reply(let document) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(document["code"] == 352 && document["ok"] == 0.0)
    }

    @Test("Mechanisms are told for a known user only")
    func supportedMechanisms() throws {
        var session = try newSession()
        func mechanisms(_ name: BSONValue) throws -> BSONDocument {
            try reply(to: ["hello": 1, "saslSupportedMechs": name, "$db": "admin"], &session)
        }
        #expect(try mechanisms("$external.ann@EXAMPLE.TEST")["saslSupportedMechs"] == ["GSSAPI"])
        #expect(try mechanisms("$external.bob@EXAMPLE.TEST")["saslSupportedMechs"] == nil)
        #expect(try mechanisms("admin.ann@EXAMPLE.TEST")["saslSupportedMechs"] == nil)
        #expect(try mechanisms("$external.lea")["saslSupportedMechs"] == ["PLAIN"])
        #expect(try mechanisms("$external.CN=client")["saslSupportedMechs"] == ["MONGODB-X509"])
        #expect(try mechanisms("shop.bob")["saslSupportedMechs"] == ["SCRAM-SHA-1", "SCRAM-SHA-256"])
        #expect(try mechanisms("shop.eve")["saslSupportedMechs"] == ["SCRAM-SHA-1"])
        #expect(try mechanisms("nodot")["code"] == 2)
        #expect(try mechanisms(1)["code"] == 2)
    }

    @Test(
        "Before authentication only the handshake's commands are allowed",
        arguments: [
            ("ping", 0), ("buildInfo", 0), ("connectionStatus", 0), ("endSessions", 0), ("logout", 0), ("find", 13),
            ("nonsense", 13), ("", 13),
        ])
    func beforeAuthentication(name: String, code: Int64) throws {
        var session = try newSession()
        let document = try reply(to: [name: 1, "$db": "admin"], &session)
        #expect(document["code"]?.integerValue ?? 0 == code)
        #expect(document["ok"] == (code == 0 ? 1.0 : 0.0))
    }

    @Test("A command needs a database and a name")
    func incompleteCommands() throws {
        var session = try newSession()
        #expect(try reply(to: ["ping": 1], &session)["code"] == 40571)
        #expect(try reply(to: [:], &session)["code"] == 40571)
        #expect(try reply(to: ["ping": 1, "$db": 1], &session)["code"] == 40571)
    }

    @Test("A conversation succeeds, in the kind of payload that the client uses", arguments: [true, false])
    func conversation(binary: Bool) throws {
        func payload(_ bytes: [UInt8], _ text: String) -> BSONValue {
            binary ? .binary(BSONBinary(bytes: bytes)) : .string(text)
        }
        var session = try newSession()
        #expect(
            session.commandReceived(start(payload([1, 2], "AQI=")), millisecondsSince1970: 0)
                == .startExchange(request()))
        let first = session.saslStepped(.challenge([255, 254]))
        #expect(
            first.reply == ["conversationId": 1, "done": false, "payload": payload([255, 254], "//4="), "ok": 1.0])
        #expect(first.ended == nil && session.user == nil)

        #expect(
            session.commandReceived(proceed(payload([], "")), millisecondsSince1970: 0) == .continueExchange(token: []))
        let last = session.saslStepped(.authenticated(user: Self.ann))
        #expect(last.reply == ["conversationId": 1, "done": true, "payload": payload([], ""), "ok": 1.0])
        #expect(last.ended?.failure == nil && last.ended?.principal == Self.ann)

        #expect(session.user == ClientSession.User(name: Self.ann, database: "$external"))
        let status = try reply(to: ["connectionStatus": 1, "$db": "admin"], &session)
        #expect(
            status["authInfo"] == [
                "authenticatedUsers": [["user": .string(Self.ann), "db": "$external"]],
                "authenticatedUserRoles": [["role": "read", "db": "shop"]],
            ])
        #expect(try reply(to: ["find": "goods", "$db": "shop"], &session)["code"] == 59)
        #expect(try reply(to: proceed(), &session)["code"] == 17)

        _ = try reply(to: ["logout": 1, "$db": "$external"], &session)
        #expect(session.user == nil)
        #expect(try reply(to: ["find": "goods", "$db": "shop"], &session)["code"] == 13)
    }

    @Test("skipEmptyExchange changes nothing, as GSSAPI has no empty exchange at its end", arguments: [true, false])
    func skipEmptyExchange(_ skip: Bool) throws {
        var session = try newSession()
        var command = start()
        command.append("options", ["skipEmptyExchange": .bool(skip)])
        #expect(session.commandReceived(command, millisecondsSince1970: 0) == .startExchange(request(skips: skip)))
        #expect(session.saslStepped(.authenticated(user: Self.ann)).reply["done"] == true)
    }

    @Test(
        "Failures look alike to the client, and end the conversation",
        arguments: [SaslOutcome.failed(reason: "secret"), .authenticated(user: "mallory@EXAMPLE.TEST")])
    func failures(outcome: SaslOutcome) throws {
        var session = try newSession()
        _ = session.commandReceived(start(), millisecondsSince1970: 0)
        let step = session.saslStepped(outcome)
        #expect(
            step.reply == [
                "ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed",
            ])
        #expect(step.ended?.failure != nil && session.user == nil)
        #expect(try reply(to: proceed(), &session)["code"] == 17)
        let status = try reply(to: ["connectionStatus": 1, "$db": "admin"], &session)
        #expect(status["authInfo"] == ["authenticatedUsers": [], "authenticatedUserRoles": []])
    }

    @Test(
        "A conversation's number is checked, of whatever numeric type",
        arguments: [2, 0, -1, 1.5, "1", nil, true] as [BSONValue])
    func wrongConversation(id: BSONValue) throws {
        var session = try newSession()
        _ = session.commandReceived(start(), millisecondsSince1970: 0)
        _ = session.saslStepped(.challenge([1]))
        let refusal = try reply(to: proceed(id: id), &session)
        #expect(refusal["code"] == 17 && refusal["codeName"] == "ProtocolError")
        // It is over: the right number comes too late.
        #expect(try reply(to: proceed(), &session)["code"] == 17)
    }

    @Test("The number may come as any numeric type", arguments: [.int32(1), .int64(1), .double(1)] as [BSONValue])
    func conversationNumber(id: BSONValue) throws {
        var session = try newSession()
        _ = session.commandReceived(start(), millisecondsSince1970: 0)
        _ = session.saslStepped(.challenge([1]))
        #expect(session.commandReceived(proceed(id: id), millisecondsSince1970: 0) == .continueExchange(token: []))
    }

    @Test("saslContinue needs a saslStart")
    func continueWithoutStart() throws {
        var session = try newSession()
        #expect(try reply(to: proceed(), &session)["code"] == 17)
    }

    @Test(
        "Other mechanisms and databases are not available",
        arguments: [
            ("PLAIN", "admin"), ("GSSAPI", "admin"), ("SCRAM-SHA-256", "$external"), ("CRAM-MD5", "$external"),
            ("MONGODB-X509", "$external"),
        ])
    func unavailable(mechanism: String, database: String) throws {
        var session = try newSession()
        let document = try reply(
            to: ["saslStart": 1, "mechanism": .string(mechanism), "payload": "", "$db": .string(database)], &session)
        #expect(document["code"] == 334 && document["codeName"] == "MechanismUnavailable")
    }

    @Test(
        "Payloads of a wrong type, subtype, form or size are refused",
        arguments: [
            (1, 14), (nil, 14), (.binary(BSONBinary(subtype: 5, bytes: [1])), 14), ("AQ", 2), ("A===", 2), ("AR==", 2),
            ("A\u{20}Q=", 2), (.binary(BSONBinary(bytes: [UInt8](repeating: 0, count: (1 << 20) + 1))), 2),
        ] as [(BSONValue, Int32)])
    func payloads(payload: BSONValue, code: Int32) throws {
        var session = try newSession()
        #expect(try reply(to: start(payload), &session)["code"] == .int32(code))
        _ = session.commandReceived(start(), millisecondsSince1970: 0)
        _ = session.saslStepped(.challenge([1]))
        #expect(try reply(to: proceed(payload), &session)["code"] == .int32(code))
    }

    @Test("A missing payload or mechanism is refused")
    func missingFields() throws {
        var session = try newSession()
        #expect(
            try reply(to: ["saslStart": 1, "mechanism": "GSSAPI", "$db": "$external"], &session)["code"] == 14)
        #expect(try reply(to: ["saslStart": 1, "payload": "", "$db": "$external"], &session)["code"] == 14)
    }

    @Test("A conversation does not go on for ever")
    func tooManySteps() throws {
        var session = try newSession()
        _ = session.commandReceived(start(), millisecondsSince1970: 0)
        for _ in 1..<ClientSession.maximumSteps {
            _ = session.saslStepped(.challenge([1]))
            #expect(session.commandReceived(proceed(), millisecondsSince1970: 0) == .continueExchange(token: []))
        }
        _ = session.saslStepped(.challenge([1]))
        #expect(try reply(to: proceed(), &session)["code"] == 17)
    }

    @Test("A second saslStart takes the place of the first")
    func restart() throws {
        var session = try newSession()
        _ = session.commandReceived(start(), millisecondsSince1970: 0)
        _ = session.saslStepped(.challenge([1]))
        #expect(session.commandReceived(start("AQI="), millisecondsSince1970: 0) == .startExchange(request()))
        #expect(session.saslStepped(.challenge([0])).reply["payload"] == "AA==")
    }

    @Test("A long command name does not fill the reply")
    func longName() throws {
        var session = try newSession()
        let name = String(repeating: "x", count: 100_000)
        let message = try reply(to: [name: 1, "$db": "admin"], &session)["errmsg"]?.stringValue
        #expect(try #require(message).utf8.count < 200)
    }

    @Test(
        "Base64 is read and written",
        arguments: [
            ("", []), ("AA==", [0]), ("AAE=", [0, 1]), ("AAEC", [0, 1, 2]), ("/+79/A==", [255, 238, 253, 252]),
        ] as [(String, [UInt8])])
    func base64(text: String, bytes: [UInt8]) throws {
        var session = try newSession()
        let started = session.commandReceived(start(.string(text)), millisecondsSince1970: 0)
        #expect(started == .startExchange(request(bytes)))
        #expect(session.saslStepped(.challenge(bytes)).reply["payload"] == .string(text))
    }

    // MARK: - Certificates

    private func show(user: BSONValue? = nil) -> BSONDocument {
        var command: BSONDocument = ["authenticate": 1, "mechanism": "MONGODB-X509", "$db": "$external"]
        if let user { command.append("user", user) }
        return command
    }

    @Test("A certificate's subject is the user", arguments: ["CN=client", nil] as [BSONValue?])
    func certificate(user: BSONValue?) throws {
        var session = try newSession()
        #expect(session.commandReceived(show(user: user), millisecondsSince1970: 0) == .seeCertificate)
        let (reply, ended) = session.certificateSeen(subject: "CN=client")
        #expect(reply == ["dbname": "$external", "user": "CN=client", "ok": 1.0])
        #expect(ended == MongoTestServer.Authentication(principal: "CN=client", failure: nil))
        #expect(session.user == ClientSession.User(name: "CN=client", database: "$external"))
    }

    @Test("Another name, no certificate and no user are refused", arguments: ["CN=other", nil, "CN=stranger"])
    func certificateRefused(subject: String?) throws {
        var session = try newSession()
        let user: BSONValue? = subject == "CN=other" ? "CN=client" : nil
        _ = session.commandReceived(show(user: user), millisecondsSince1970: 0)
        let (reply, ended) = session.certificateSeen(subject: subject)
        #expect(reply["code"] == 18 && ended?.failure != nil && session.user == nil)
        // Nor does a second look help.
        #expect(session.certificateSeen(subject: "CN=client").reply["code"] == 17 && session.user == nil)
    }

    @Test("A user that is no text is refused")
    func certificateOfNoText() throws {
        var session = try newSession()
        #expect(try reply(to: show(user: 7), &session)["code"] == 14)
    }

    // MARK: - Conversations that begin in hello

    private func hello(_ first: BSONDocument) -> BSONDocument {
        var inner = first.filter { $0.key != "$db" }.reduce(into: BSONDocument()) { $0.append($1.key, $1.value) }
        inner.append("db", "$external")
        return ["hello": 1, "speculativeAuthenticate": .document(inner), "$db": "admin"]
    }

    @Test("A conversation may begin in hello")
    func speculative() throws {
        var session = try newSession()
        #expect(session.commandReceived(hello(start()), millisecondsSince1970: 0) == .startExchange(request()))
        let first = session.saslStepped(.challenge([3])).reply
        #expect(first["isWritablePrimary"] == true && first["ok"] == 1.0)
        let challenge = first["speculativeAuthenticate"]?.documentValue
        #expect(challenge?["done"] == false && challenge?["conversationId"] == 1)
        #expect(session.commandReceived(proceed(), millisecondsSince1970: 0) == .continueExchange(token: []))
        let last = session.saslStepped(.authenticated(user: Self.ann)).reply
        #expect(last["done"] == true && last["isWritablePrimary"] == nil)
        // Who is logged in already does not begin again by hello.
        #expect(try reply(to: hello(start()), &session)["speculativeAuthenticate"] == nil)
    }

    @Test("One that fails there is left out without a word")
    func speculativeFailure() throws {
        var session = try newSession()
        _ = session.commandReceived(hello(start()), millisecondsSince1970: 0)
        let (reply, ended) = session.saslStepped(.failed(reason: "secret"))
        #expect(reply["ok"] == 1.0 && reply["speculativeAuthenticate"] == nil && ended?.failure == "secret")
        #expect(try self.reply(to: proceed(), &session)["code"] == 17)
        var other = start()
        other["mechanism"] = "CRAM-MD5"
        #expect(try self.reply(to: hello(other), &session)["ok"] == 1.0)
    }

    @Test("A certificate may be shown in hello")
    func speculativeCertificate() throws {
        var session = try newSession()
        #expect(session.commandReceived(hello(show()), millisecondsSince1970: 0) == .seeCertificate)
        let reply = session.certificateSeen(subject: "CN=client").reply
        #expect(reply["speculativeAuthenticate"]?.documentValue?["user"] == "CN=client" && session.user != nil)
    }
}
