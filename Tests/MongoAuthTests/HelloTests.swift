import MongoAuth
import SaslBSON
import Testing

@Suite struct HelloTests {
    private static let deadline = ContinuousClock.now + .seconds(120)
    private static let reply: BSONDocument = ["helloOk": true, "minWireVersion": 0, "maxWireVersion": 21, "ok": 1]
    private static let client: BSONValue = [
        "driver": ["name": "swift-mongo-sasl", "version": .string(ClientVersion.current)], "os": ["type": osType],
    ]

    private static var osType: BSONValue {
        #if os(Linux)
        "Linux"
        #else
        "Darwin"
        #endif
    }

    // MARK: - The command

    @Test func theCommand() async throws {
        let runner = ScriptedRunner([Self.reply])
        _ = try await Hello().run(over: runner, by: Self.deadline)
        #expect(runner.commands == [["hello": 1, "helloOk": true, "client": Self.client, "$db": "admin"]])
    }

    @Test func theCommandWithEverything() async throws {
        let runner = ScriptedRunner([Self.reply])
        let hello = Hello(applicationName: "app", saslSupportedMechsFor: (database: "admin", username: "ann"))
        _ = try await hello.run(over: runner, by: Self.deadline)
        let command = try #require(runner.commands.first)
        #expect(command.keys == ["hello", "helloOk", "saslSupportedMechs", "client", "$db"])
        #expect(command["saslSupportedMechs"] == "admin.ann")
        #expect(command["client"]?.documentValue?["application"] == ["name": "app"])
    }

    @Test func anEmptyApplicationNameIsNone() async throws {
        let runner = ScriptedRunner([Self.reply])
        _ = try await Hello(applicationName: "").run(over: runner, by: Self.deadline)
        #expect(runner.commands.first?["client"] == Self.client)
    }

