import NIOCore
import SaslBSON
import SaslWire
import Testing

@Suite struct WireEncodingTests {
    private static var impossible: [(WireMessage, WireError.Code)] {
        [
            (.message(WireOpMessage(body: [:], flags: WireOpMessage.Flags(rawValue: 1 << 5))), .unknownFlags),
            (.message(WireOpMessage(body: ["a\0": 1])), .malformedDocument),
            (
                .message(WireOpMessage(body: [:], sequences: [.init(identifier: "a\0", documents: [])])),
                .malformedSection
            ),
            (
                .message(
                    WireOpMessage(
                        body: [:],
                        sequences: [.init(identifier: "a", documents: []), .init(identifier: "a", documents: [])])),
                .malformedSection
            ),
            (
                .message(WireOpMessage(body: [:], sequences: [.init(identifier: "a", documents: [["\0": 1]])])),
                .malformedDocument
            ),
            (.query(WireOpQuery(fullCollectionName: "a\0b", query: [:])), .malformedMessage),
            (.query(WireOpQuery(query: ["\0": 1])), .malformedDocument),
            (.query(WireOpQuery(query: [:], returnFieldsSelector: ["\0": 1])), .malformedDocument),
            (.reply(WireOpReply(documents: [["\0": 1]])), .malformedDocument),
        ]
    }

    @Test(arguments: impossible)
    func refusesAndLeavesTheBufferAsItWas(message: WireMessage, code: WireError.Code) {
        var buffer = ByteBuffer(bytes: [1, 2, 3])
        let error = #expect(throws: WireError.self) { try message.encode(into: &buffer, requestID: 1) }
        #expect(error?.code == code)
        #expect(buffer == ByteBuffer(bytes: [1, 2, 3]))
    }

    @Test func appendsToABuffer() throws {
        let message = WireMessage.message(WireOpMessage(body: ["ok": 1], flags: [.checksumPresent]))
        var buffer = ByteBuffer(bytes: [1, 2, 3])
        try message.encode(into: &buffer, requestID: 1)
        buffer.moveReaderIndex(forwardBy: 3)
        #expect(try buffer == message.encoded(requestID: 1))
        #expect(try WireFrame(decoding: buffer).message == message)
    }

    private static var sizable: [WireMessage] {
        [
            .message(WireOpMessage(body: ["a": 1])),
            .message(WireOpMessage(body: ["a": 1], flags: [.checksumPresent])),
            .message(WireOpMessage(body: [:], sequences: [.init(identifier: "a", documents: [[:], ["b": 1]])])),
            .query(WireOpQuery(query: ["isMaster": 1])),
            .reply(WireOpReply(documents: [["ok": 1], [:], [:]])),
        ]
    }

    @Test(arguments: sizable)
    func refusesMessagesOverTheLimit(_ message: WireMessage) throws {
        let length = try message.encoded(requestID: 1).readableBytes
        let exact = try message.encoded(requestID: 1, limits: WireLimits(maximumMessageLength: length))
        #expect(exact.readableBytes == length)
        for limit in [length - 1, 16, 0, -1] {
            let error = #expect(throws: WireError.self) {
                try message.encoded(requestID: 1, limits: WireLimits(maximumMessageLength: limit))
            }
            #expect(error?.code == .messageTooLarge)
        }
    }

    @Test func theLimits() {
        #expect(WireLimits.hello.maximumMessageLength == 1 << 20)
        #expect(WireLimits.beforeAuthentication.maximumMessageLength == 2 << 20)
        #expect(WireLimits.default.maximumMessageLength == 48_000_000)
        let payload = BSONBinary(bytes: [UInt8](repeating: 0, count: 48_000_000))
        let error = #expect(throws: WireError.self) {
            try WireMessage.message(WireOpMessage(body: ["p": .binary(payload)])).encoded(requestID: 1)
        }
        #expect(error?.code == .messageTooLarge)
    }

    @Test func headersAreLittleEndian() {
        var buffer = ByteBuffer()
        let header = MessageHeader(messageLength: 0x0102_0304, requestID: -2, responseTo: 1, opCode: .compressed)
        header.encode(into: &buffer)
        #expect(
            Array(buffer.readableBytesView)
                == [4, 3, 2, 1, 0xFE, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0, 0xDC, 0x07, 0, 0])
        #expect(MessageHeader(peeking: buffer) == header)
        #expect(buffer.readableBytes == 16)
        #expect(MessageHeader(peeking: buffer.getSlice(at: 0, length: 15) ?? buffer) == nil)
    }

    @Test func errorsDescribeThemselves() throws {
        let error = #expect(throws: WireError.self) {
            try WireMessage.message(WireOpMessage(body: ["a\0": "secret"])).encoded(requestID: 1)
        }
        let text = try #require(error).description
        #expect(text.contains("malformed-document"))
        #expect(text.contains("embedded-nul"))
        #expect(!text.contains("secret"))
        #expect(OpCode.compressed.description == "OP_COMPRESSED")
        #expect(OpCode(rawValue: 5).description == "opcode 5")
    }
}
