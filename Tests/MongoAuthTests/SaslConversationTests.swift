import SASL
import SaslBSON
import Testing

@testable import MongoAuth

/// The machine behind saslStart and saslContinue, with the exchange and the server both by script.
@Suite struct SaslConversationTests {
    private static let token: [UInt8] = [0x60, 0x82, 0x01]

    private static func binary(_ bytes: [UInt8]) -> BSONValue { .binary(BSONBinary(bytes: bytes)) }

    private static func reply(
        id: BSONValue = 1, done: BSONValue = false, payload: BSONValue = binary([7]), ok: BSONValue = 1
    ) -> BSONDocument {
        ["conversationId": id, "done": done, "payload": payload, "ok": ok]
    }

    /// A conversation that waits for the reply to its saslStart.
    private static func started() throws -> SaslConversation {
        var conversation = SaslConversation(mechanism: .gssapi, source: "$external")
        _ = try conversation.begin()
        _ = try conversation.stepped(.respond(token), isComplete: false)
        return conversation
    }

    private func challenge(
        _ action: SaslConversation.Action, sourceLocation: SourceLocation = #_sourceLocation
    ) -> [UInt8]? {
        guard case .step(let challenge) = action else {
            Issue.record("not a step: \(action)", sourceLocation: sourceLocation)
            return nil
        }
        return challenge
    }

    private func command(
        _ action: SaslConversation.Action, sourceLocation: SourceLocation = #_sourceLocation
    ) -> BSONDocument {
        guard case .run(let bytes) = action, let command = try? BSONDocument(decoding: bytes) else {
            Issue.record("not a command: \(action)", sourceLocation: sourceLocation)
            return [:]
        }
        return command
    }

    private func hasSucceeded(_ action: SaslConversation.Action) -> Bool {
        if case .succeeded = action { true } else { false }
    }