    @Test func aDriverNamesItself() async throws {
        let runner = ScriptedRunner([Self.reply])
        _ = try await Hello(driver: .init(name: "MyDriver", version: "7.1")).run(over: runner, by: Self.deadline)
        #expect(
            runner.commands.first?["client"]?.documentValue?["driver"] == ["name": "MyDriver", "version": "7.1"])
    }

    /// For a driver that sends hello itself.
    @Test func aReplyIsReadWithoutARunner() throws {
        let reply: BSONDocument = ["maxWireVersion": 21, "saslSupportedMechs": ["PLAIN"], "ok": 1]
        let server = try ServerDescription(reply: try reply.encoded())
        #expect(server.maxWireVersion == 21 && server.saslSupportedMechs == ["PLAIN"])
        #expect(throws: MongoAuthError.self) { try ServerDescription(reply: [1, 2, 3]) }
        let refusal: BSONDocument = ["ok": 0]
        #expect(throws: CommandFailure.self) { try ServerDescription(reply: refusal.encoded()) }
        #expect(ServerDescription(saslSupportedMechs: ["PLAIN"]).saslSupportedMechs == ["PLAIN"])
    }

    // MARK: - Load balancers

    @Test func aLoadBalancerIsAskedForAndMustBeThere() async throws {
        let id = try #require(BSONObjectID(bytes: [UInt8](repeating: 1, count: 12)))
        let runner = ScriptedRunner([["maxWireVersion": 21, "serviceId": .objectID(id), "ok": 1]])
        let server = try await Hello(isLoadBalanced: true).run(over: runner, by: Self.deadline)
        #expect(server.isLoadBalanced)
        #expect(runner.commands.first?["loadBalanced"] == true)

        let other = ScriptedRunner([Self.reply])
        let error = await #expect(throws: MongoAuthError.self) {
            try await Hello(isLoadBalanced: true).run(over: other, by: Self.deadline)
        }
        #expect(error?.code == .notLoadBalanced)
    }

    // MARK: - Roles

    @Test(
        arguments: [
            (["ok": 1], .standalone), (["msg": "isdbgrid"], .mongos),
            (["setName": "a", "isWritablePrimary": true], .primary),
            (["setName": "a", "ismaster": true], .primary), (["setName": "a", "secondary": true], .secondary),
            (["setName": "a", "arbiterOnly": true], .arbiter),
            (["setName": "a", "secondary": true, "hidden": true], .other),
            (["setName": "a"], .other), (["isreplicaset": true], .ghost),
            // Of no replica set, so none of its members.
            (["arbiterOnly": true], .standalone),
        ] as [(BSONDocument, ServerRole)])
    func theRoleIsToldFromTheReply(_ reply: BSONDocument, _ role: ServerRole) throws {
        var reply = reply
        reply["ok"] = 1
        #expect(try ServerDescription(reply: reply.encoded()).role == role)
    }

    @Test func membersAreThoseThatDriversConnectTo() throws {
        let reply: BSONDocument = [
            "setName": "a", "hosts": ["x:1", "y:2"], "passives": ["z:3", 7], "arbiters": ["w:4"], "ok": 1,
        ]
        #expect(try ServerDescription(reply: reply.encoded()).members == ["x:1", "y:2", "z:3", "w:4"])
        #expect(try ServerDescription(reply: Self.reply.encoded()).members == [])
    }

    // MARK: - The older command

    @Test(
        arguments: [
            ["ok": 0, "errmsg": "no such command: 'hello'", "code": 59, "codeName": "CommandNotFound"],
            ["ok": 0, "errmsg": "unknown", "code": 59],
            ["ok": 0, "errmsg": "no such cmd: hello"],
            ["ok": 0.0, "errmsg": "no such command: 'hello', bad cmd: '{ hello: 1 }'", "bad cmd": ["hello": 1]],
        ] as [BSONDocument])
    func aServerThatDoesNotKnowHelloIsAskedByTheOlderName(refusal: BSONDocument) async throws {
        let runner = ScriptedRunner([refusal, ["ismaster": true, "maxWireVersion": 4, "ok": 1]])
        let hello = Hello(applicationName: "app", saslSupportedMechsFor: (database: "admin", username: "ann"))
        let server = try await hello.run(over: runner, by: Self.deadline)
        #expect(server.maxWireVersion == 4)
        #expect(runner.commands.map { $0.keys.first } == ["hello", "isMaster"])
        // All else is the same.
        let rest = runner.commands.map { BSONDocument($0.dropFirst()) }
        #expect(rest.count == 2 && rest.first == rest.last)
    }

    struct Failure: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var replies: [BSONDocument]
        /// How many commands were sent.
        var commands: Int
        /// The code of the server's refusal, where that is the cause.
        var refusal: CommandFailure.Code?
        var code: MongoAuthError.Code { refusal == nil ? .malformedReply : .helloRefused }
    }

    private static let unknown: BSONDocument = ["ok": 0, "errmsg": "no such cmd: hello", "code": 59]
    private static let failures: [Failure] = [
        Failure(
            testDescription: "refused", replies: [["ok": 0, "errmsg": "not now", "code": 13]], commands: 1,
            refusal: .unauthorized),
        Failure(
            testDescription: "refused by both names", replies: [unknown, unknown], commands: 2,
            refusal: .commandNotFound),
        Failure(
            testDescription: "unknown, then refused", replies: [unknown, ["ok": 0, "code": 18]], commands: 2,
            refusal: .authenticationFailed),
        Failure(testDescription: "no ok", replies: [["maxWireVersion": 21]], commands: 1),
        Failure(testDescription: "ok twice", replies: [["ok": 1, "ok": 0]], commands: 1),
        Failure(testDescription: "unknown, then malformed", replies: [unknown, ["ok": "yes"]], commands: 2),
    ]

    @Test(arguments: failures)
    func whatIsNoAnswerIsAnError(_ failure: Failure) async {
        let runner = ScriptedRunner(failure.replies)
        let error = await #expect(throws: MongoAuthError.self) {
            try await Hello().run(over: runner, by: Self.deadline)
        }
        #expect((error?.underlying as? CommandFailure)?.code == failure.refusal)
        #expect(error?.code == failure.code)
        #expect(runner.commands.count == failure.commands)
    }

    @Test func whatTheRunnerThrowsComesThroughAsItIs() async {
        let runner = ScriptedRunner(failure: BrokenConnection())
        await #expect(throws: BrokenConnection.self) { try await Hello().run(over: runner, by: Self.deadline) }
        await #expect(throws: BrokenConnection.self) {
            try await AuthenticatedIdentity.ask(ScriptedRunner(failure: BrokenConnection()), by: Self.deadline)
        }
    }

    // MARK: - The server's description

    @Test func everyFieldIsRead() async throws {
        let reply: BSONDocument = [
            "minWireVersion": .int64(6), "maxWireVersion": .double(21),
            "saslSupportedMechs": ["SCRAM-SHA-256", "PLAIN"],
            "setName": "rs0", "me": "db1:27017",
            "localTime": .datetime(BSONDatetime(millisecondsSince1970: 1_700_000_000_123)),
            "ok": true,
        ]
        let server = try await Hello().run(over: ScriptedRunner([reply]), by: Self.deadline)
        #expect(server.minWireVersion == 6)
        #expect(server.maxWireVersion == 21)
        #expect(server.saslSupportedMechs == ["SCRAM-SHA-256", "PLAIN"])
        #expect(server.setName == "rs0")
        #expect(server.me == "db1:27017")
        #expect(server.localTimeMilliseconds == 1_700_000_000_123)
        #expect(server.reply == (try reply.encoded()))
    }

    /// Fields that are missing or of another type are as good as not said; nothing traps.
    @Test(
        arguments: [
            ["ok": 1],
            [
                "minWireVersion": "0", "maxWireVersion": 1.5, "saslSupportedMechs": "PLAIN", "setName": 1, "me": nil,
                "localTime": .int64(1), "ok": 1,
            ],
            ["maxWireVersion": .double(.infinity), "minWireVersion": .double(.nan), "ok": 1],
        ] as [BSONDocument])
    func fieldsThatAreNotThere(_ reply: BSONDocument) async throws {
        let server = try await Hello().run(over: ScriptedRunner([reply]), by: Self.deadline)
        #expect(server.minWireVersion == 0)
        #expect(server.maxWireVersion == 0)
        #expect(server.saslSupportedMechs == nil)
        #expect(server.setName == nil)
        #expect(server.me == nil)
        #expect(server.localTimeMilliseconds == nil)
    }

    @Test func anEmptyListOfMechanismsIsAList() async throws {
        let reply: BSONDocument = ["saslSupportedMechs": [], "ok": 1]
        #expect(try await Hello().run(over: ScriptedRunner([reply]), by: Self.deadline).saslSupportedMechs == [])
        let mixed: BSONDocument = ["saslSupportedMechs": ["PLAIN", 1, nil], "ok": 1]
        #expect(try await Hello().run(over: ScriptedRunner([mixed]), by: Self.deadline).saslSupportedMechs == ["PLAIN"])
    }
}

