import BlockingWork
import Dispatch
import Logging
import ModuleTestSupport
import SASL
import SaslBSON
import Testing

@testable import MongoAuth

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Authentications from the credential to the last reply: the thread that the exchange lives on, its release, what
/// errors become, and which mechanism is chosen.
@Suite struct MongoAuthenticatorTests {
    private let workers = BlockingWorkers()
    private let never = ContinuousClock.now + .seconds(120)

    private func authenticator(_ logger: Logger? = nil, workers: BlockingWorkers? = nil) -> MongoAuthenticator {
        var authenticator = MongoAuthenticator(logger: logger)
        authenticator.threads = workers ?? self.workers
        return authenticator
    }

    private func credential(_ mechanism: WatchedMechanism) -> MongoCredential {
        MongoCredential(username: "ann", method: .other(mechanism))
    }

    private static func reply(_ payload: [UInt8] = [7], done: Bool = false, id: Int32 = 1) -> BSONDocument {
        ["conversationId": .int32(id), "done": .bool(done), "payload": .binary(BSONBinary(bytes: payload)), "ok": 1]
    }

    private static let refusal: BSONDocument = ["ok": 0, "code": 18, "errmsg": "Authentication failed."]

    /// Runs an authentication that must fail with a `MongoAuthError`.
    private func failure(
        _ mechanism: WatchedMechanism, _ replies: [BSONDocument] = [], workers: BlockingWorkers? = nil,
        by deadline: ContinuousClock.Instant? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async -> MongoAuthError? {
        await #expect(throws: MongoAuthError.self, sourceLocation: sourceLocation) {
            try await authenticator(workers: workers).authenticate(
                credential(mechanism), serverHost: "db.example.test", over: ScriptedRunner(replies),
                by: deadline ?? never)
        }
    }

    // MARK: - Where steps are taken

    /// One that may block is kept away from the caller's executor.
    @Test func stepsThatMayBlockAreTakenOnThreads() async throws {
        let mechanism = WatchedMechanism([.respond([1]), .respond([2]), .done])
        let runner = ThreadNotingRunner(ScriptedRunner([Self.reply([5]), Self.reply([6], done: true)]))
        let executor = OneThread()
        let details = try await withTaskExecutorPreference(executor) {
            try await authenticator().authenticate(
                credential(mechanism), serverHost: "db.example.test", over: runner, by: never)
        }
        #expect(details.mechanism == mechanism.name && details.service == nil && details.grantedFlags == nil)
        let events = mechanism.life.events
        #expect(events.map(\.what) == ["make", "step nil", "step [5]", "step [6]", "release"])
        #expect(Set(runner.threads).count == 1)
        #expect(Set(events.filter { $0.what.hasPrefix("step") }.map(\.thread)).isDisjoint(with: runner.threads))
    }

    /// All of the conversation is on the caller's executor: no thread, no hop.
    @Test func stepsThatComputeAreTakenWhereTheCallerIs() async throws {
        let mechanism = WatchedMechanism([.respond([1]), .respond([2]), .done], mayBlock: false)
        let runner = ThreadNotingRunner(ScriptedRunner([Self.reply([5]), Self.reply([6], done: true)]))
        let executor = OneThread()
        try await withTaskExecutorPreference(executor) {
            _ = try await authenticator().authenticate(
                credential(mechanism), serverHost: "db.example.test", over: runner, by: never)
        }
        #expect(mechanism.life.events.map(\.what) == ["make", "step nil", "step [5]", "step [6]", "release"])
        #expect(Set(mechanism.life.events.map(\.thread) + runner.threads).count == 1)
        #expect(workers.statistics.idle == 0)
    }

    @Test func anAuthenticationThatNeverRunsIsReleased() async throws {
        let mechanism = WatchedMechanism([.respond([1])])
        _ = try await authenticator().prepare(credential(mechanism), serverHost: "a", by: never)
        await mechanism.life.released()
    }

