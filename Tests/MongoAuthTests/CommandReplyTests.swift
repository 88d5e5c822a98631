import SaslBSON
import Testing

@testable import MongoAuth

extension CommandReply {
    fileprivate init(of document: BSONDocument) throws(MongoAuthError) {
        try self.init(document, to: "a test")
    }
}

@Suite struct CommandReplyTests {
    private static var readable: [(BSONValue, Bool)] {
        [
            (.int32(1), true), (.int64(1), true), (.double(1), true), (.bool(true), true), (.int32(0), false),
            (.int64(0), false), (.double(0), false), (.double(-0.0), false), (.bool(false), false),
        ]
    }

    @Test(arguments: readable)
    func readsOkOfEveryNumericType(value: BSONValue, isOK: Bool) throws {
        let reply = try CommandReply(of: ["a": 1, "ok": value])
        #expect(reply.isOK == isOK)
        #expect((reply.failure == nil) == isOK)
        if isOK {
            #expect(try reply.get() == reply.document)
        } else {
            #expect(throws: CommandFailure.self) { try reply.get() }
        }
    }

    private static var malformed: [BSONDocument] {
        [
            [:], ["OK": 1], ["ok": nil], ["ok": "1"], ["ok": 2], ["ok": -1], ["ok": 0.5], ["ok": .double(.nan)],
            ["ok": .double(.infinity)], ["ok": [1]], ["ok": ["ok": 1]], ["ok": 1, "ok": 0], ["ok": 1, "ok": 1],
            ["ok": .decimal128(BSONDecimal128(high: 0x3040_0000_0000_0000, low: 1))],
            ["ok": .binary(BSONBinary(bytes: [1]))],
            ["ok": .int64(1 << 32 + 1)], ["ok": .maxKey],
        ]
    }

    @Test(arguments: malformed)
    func refusesAnyOther(_ document: BSONDocument) {
        let error = #expect(throws: MongoAuthError.self) { try CommandReply(of: document) }
        #expect(error?.code == .malformedReply)
    }

    @Test(arguments: [[], [5, 0, 0, 0], [5, 0, 0, 0, 1], [5, 0, 0, 0, 0, 0], [255, 255, 255, 127, 0]] as [[UInt8]])
    func refusesBytesThatAreNotOneDocument(_ bytes: [UInt8]) {
        let error = #expect(throws: MongoAuthError.self) { try CommandReply(bytes, to: "a test") }
        #expect(error?.code == .malformedReply)
    }

    @Test func readsTheFailure() throws {
        let failure = try CommandReply(of: [
            "ok": 0.0, "errmsg": "Authentication failed.", "code": 18, "codeName": "AuthenticationFailed",
        ]).failure
        #expect(failure?.code == .authenticationFailed)
        #expect(failure?.codeName == "AuthenticationFailed")
        #expect(failure?.message == "Authentication failed.")
        #expect(failure?.description == "Authentication failed. (AuthenticationFailed, code 18)")
    }

    private static var codes: [(BSONValue, CommandFailure.Code?)] {
        [
            (.int32(2), .badValue), (.int64(11), .userNotFound), (.double(13), .unauthorized), (17, .protocolError),
            (18, .authenticationFailed), (59, .commandNotFound), (334, .mechanismUnavailable),
            (-5, .init(rawValue: -5)),
            (.double(1.5), nil), (.double(.nan), nil), ("18", nil), (nil, nil),
        ]
    }

    @Test(arguments: codes)
    func readsTheCode(value: BSONValue, code: CommandFailure.Code?) throws {
        #expect(try CommandReply(of: ["ok": 0, "code": value]).failure?.code == code)
    }

    @Test func anythingButOkMayBeMissingOrOfAnotherType() throws {
        #expect(try CommandReply(of: ["ok": 0]).failure == CommandFailure(code: nil))
        #expect(try CommandReply(of: ["ok": 0, "errmsg": 1, "codeName": ["x"]]).failure == CommandFailure(code: nil))
        #expect(CommandFailure(code: nil).description == "The server refused the command without a message.")
        #expect(CommandFailure(code: .unauthorized, message: "no").description == "no (code 13)")
    }

    @Test(arguments: ["x", "é", "\u{1F511}", "\u{0}", "\u{1B}"])
    func cutsLongTexts(unit: String) throws {
        let long = String(repeating: unit, count: 100_000)
        let failure = try #require(
            try CommandReply(of: ["ok": 0, "errmsg": .string(long), "codeName": .string(long)]).failure)
        #expect(failure.message.utf8.count <= CommandFailure.maximumMessageLength + "…".utf8.count)
        #expect(failure.message.utf8.count > CommandFailure.maximumMessageLength - 16)
        #expect(failure.message.hasSuffix("…"))
        #expect(failure.codeName.map { $0.utf8.count <= CommandFailure.maximumCodeNameLength + 3 } == true)
    }

    @Test func escapesControlCharacters() {
        let failure = CommandFailure(
            code: nil, codeName: "A\u{7}", message: "a\u{1B}[31mb\nc\r\td\u{9B}e\u{202E}f\u{2028}g\u{200B}h \"é\\")
        #expect(
            failure.message
                == "a\\u{1B}[31mb\\nc\\r\\td\\u{9B}e\\u{202E}f\\u{2028}g\\u{200B}h \"é\\")
        #expect(failure.codeName == "A\\u{7}")
        #expect(
            failure.description.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
    }

    @Test func aTextOfExactlyTheLimitIsWhole() {
        let text = String(repeating: "x", count: CommandFailure.maximumMessageLength)
        #expect(CommandFailure(code: nil, message: text).message == text)
        #expect(CommandFailure(code: nil, message: text + "x").message == text + "…")
    }
}