@Suite struct AuthenticatedIdentityTests {
    private static let deadline = ContinuousClock.now + .seconds(120)

    private static func reply(_ users: BSONValue, roles: BSONValue = []) -> BSONDocument {
        ["authInfo": ["authenticatedUsers": users, "authenticatedUserRoles": roles], "ok": 1]
    }

    @Test func userDatabaseAndRoles() async throws {
        let runner = ScriptedRunner([
            Self.reply(
                [["user": "ann@EXAMPLE.COM", "db": "$external"]],
                roles: [["role": "read", "db": "records"], ["role": "x"], 1, ["role": "root", "db": "admin"]])
        ])
        let identity = try await AuthenticatedIdentity.ask(runner, by: Self.deadline)
        #expect(runner.commands == [["connectionStatus": 1, "$db": "admin"]])
        #expect(identity.user == "ann@EXAMPLE.COM")
        #expect(identity.database == "$external")
        #expect(identity.roles.map(\.description) == ["read@records", "root@admin"])
    }

    private static let failures: [(BSONDocument, MongoAuthError.Code)] = [
        // The server said yes to the authentication, and now knows nobody.
        (reply([]), .serverNotProven),
        (reply([["db": "$external"]]), .identityNotTold), (reply(["ann"]), .identityNotTold),
        (reply("ann"), .identityNotTold), (["ok": 1], .identityNotTold), (["authInfo": [], "ok": 1], .identityNotTold),
        (["ok": 0, "code": 59], .identityNotTold), (["ok": 0, "code": 303], .identityNotTold),
        (["ok": 0, "code": 115, "errmsg": "Command connectionStatus is not supported"], .identityNotTold),
        (["ok": 0, "code": 238, "errmsg": "not implemented"], .identityNotTold),
        (["ok": 0, "errmsg": "no such command"], .identityNotTold),
        ([:], .malformedReply), (["ok": 0, "code": 13], .refused),
    ]

    /// As from servers that are not MongoDB.
    @Test func aUserWithoutADatabaseIsAUser() async throws {
        let runner = ScriptedRunner([Self.reply([["user": "ann"]])])
        let identity = try await AuthenticatedIdentity.ask(runner, by: Self.deadline)
        #expect(identity.user == "ann" && identity.database == nil)
    }

    @Test(arguments: failures)
    func whatDoesNotNameAUserIsAnError(reply: BSONDocument, code: MongoAuthError.Code) async {
        let error = await #expect(throws: MongoAuthError.self) {
            try await AuthenticatedIdentity.ask(ScriptedRunner([reply]), by: Self.deadline)
        }
        #expect(error?.code == code)
    }
}