    /// A later command can carry it.
    @Test func theFirstCommandCanBeSeen() async throws {
        let prepared = try await authenticator().prepare(
            credential(WatchedMechanism([.respond([1, 2])])), serverHost: "a", by: never)
        #expect(
            try BSONDocument(decoding: prepared.firstCommand) == [
                "saslStart": 1, "mechanism": "EXTERNAL", "payload": .binary(BSONBinary(bytes: [1, 2])),
                "$db": "$external",
            ])
    }

    // MARK: - Failures

    struct FailureCase: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var steps: [WatchedMechanism.Step]
        var replies: [BSONDocument]
        var code: MongoAuthError.Code

        init(
            _ what: String, _ steps: [WatchedMechanism.Step], _ replies: [BSONDocument], _ code: MongoAuthError.Code
        ) {
            testDescription = what
            self.steps = steps
            self.replies = replies
            self.code = code
        }
    }

    private static let failureCases = [
        FailureCase("the first step", [.fail(.malformedChallenge)], [], .sasl),
        FailureCase("a later step", [.respond([1]), .fail(.malformedChallenge)], [reply()], .sasl),
        FailureCase("a refusal", [.respond([1])], [refusal], .refused),
        FailureCase("a reply without fields", [.respond([1])], [["ok": 1]], .malformedReply),
        FailureCase(
            "another conversation", [.respond([1]), .respond([2])], [reply(), reply(id: 2)], .conversationMismatch),
        FailureCase("success too early", [.respond([1]), .respond([2])], [reply(done: true)], .serverNotProven),
        FailureCase(
            "no end", Array(repeating: .respond([1]), count: 11), Array(repeating: reply(), count: 10), .tooManySteps),
    ]

    /// Each comes at another place; the exchange is gone from its thread when the caller hears of it.
    @Test(arguments: failureCases)
    func afterAFailureTheExchangeIsReleased(_ failing: FailureCase) async throws {
        let mechanism = WatchedMechanism(failing.steps)
        let error = await failure(mechanism, failing.replies)
        #expect(error?.code == failing.code, "\(failing): \(String(describing: error))")
        #expect(mechanism.life.isReleased)
    }

    @Test func aBrokenConnectionComesThroughAndReleases() async throws {
        let mechanism = WatchedMechanism([.respond([1])])
        await #expect(throws: BrokenConnection.self) {
            try await authenticator().authenticate(
                credential(mechanism), serverHost: "a", over: ScriptedRunner(failure: BrokenConnection()), by: never)
        }
        #expect(mechanism.life.isReleased)
    }

    @Test(arguments: [
        (SaslError.Code.serverNotProven, MongoAuthError.Code.serverNotProven),
        (.mechanismUnavailable, .mechanismUnavailable), (.refused, .refused), (.invalidConfiguration, .sasl),
        (.malformedChallenge, .sasl), (.unexpectedChallenge, .sasl), (.missingChallenge, .sasl), (.tooLarge, .sasl),
        (.securityLayer, .sasl), (.mechanismFailure, .sasl), (.incomplete, .sasl), (.poisoned, .sasl),
    ])
    func whatASaslErrorBecomes(code: SaslError.Code, expected: MongoAuthError.Code) async {
        for steps in [[WatchedMechanism.Step.fail(code)], [.respond([1]), .fail(code)]] {
            let error = await failure(WatchedMechanism(steps), [Self.reply()])
            #expect(error?.code == expected && error?.message == WatchedMechanism.complaint)
            #expect((error?.underlying as? SaslError)?.code == code)
        }
        let unmade = await failure(WatchedMechanism([], makeFailure: code))
        #expect(unmade?.code == expected && (unmade?.underlying as? SaslError)?.code == code)
    }

    @Test func withoutAFreeThreadThereIsNoWorker() async throws {
        let few = BlockingWorkers(limits: .init(maximumThreads: 1, maximumWaiting: 0))
        let door = Door()
        defer { door.open() }
        let holder = WatchedMechanism([.block(door)])
        let held = Task {
            _ = try await authenticator(workers: few).prepare(credential(holder), serverHost: "a", by: never)
        }
        await door.reached()
        let error = await failure(WatchedMechanism([.respond([1])]), workers: few)
        #expect(error?.code == .noWorker && (error?.underlying as? BlockingWorkError)?.code == .exhausted)
        door.open()
        try await held.value
    }

    // MARK: - Deadline and cancellation

    /// Where the step that blocks comes.
    enum Place: CaseIterable { case first, later }

    private func blocking(_ place: Place, _ door: Door) -> WatchedMechanism {
        WatchedMechanism(place == .first ? [.block(door)] : [.respond([1]), .block(door)])
    }

    /// The caller is back while the step still blocks, and the release comes when the step returns.
    private func expectReleaseAfter(_ door: Door, _ mechanism: WatchedMechanism) async {
        #expect(!mechanism.life.isReleased)
        door.open()
        await mechanism.life.released()
    }

    @Test(arguments: Place.allCases)
    func aDeadlineEndsAStepThatBlocks(_ place: Place) async throws {
        // A deadline that passes before the step is reached proves nothing: then a later one is tried.
        for milliseconds in [50, 500, 5000] {
            let door = Door()
            defer { door.open() }
            let mechanism = blocking(place, door)
            var deadline = ContinuousClock.now + .milliseconds(milliseconds)
            let error = await #expect(throws: MongoAuthError.self) {
                if place == .first {
                    _ = try await authenticator().prepare(credential(mechanism), serverHost: "a", by: deadline)
                } else {
                    let prepared = try await authenticator().prepare(
                        credential(mechanism), serverHost: "a", by: never)
                    deadline = ContinuousClock.now + .milliseconds(milliseconds)
                    try await prepared.run(over: ScriptedRunner([Self.reply()]), by: deadline)
                }
            }
            #expect(error?.code == .deadlineExceeded)
            #expect((error?.underlying as? BlockingWorkError)?.code == .deadlineExceeded)
            #expect(ContinuousClock.now >= deadline)
            guard door.isReached else { continue }
            await expectReleaseAfter(door, mechanism)
            return
        }
        Issue.record("no step was reached within 5 s")
    }

    @Test func stepsThatBlockStopNobodyElse() async throws {
        // More than the cooperative pool has threads: were they on it, nothing here would go on.
        let count = max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1) + 2
        let many = BlockingWorkers(limits: .init(maximumThreads: count + 1))
        let door = Door()
        defer { door.open() }
        let mechanisms = (0..<count).map { _ in WatchedMechanism([.respond([1]), .block(door)]) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for mechanism in mechanisms {
                group.addTask {
                    try await authenticator(workers: many).authenticate(
                        credential(mechanism), serverHost: "a", over: ScriptedRunner([Self.reply(done: true)]),
                        by: never)
                }
            }
            await door.reached(by: count)
            let free = WatchedMechanism([.respond([1]), .done])
            try await authenticator(workers: many).authenticate(
                credential(free), serverHost: "a", over: ScriptedRunner([Self.reply(done: true)]), by: never)
            #expect(free.life.isReleased)
            door.open()
            try await group.waitForAll()
        }
        for mechanism in mechanisms { #expect(mechanism.life.isReleased) }
    }

    @Test(arguments: Place.allCases)
    func aCancellationEndsAStepThatBlocks(_ place: Place) async throws {
        let door = Door()
        defer { door.open() }
        let mechanism = blocking(place, door)
        let task = Task {
            try await authenticator().authenticate(
                credential(mechanism), serverHost: "a", over: ScriptedRunner([Self.reply()]), by: never)
        }
        await door.reached()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        await expectReleaseAfter(door, mechanism)
    }

    @Test func aCancellationBetweenStepsReleases() async throws {
        let mechanism = WatchedMechanism([.respond([1]), .done])
        let runner = StalledRunner()
        let task = Task {
            try await authenticator().authenticate(
                credential(mechanism), serverHost: "a", over: runner, by: never)
        }
        await runner.reached()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(mechanism.life.events.map(\.what) == ["make", "step nil", "release"])
    }

    // MARK: - Credentials

    @Test func plain() async throws {
        let runner = ScriptedRunner([Self.reply([], done: true)])
        let credential = MongoCredential(username: "ann", method: .plain(password: Secret("pencil")))
        let details = try await authenticator().authenticate(credential, serverHost: "a", over: runner, by: never)
        #expect(details.mechanism == .plain)
        #expect(
            runner.commands == [
                [
                    "saslStart": 1, "mechanism": "PLAIN",
                    "payload": .binary(BSONBinary(bytes: Array("\0ann\0pencil".utf8))), "$db": "$external",
                ]
            ])
    }

    @Test(arguments: [ScramServerSide.Hash.sha1, .sha256])
    func scram(_ hash: ScramServerSide.Hash) async throws {
        let server = ScramServer(hash, username: "ann", password: "pencil")
        let credential = MongoCredential(
            username: "ann", method: .scram(hash == .sha1 ? .sha1 : .sha256, password: Secret("pencil")))
        let details = try await authenticator().authenticate(credential, serverHost: "a", over: server, by: never)
        #expect(details.mechanism.rawValue == hash.rawValue && server.hasSeenProof)
    }

    /// With a key at hand there is nothing to wait for, however many derive theirs.
    @Test func aKnownKeyWaitsForNoThread() async throws {
        let authenticator = authenticator()
        let credential = MongoCredential(username: "ann", method: .scram(.sha256, password: Secret("pencil")))
        func authenticate() async throws {
            let server = ScramServer(.sha256, username: "ann", password: "pencil")
            try await authenticator.authenticate(credential, serverHost: "a", over: server, by: never)
        }
        try await authenticate()
        let (derivations, release) = (authenticator.derivations, DispatchSemaphore(value: 0))
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    try await derivations.run(by: never, waitingFor: "a test") {
                        start.yield()
                        release.wait()
                    }
                }
            }
            var count = 0
            for await _ in started {
                count += 1
                if count == 8 { break }
            }
            try await authenticate()
            for _ in 0..<8 { release.signal() }
            try await group.waitForAll()
        }
    }

    @Test(arguments: [ScramServerSide.Hash.sha1, .sha256])
    func aScramServerThatDoesNotKnowThePassword(_ hash: ScramServerSide.Hash) async throws {
        let server = ScramServer(hash, username: "ann", password: "crayon", checksProof: false)
        let credential = MongoCredential(
            username: "ann", method: .scram(hash == .sha1 ? .sha1 : .sha256, password: Secret("pencil")))
        let error = await #expect(throws: MongoAuthError.self) {
            try await authenticator().authenticate(credential, serverHost: "a", over: server, by: never)
        }
        #expect(error?.code == .serverNotProven)
    }

    @Test(
        arguments: [
            (nil, "SCRAM-SHA-1"), (["SCRAM-SHA-1"], "SCRAM-SHA-1"), (["SCRAM-SHA-256"], "SCRAM-SHA-256"),
            (["SCRAM-SHA-1", "SCRAM-SHA-256"], "SCRAM-SHA-256"), (["SCRAM-SHA-256", "nonsense", ""], "SCRAM-SHA-256"),
        ] as [([String]?, String)])
    func theServersListChooses(offered: [String]?, expected: String) async throws {
        let credential = MongoCredential(username: "ann", method: .scram(nil, password: Secret("pencil")))
        let prepared = try await authenticator().prepare(
            credential, serverHost: "a", server: try await description(offered), by: never)
        #expect(prepared.mechanism.rawValue == expected && prepared.source == "admin")
    }

    @Test(arguments: [MongoCredential.ScramHash.sha1, .sha256])
    func aChosenHashOverrulesTheList(_ hash: MongoCredential.ScramHash) async throws {
        let credential = MongoCredential(username: "ann", method: .scram(hash, password: Secret("pencil")))
        let other = hash == .sha1 ? "SCRAM-SHA-256" : "SCRAM-SHA-1"
        let prepared = try await authenticator().prepare(
            credential, serverHost: "a", server: try await description([other]), by: never)
        #expect(prepared.mechanism == (hash == .sha1 ? .scramSHA1 : .scramSHA256))
    }

    /// As the authentication specification has it: what is no offer of SHA-256 leads to SHA-1.
    @Test(arguments: [nil, [], ["GSSAPI"], ["SCRAM-SHA-1"]] as [[String]?])
    func withoutSHA256InTheListItIsSHA1(_ offered: [String]?) async throws {
        let credential = MongoCredential(username: "ann", method: .scram(nil, password: Secret("pencil")))
        let prepared = try await authenticator().prepare(
            credential, serverHost: "a", server: try await description(offered), by: never)
        #expect(prepared.mechanism == .scramSHA1)
    }

    private func description(_ mechanisms: [String]?) async throws -> ServerDescription {
        var reply: BSONDocument = ["maxWireVersion": 21, "ok": 1]
        if let mechanisms { reply["saslSupportedMechs"] = .array(BSONArray(mechanisms.map { .string($0) })) }
        return try await Hello().run(over: ScriptedRunner([reply]), by: never)
    }

    // MARK: - The log

    @Test func theLogHoldsNoSecret() async throws {
        let log = LogLines()
        var logger = Logger(label: "test") { _ in log.handler }
        logger.logLevel = .trace
        let plain = MongoCredential(username: "ann", method: .plain(password: Secret("pencil")))
        try await authenticator(logger).authenticate(
            plain, serverHost: "a", over: ScriptedRunner([Self.reply([], done: true)]), by: never)
        let server = ScramServer(.sha256, username: "ann", password: "pencil")
        let scram = MongoCredential(username: "ann", method: .scram(.sha256, password: Secret("pencil")))
        try await authenticator(logger).authenticate(scram, serverHost: "a", over: server, by: never)
        let token: [UInt8] = [0xDE, 0xAD, 0xBE, 0xEF, 0xFE, 0xED]
        try await authenticator(logger).authenticate(
            credential(WatchedMechanism([.respond(token), .done])), serverHost: "a",
            over: ScriptedRunner([Self.reply(token, done: true)]), by: never)

        let text = log.text.lowercased()
        // Two for each command: PLAIN has one, SCRAM two or three, the last one again.
        #expect(
            log.text.split(separator: "\n").filter { $0.contains("sasl command") || $0.contains("sasl reply") }.count
                >= 8)
        // The length of what holds a password says something of it.
        #expect(text.contains("sasl.mechanism=plain sasl.length") == false && text.contains("sasl.length=secret"))
        let tokens = server.tokens + [Array("\0ann\0pencil".utf8), token]
        for token in tokens where !token.isEmpty {
            for form in Forms.of(token) { #expect(!text.contains(form.lowercased()), "\(form)") }
        }
        #expect(!text.contains("pencil"))
    }
}
