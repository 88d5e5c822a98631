import NIOCore
import SaslBSON
import SaslWire
import Testing

@Suite struct WireFrameTests {
    private static func reencoded(_ frame: WireFrame) throws -> ByteBuffer {
        try frame.message.encoded(requestID: frame.header.requestID, responseTo: frame.header.responseTo)
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func reencodesToTheSameBytes(_ fixture: Fixture) throws {
        let buffer = try fixture.buffer
        let frame = try WireFrame(decoding: buffer)
        #expect(Int(frame.header.messageLength) == buffer.readableBytes)
        #expect(frame.header.opCode == frame.message.opCode)
        #expect(try Self.reencoded(frame) == buffer)
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func decodesFromTheMiddleOfABuffer(_ fixture: Fixture) throws {
        let message = try fixture.buffer
        var buffer = ByteBuffer(bytes: [1, 2, 3])
        buffer.writeImmutableBuffer(message)
        buffer.moveReaderIndex(forwardBy: 3)
        #expect(try WireFrame(decoding: buffer) == WireFrame(decoding: message))
    }

    @Test(arguments: Fixture.load("malformed.txt"))
    func refusesMalformedMessages(_ fixture: Fixture) throws {
        let buffer = try fixture.buffer
        let error = #expect(throws: WireError.self) { try WireFrame(decoding: buffer) }
        #expect(error?.code.description == fixture.fields[1])
        #expect(fixture.fields[2] == "-" || error?.offset == Int(fixture.fields[2]))
        #expect((error?.code == .malformedDocument) == (error?.underlying is BSONError))
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func refusesEveryTruncation(_ fixture: Fixture) throws {
        let buffer = try fixture.buffer
        for count in 0..<buffer.readableBytes {
            let part = try #require(buffer.getSlice(at: 0, length: count))
            let error = #expect(throws: WireError.self) { try WireFrame(decoding: part) }
            #expect(error?.code == .truncated)
            #expect(error?.offset == count)
        }
    }

    /// Cut short, with a header that says so: the fields themselves must be missed.
    @Test(arguments: Fixture.load("valid.txt"))
    func refusesOrRereadsEveryShorterMessage(_ fixture: Fixture) throws {
        let buffer = try fixture.buffer
        for count in MessageHeader.byteCount..<buffer.readableBytes {
            var part = try #require(buffer.getSlice(at: 0, length: count))
            part.setInteger(Int32(count), at: 0, endianness: .little)
            if let frame = try? WireFrame(decoding: part) {
                #expect(try Self.reencoded(frame) == part)
            } else {
                #expect(throws: WireError.self) { try WireFrame(decoding: part) }
            }
        }
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func survivesEveryMutation(_ fixture: Fixture) throws {
        let original = try fixture.buffer
        var refused = 0
        for position in 0..<original.readableBytes {
            let byte = try #require(original.getInteger(at: position, as: UInt8.self))
            for value in Set((0..<8).map { byte ^ 1 << $0 } + [0, 1, 2, 0x7F, 0x80, 0xFF]).subtracting([byte]) {
                var buffer = original
                buffer.setInteger(value, at: position)
                do throws(WireError) {
                    let frame = try WireFrame(decoding: buffer)
                    let again = try frame.message.encoded(
                        requestID: frame.header.requestID, responseTo: frame.header.responseTo)
                    #expect(again == buffer, "byte \(position) set to \(value)")
                } catch {
                    refused += 1
                    #expect(!error.message.isEmpty, "byte \(position) set to \(value)")
                }
            }
        }
        #expect(refused > 0)
    }

    @Test func refusesBytesAfterTheMessage() throws {
        var buffer = try WireMessage.message(WireOpMessage(body: [:])).encoded(requestID: 1)
        buffer.writeInteger(UInt8(0))
        let error = #expect(throws: WireError.self) { try WireFrame(decoding: buffer) }
        #expect(error?.code == .invalidLength)
    }

    /// A sender may put the body anywhere; we write it first.
    @Test func readsTheBodyAfterASequence() throws {
        var buffer = ByteBuffer()
        MessageHeader(messageLength: 38, requestID: 1, responseTo: 0, opCode: .message).encode(into: &buffer)
        buffer.writeBytes([0, 0, 0, 0])
        buffer.writeBytes([1, 11, 0, 0, 0, 0x61, 0, 5, 0, 0, 0, 0])
        buffer.writeBytes([0, 5, 0, 0, 0, 0])
        let frame = try WireFrame(decoding: buffer)
        #expect(
            frame.message == .message(WireOpMessage(body: [:], sequences: [.init(identifier: "a", documents: [[:]])])))
        let again = try Self.reencoded(frame)
        #expect(again.readableBytes == buffer.readableBytes)
        #expect(try WireFrame(decoding: again) == frame)
    }

    @Test func readsTheFields() throws {
        func frame(_ name: String) throws -> WireFrame {
            try WireFrame(decoding: #require(Fixture.load("valid.txt").first { $0.name == name }).buffer)
        }
        let hello = try frame("op-msg-hello")
        #expect(hello.header.requestID == 7)
        #expect(hello.header.responseTo == 0)
        guard case .message(let message) = hello.message else {
            Issue.record("not an OP_MSG")
            return
        }
        #expect(message.body["hello"] == 1)
        #expect(message.body["$db"] == "admin")
        #expect(message.flags == [])
        #expect(
            try frame("op-msg-checksum-and-sequence").message
                == .message(
                    WireOpMessage(
                        body: ["x": 1], sequences: [.init(identifier: "a", documents: [["b": 2]])],
                        flags: [.checksumPresent, .moreToCome])))
        #expect(
            try frame("op-query-is-master").message
                == .query(WireOpQuery(query: ["isMaster": 1, "helloOk": true])))
        #expect(
            try frame("op-query-selector").message
                == .query(
                    WireOpQuery(
                        fullCollectionName: "db.c", query: ["a": 1], flags: [], numberToSkip: 5, numberToReturn: 10,
                        returnFieldsSelector: ["_id": 0])))
        let reply = try frame("op-reply-many")
        #expect(reply.header.responseTo == 1)
        #expect(
            reply.message
                == .reply(WireOpReply(documents: [[:], ["a": 1], [:]], flags: [], cursorID: .max, startingFrom: 5)))
        #expect(
            try frame("op-reply-none").message == .reply(WireOpReply(documents: [], flags: .init(rawValue: 1))))
    }

    @Test func appliesTheLimitsOfDocuments() throws {
        let body = BSONDocument((0..<1000).map { (key: "\($0)", value: .null) })
        let buffer = try WireMessage.message(WireOpMessage(body: body)).encoded(requestID: 1)
        #expect(throws: Never.self) { try WireFrame(decoding: buffer, limits: .beforeAuthentication) }
        let limits = WireLimits(documents: BSONLimits(maximumElementCount: 999))
        let error = #expect(throws: WireError.self) { try WireFrame(decoding: buffer, limits: limits) }
        #expect((error?.underlying as? BSONError)?.code == .tooManyElements)
        #expect(WireLimits.beforeAuthentication.documents.maximumElementCount == 100_000)
    }

    /// The body and its elements are 2, the sequences 2, their documents 4, the elements of these 4.
    @Test func theDocumentsOfAMessageShareTheLimitOfElements() throws {
        let documents: [BSONDocument] = [["a": 1], ["b": 2]]
        let buffer = try WireMessage.message(
            WireOpMessage(
                body: ["x": 1],
                sequences: [
                    .init(identifier: "a", documents: documents), .init(identifier: "b", documents: documents),
                ])
        ).encoded(requestID: 1)
        func decode(_ maximum: Int) throws(WireError) -> WireFrame {
            try WireFrame(
                decoding: buffer, limits: WireLimits(documents: BSONLimits(maximumElementCount: maximum)))
        }
        #expect(try decode(12).header.requestID == 1)
        for maximum in 0..<12 {
            let error = #expect(throws: WireError.self) { try decode(maximum) }
            let underlying = error?.underlying as? BSONError
            #expect(error?.code == .malformedMessage || underlying?.code == .tooManyElements)
        }
    }

    @Test func manySectionsAreNotQuadratic() throws {
        let sequences = (0..<50_000).map { WireOpMessage.DocumentSequence(identifier: "s\($0)", documents: []) }
        let message = WireMessage.message(WireOpMessage(body: [:], sequences: sequences))
        let frame = try WireFrame(decoding: message.encoded(requestID: 1))
        #expect(frame.message == message)
    }
}