    /// A conversation that has failed stays over.
    private func expectOver(
        _ conversation: SaslConversation, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var copies = [conversation, conversation, conversation]
        let errors = [
            #expect(throws: MongoAuthError.self, sourceLocation: sourceLocation) { try copies[0].begin() },
            #expect(throws: MongoAuthError.self, sourceLocation: sourceLocation) {
                try copies[1].stepped(.done, isComplete: true)
            },
            #expect(throws: MongoAuthError.self, sourceLocation: sourceLocation) {
                try copies[2].replied(Self.reply(done: true))
            },
        ]
        for error in errors { #expect(error?.code == .sasl, sourceLocation: sourceLocation) }
    }

    // MARK: - The whole way

    @Test func theCommandsOfGSSAPI() throws {
        var conversation = SaslConversation(mechanism: .gssapi, source: "$external")
        #expect(challenge(try conversation.begin()) == nil)
        #expect(
            command(try conversation.stepped(.respond(Self.token), isComplete: false)) == [
                "saslStart": 1, "mechanism": "GSSAPI", "payload": Self.binary(Self.token), "$db": "$external",
            ])
        #expect(challenge(try conversation.replied(Self.reply(payload: Self.binary([5, 4])))) == [5, 4])
        // Empty, and there all the same.
        #expect(
            command(try conversation.stepped(.respond([]), isComplete: false)) == [
                "saslContinue": 1, "conversationId": 1, "payload": Self.binary([]), "$db": "$external",
            ])
        #expect(challenge(try conversation.replied(Self.reply(payload: Self.binary([1, 0, 0, 0])))) == [1, 0, 0, 0])
        #expect(
            command(try conversation.stepped(.respond([9]), isComplete: true)) == [
                "saslContinue": 1, "conversationId": 1, "payload": Self.binary([9]), "$db": "$external",
            ])
        #expect(challenge(try conversation.replied(Self.reply(done: true, payload: Self.binary([])))) == [])
        #expect(hasSucceeded(try conversation.stepped(.done, isComplete: true)))
        expectOver(conversation)
    }

    @Test func mechanismAndSourceAreTheCallers() throws {
        var conversation = SaslConversation(mechanism: .scramSHA256, source: "records")
        _ = try conversation.begin()
        let start = command(try conversation.stepped(.respond([1]), isComplete: false))
        #expect(start["mechanism"] == "SCRAM-SHA-256")
        #expect(start["$db"] == "records")
        _ = try conversation.replied(Self.reply())
        #expect(command(try conversation.stepped(.respond([2]), isComplete: false))["$db"] == "records")
    }

    /// The value goes back as it came, whatever its type and number.
    @Test(arguments: [.int32(1), .int64(1), .double(1), 0, -7, .int64(1 << 40)] as [BSONValue])
    func theConversationsIdIsEchoed(_ id: BSONValue) throws {
        var conversation = try Self.started()
        _ = try conversation.replied(Self.reply(id: id))
        #expect(command(try conversation.stepped(.respond([1]), isComplete: false))["conversationId"] == id)
        _ = try conversation.replied(Self.reply(id: id))
        #expect(command(try conversation.stepped(.respond([1]), isComplete: false))["conversationId"] == id)
    }

    /// A real exchange that needs nothing of the server.
    @Test func plainInOneRound() throws {
        let exchange = try PlainMechanism(username: "ann", password: Secret("pw")).makeExchange()
        var conversation = SaslConversation(mechanism: .plain, source: "$external")
        let first = try exchange.step(challenge(try conversation.begin()))
        let start = command(try conversation.stepped(first, isComplete: exchange.isComplete))
        #expect(start["payload"]?.binaryValue?.bytes == Array("\0ann\0pw".utf8))
        let last = try exchange.step(
            challenge(try conversation.replied(Self.reply(done: true, payload: Self.binary([])))))
        #expect(hasSucceeded(try conversation.stepped(last, isComplete: exchange.isComplete)))
    }

    /// The server wants another round although the exchange has everything: it gets an empty payload.
    @Test func aServerThatIsNotDoneYetGetsAnotherTurn() throws {
        var conversation = try Self.started()
        _ = try conversation.replied(Self.reply())
        #expect(command(try conversation.stepped(.done, isComplete: true))["payload"] == Self.binary([]))
        _ = try conversation.replied(Self.reply(done: true))
        #expect(hasSucceeded(try conversation.stepped(.done, isComplete: true)))
    }

    // MARK: - The server's claim alone

    struct EarlyEnd: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// How many replies come before the one that says done.
        var repliesBefore: Int
        var payload: [UInt8]
        /// What the exchange makes of it. With nothing to read it is not asked.
        var step: SaslStep?
        var isComplete = false
    }

    private static let earlyEnds: [EarlyEnd] = [
        EarlyEnd(
            testDescription: "done at once, without a token", repliesBefore: 0, payload: []),
        EarlyEnd(testDescription: "done at once, with a token", repliesBefore: 0, payload: [5], step: .respond([])),
        EarlyEnd(
            testDescription: "done before the layer step", repliesBefore: 1, payload: [1, 0, 0, 0], step: .respond([9])),
        EarlyEnd(
            testDescription: "done while the last response is not sent", repliesBefore: 1, payload: [1, 0, 0, 0],
            step: .respond([9]), isComplete: true),
        EarlyEnd(
            testDescription: "nothing to send, and no proof", repliesBefore: 2, payload: [1], step: .done),
        EarlyEnd(testDescription: "done instead of the last token", repliesBefore: 2, payload: []),
    ]

    @Test(arguments: earlyEnds)
    func aServerThatIsDoneTooEarlyIsNotBelieved(_ end: EarlyEnd) throws {
        var conversation = try Self.started()
        for _ in 0..<end.repliesBefore {
            _ = try conversation.replied(Self.reply())
            _ = try conversation.stepped(.respond([1]), isComplete: false)
        }
        let reply = Self.reply(done: true, payload: Self.binary(end.payload))
        let error: MongoAuthError?
        if let step = end.step {
            #expect(challenge(try conversation.replied(reply)) == end.payload)
            error = #expect(throws: MongoAuthError.self) { try conversation.stepped(step, isComplete: end.isComplete) }
        } else {
            error = #expect(throws: MongoAuthError.self) { try conversation.replied(reply) }
        }
        #expect(error?.code == .serverNotProven)
        expectOver(conversation)
    }

    @Test func aServerThatIsNeverDone() throws {
        #expect(SaslConversation.maximumSteps == 10)
        var conversation = SaslConversation(mechanism: .gssapi, source: "$external")
        _ = try conversation.begin()
        for number in 1...10 {
            let sent = command(try conversation.stepped(.respond([1]), isComplete: false))
            #expect(sent.keys.first == (number == 1 ? "saslStart" : "saslContinue"))
            _ = try conversation.replied(Self.reply())
        }
        let error = #expect(throws: MongoAuthError.self) { try conversation.stepped(.respond([1]), isComplete: false) }
        #expect(error?.code == .tooManySteps)
        expectOver(conversation)
    }

    /// The tenth reply may be the last one.
    @Test func tenStepsAreEnough() throws {
        var conversation = try Self.started()
        for _ in 2...10 {
            _ = try conversation.replied(Self.reply())
            _ = try conversation.stepped(.respond([1]), isComplete: true)
        }
        _ = try conversation.replied(Self.reply(done: true))
        #expect(hasSucceeded(try conversation.stepped(.done, isComplete: true)))
    }

    // MARK: - Malformed replies

    @Test(arguments: [.int32(2), .int64(0), .double(-1), .int64((1 << 32) + 1)] as [BSONValue])
    func anotherConversationsReplyIsRefused(_ id: BSONValue) throws {
        var conversation = try Self.started()
        _ = try conversation.replied(Self.reply(id: 1))
        _ = try conversation.stepped(.respond([1]), isComplete: true)
        let error = #expect(throws: MongoAuthError.self) { try conversation.replied(Self.reply(id: id, done: true)) }
        #expect(error?.code == .conversationMismatch)
        expectOver(conversation)
    }

    /// A server may answer in another numeric type than before.
    @Test func theSameNumberInAnotherTypeIsTheSameConversation() throws {
        var conversation = try Self.started()
        _ = try conversation.replied(Self.reply(id: .int32(1)))
        _ = try conversation.stepped(.respond([1]), isComplete: true)
        #expect(challenge(try conversation.replied(Self.reply(id: .double(1), done: true))) == [7])
    }

    struct Malformed: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var reply: BSONDocument
        var says: String
    }

    private static let malformed: [Malformed] = [
        Malformed(
            testDescription: "no conversationId", reply: ["done": false, "payload": binary([]), "ok": 1],
            says: "conversationId of the server's reply is missing"),
        Malformed(testDescription: "conversationId as text", reply: reply(id: "1"), says: "is not an integer"),
        Malformed(testDescription: "conversationId with a fraction", reply: reply(id: 1.5), says: "is not an integer"),
        Malformed(testDescription: "conversationId null", reply: reply(id: nil), says: "is not an integer"),
        Malformed(
            testDescription: "no done", reply: ["conversationId": 1, "payload": binary([]), "ok": 1],
            says: "done of the server's reply is missing"),
        Malformed(
            testDescription: "done as a number", reply: reply(done: 1), says: "done of the server's reply is not a"),
        Malformed(
            testDescription: "done as text", reply: reply(done: "true"), says: "done of the server's reply is not a"),
        Malformed(
            testDescription: "no payload", reply: ["conversationId": 1, "done": false, "ok": 1],
            says: "payload of the server's reply is missing"),
        Malformed(
            testDescription: "payload null", reply: reply(payload: nil), says: "payload of the server's reply is not"),
        Malformed(
            testDescription: "payload a number", reply: reply(payload: 1), says: "is not binary data or a base64"),
        Malformed(testDescription: "payload a document", reply: reply(payload: [:]), says: "is not binary data"),
        Malformed(
            testDescription: "payload an array of bytes", reply: reply(payload: [1, 2]), says: "is not binary data"),
        Malformed(
            testDescription: "payload of subtype 2",
            reply: reply(payload: .binary(BSONBinary(subtype: 2, bytes: [1]))), says: "is not binary data"),
        Malformed(
            testDescription: "payload of a subtype of the user's own",
            reply: reply(payload: .binary(BSONBinary(subtype: 0x80, bytes: [1]))), says: "is not binary data"),
        Malformed(
            testDescription: "ok missing", reply: ["conversationId": 1, "done": true, "payload": binary([])], says: "ok"
        ),
        Malformed(testDescription: "ok as text", reply: reply(ok: "1"), says: "ok"),
        Malformed(testDescription: "ok neither 0 nor 1", reply: reply(ok: 2), says: "ok"),
        Malformed(testDescription: "nothing at all", reply: [:], says: "ok"),
    ]

    @Test(arguments: malformed)
    func aMalformedReplyIsRefused(_ malformed: Malformed) throws {
        var conversation = try Self.started()
        let error = #expect(throws: MongoAuthError.self) { try conversation.replied(malformed.reply) }
        #expect(error?.code == .malformedReply)
        #expect(error?.message.contains(malformed.says) == true, "\(error?.message ?? "")")
        expectOver(conversation)
    }

    /// Servers answer so where a client sends strings; some always do.
    @Test(
        arguments: [("", []), ("AA==", [0]), ("AQAAAA==", [1, 0, 0, 0]), ("/+8=", [0xff, 0xef])] as [(String, [UInt8])])
    func aPayloadMayBeBase64(text: String, bytes: [UInt8]) throws {
        var conversation = try Self.started()
        #expect(challenge(try conversation.replied(Self.reply(payload: .string(text)))) == bytes)
    }

    @Test(arguments: ["A", "AA", "AAA", "AA=", "AB==", "A===", "====", "AA==AA==", "AAA\n", " AAA", "_-8=", "ÄÄ"])
    func badBase64IsRefused(_ text: String) throws {
        var conversation = try Self.started()
        let error = #expect(throws: MongoAuthError.self) {
            try conversation.replied(Self.reply(payload: .string(text)))
        }
        #expect(error?.code == .malformedReply)
        #expect(error?.message.contains(text) == false)
    }

    // MARK: - ok

    @Test(arguments: [.int32(1), .int64(1), .double(1), .bool(true)] as [BSONValue])
    func okInEveryType(_ ok: BSONValue) throws {
        var conversation = try Self.started()
        #expect(challenge(try conversation.replied(Self.reply(ok: ok))) == [7])
    }

    @Test(arguments: [.int32(0), .int64(0), .double(0), .bool(false)] as [BSONValue])
    func notOkInEveryType(_ ok: BSONValue) throws {
        var conversation = try Self.started()
        // Whatever else the reply says.
        let error = #expect(throws: MongoAuthError.self) { try conversation.replied(Self.reply(done: true, ok: ok)) }
        #expect(error?.code == .refused)
        expectOver(conversation)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var reply: BSONDocument
        var code: MongoAuthError.Code
    }

    private static let refusals: [Refusal] = [
        Refusal(
            testDescription: "18",
            reply: ["ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed"],
            code: .refused),
        Refusal(
            testDescription: "334",
            reply: ["ok": 0.0, "errmsg": "not enabled", "code": 334, "codeName": "MechanismUnavailable"],
            code: .mechanismUnavailable),
        Refusal(
            testDescription: "301 of Amazon DocumentDB",
            reply: ["ok": 0, "errmsg": "Unsupported mechanism [ -301 ]", "code": 301], code: .mechanismUnavailable),
        Refusal(
            testDescription: "2 of an older server",
            reply: ["ok": 0.0, "errmsg": "Unsupported mechanism GSSAPI", "code": 2, "codeName": "BadValue"],
            code: .mechanismUnavailable),
        Refusal(
            testDescription: "2 for another reason", reply: ["ok": 0, "errmsg": "bad payload", "code": 2],
            code: .refused),
        Refusal(
            testDescription: "that text with another code",
            reply: ["ok": 0, "errmsg": "Unsupported mechanism GSSAPI", "code": 18], code: .refused),
        Refusal(testDescription: "11", reply: ["ok": 0, "errmsg": "UserNotFound", "code": 11], code: .refused),
        Refusal(testDescription: "17", reply: ["ok": 0, "errmsg": "no session", "code": 17], code: .refused),
        Refusal(testDescription: "no code", reply: ["ok": 0], code: .refused),
    ]

    @Test(arguments: refusals)
    func theServersRefusalIsKept(_ refusal: Refusal) throws {
        var conversation = try Self.started()
        let error = #expect(throws: MongoAuthError.self) { try conversation.replied(refusal.reply) }
        #expect(error?.code == refusal.code)
        #expect(error?.underlying as? CommandFailure == (try CommandReply(refusal.reply, to: "a test").failure))
        if let text = refusal.reply["errmsg"]?.stringValue { #expect(error?.message.contains(text) == true) }
        if refusal.code == .mechanismUnavailable { #expect(error?.message.contains("GSSAPI") == true) }
        expectOver(conversation)
    }

    // MARK: - Misuse

    @Test func callsOutOfOrderAreErrors() throws {
        let fresh = SaslConversation(mechanism: .gssapi, source: "$external")
        var notBegun = fresh
        #expect(throws: MongoAuthError.self) { try notBegun.stepped(.done, isComplete: true) }
        #expect(throws: MongoAuthError.self) { try notBegun.replied(Self.reply(done: true)) }
        var begun = fresh
        _ = try begun.begin()
        #expect(throws: MongoAuthError.self) { try begun.begin() }
        #expect(throws: MongoAuthError.self) { try begun.replied(Self.reply(done: true)) }
        var waiting = try Self.started()
        #expect(throws: MongoAuthError.self) { try waiting.begin() }
        #expect(throws: MongoAuthError.self) { try waiting.stepped(.done, isComplete: true) }
        // None of these calls has counted.
        #expect(challenge(try waiting.replied(Self.reply())) == [7])
    }
}
