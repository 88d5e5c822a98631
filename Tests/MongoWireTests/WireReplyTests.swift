import NIOCore
import SaslBSON
import SaslWire
import Testing

/// Replies whose bodies stay bytes.
@Suite struct WireReplyTests {
    private static func message(_ message: WireMessage) throws -> ByteBuffer {
        try message.encoded(requestID: 4711, responseTo: 42)
    }

    /// The same bytes as a frame that is decoded all the way, whatever comes with the body.
    @Test(arguments: Fixture.load("valid.txt"))
    func cutsTheBodyOutOfWhatIsAReply(_ fixture: Fixture) throws {
        let frame = try WireFrame(decoding: fixture.buffer)
        switch frame.message {
        case .message(let message) where !message.flags.contains(.moreToCome):
            let reply = try WireReply(decoding: fixture.buffer)
            #expect(reply.responseTo == frame.header.responseTo)
            #expect(try BSONDocument(decoding: reply.body) == message.body)
        case .reply(let content) where content.documents.count == 1:
            let reply = try WireReply(decoding: fixture.buffer)
            #expect(reply.responseTo == frame.header.responseTo)
            #expect(try BSONDocument(decoding: reply.body) == content.documents[0])
        default:
            let error = #expect(throws: WireError.self) { try WireReply(decoding: fixture.buffer) }
            #expect(error?.code == .malformedReply)
        }
    }

    /// What holds no document is refused as before; what a body holds is for its receiver to refuse.
    @Test(arguments: Fixture.load("malformed.txt"))
    func refusesMalformedMessages(_ fixture: Fixture) throws {
        let buffer = try fixture.buffer
        do throws(WireError) {
            let reply = try WireReply(decoding: buffer)
            #expect(fixture.fields[1] == "malformed-document")
            #expect(throws: BSONError.self) { try BSONDocument(decoding: reply.body) }
        } catch {
            #expect(error.code.description == fixture.fields[1] || error.code == .malformedReply)
        }
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func refusesEveryTruncation(_ fixture: Fixture) throws {
        let buffer = try fixture.buffer
        for count in 0..<buffer.readableBytes {
            let part = try #require(buffer.getSlice(at: 0, length: count))
            let error = #expect(throws: WireError.self) { try WireReply(decoding: part) }
            #expect(error?.code == .truncated)
        }
    }

    @Test(arguments: [
        (WireMessage.message(WireOpMessage(body: [:], flags: .moreToCome)), "further replies"),
        (.reply(WireOpReply(documents: [])), "0 documents"),
        (.reply(WireOpReply(documents: [[:], [:]])), "2 documents"),
        (.query(WireOpQuery(query: ["ping": 1])), "a query"),
    ])
    func refusesWhatIsNoReply(message: WireMessage, says: String) throws {
        let buffer = try Self.message(message)
        let error = #expect(throws: WireError.self) { try WireReply(decoding: buffer) }
        #expect(error?.code == .malformedReply)
        #expect(error?.message.contains(says) == true, "\(error?.message ?? "")")
    }

    @Test func aBodyHasALimit() throws {
        let buffer = try Self.message(.message(WireOpMessage(body: ["a": "0123456789"])))
        let length = buffer.readableBytes - 21
        for (limit, isAccepted) in [(length, true), (length - 1, false)] {
            let limits = WireLimits(documents: BSONLimits(maximumDocumentLength: limit))
            #expect(((try? WireReply(decoding: buffer, limits: limits)) != nil) == isAccepted)
        }
    }

    @Test func aDamagedMessageIsRefused() throws {
        var buffer = try Self.message(.message(WireOpMessage(body: ["ok": 1], flags: .checksumPresent)))
        #expect(try WireReply(decoding: buffer).responseTo == 42)
        buffer.setInteger(UInt8(ascii: "x"), at: 26)
        let error = #expect(throws: WireError.self) { try WireReply(decoding: buffer) }
        #expect(error?.code == .checksumMismatch)
    }

    @Test func aStreamGivesOneAfterAnother() throws {
        var stream = ByteBuffer()
        for id in 1...3 {
            try WireMessage.message(WireOpMessage(body: ["n": .int32(Int32(id))]))
                .encode(into: &stream, requestID: 0, responseTo: Int32(id))
        }
        let all = Array(stream.readableBytesView)
        for piece in [1, 7, all.count] {
            var decoder = WireReplyDecoder { .default }
            var (buffer, ids) = (ByteBuffer(), [Int32]())
            for start in stride(from: 0, to: all.count, by: piece) {
                buffer.writeBytes(all[start..<min(start + piece, all.count)])
                while let reply = try decoder.decode(buffer: &buffer) { ids.append(reply.responseTo) }
            }
            #expect(ids == [1, 2, 3])
            #expect(try decoder.decodeLast(buffer: &buffer, seenEOF: true) == nil)
        }
    }

    // MARK: - Commands

    @Test func aCommandIsWrittenAsItIs() throws {
        let command: BSONDocument = ["ping": 1, "$db": "admin"]
        var buffer = ByteBuffer()
        try WireOpMessage.encode(body: command.encoded(), into: &buffer)
        try WireOpMessage.encode(body: command.encoded(), into: &buffer)
        let message = try WireMessage.message(WireOpMessage(body: command)).encoded(requestID: 0)
        #expect(buffer.readSlice(length: message.readableBytes) == message)
        #expect(buffer == message)
    }

    @Test(
        arguments: [
            [], [5, 0, 0, 0], [5, 0, 0, 0, 1], [6, 0, 0, 0, 0], [4, 0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 0],
        ]
            as [[UInt8]])
    func aCommandMustBeAsLongAsItSays(bytes: [UInt8]) {
        var buffer = ByteBuffer()
        let error = #expect(throws: WireError.self) { try WireOpMessage.encode(body: bytes, into: &buffer) }
        #expect(error?.code == .malformedDocument)
        #expect(buffer.readableBytes == 0)
    }

    @Test func aCommandHasALimit() throws {
        let body = try (["a": 1] as BSONDocument).encoded()
        var buffer = ByteBuffer()
        try WireOpMessage.encode(body: body, into: &buffer, limits: WireLimits(maximumMessageLength: 21 + body.count))
        let error = #expect(throws: WireError.self) {
            try WireOpMessage.encode(
                body: body, into: &buffer, limits: WireLimits(maximumMessageLength: 20 + body.count))
        }
        #expect(error?.code == .messageTooLarge)
    }
}
