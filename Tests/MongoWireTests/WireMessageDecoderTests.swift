import NIOCore
import SaslBSON
import SaslWire
import Testing

@Suite struct WireMessageDecoderTests {
    /// A decoder with a stream that arrives in pieces and then ends.
    private static func run(
        _ stream: ByteBuffer, chunks: some Sequence<Int>, limits: WireLimits = .default
    ) -> (frames: [WireFrame], error: WireError?, consumed: Int) {
        let processor = NIOSingleStepByteToMessageProcessor(WireMessageDecoder(limits: limits))
        var frames: [WireFrame] = []
        var stream = stream
        let total = stream.readableBytes
        do {
            for chunk in chunks {
                guard let piece = stream.readSlice(length: min(chunk, stream.readableBytes)) else { break }
                try processor.process(buffer: piece) { frames.append($0) }
                if stream.readableBytes == 0 { break }
            }
            try processor.finishProcessing(seenEOF: true) { frames.append($0) }
        } catch {
            return (frames, error as? WireError, total - stream.readableBytes)
        }
        return (frames, nil, total - stream.readableBytes)
    }

    private static let oneByOne = repeatElement(1, count: .max)
    private static let allAtOnce = [Int.max]

    @Test(arguments: [1, 2, 3, 7, 15, 16, 17, 64, 1000, Int.max])
    func yieldsEveryMessageOfAStream(chunk: Int) throws {
        var stream = ByteBuffer()
        var expected: [WireFrame] = []
        for fixture in Fixture.load("valid.txt") {
            let buffer = try fixture.buffer
            stream.writeImmutableBuffer(buffer)
            expected.append(try WireFrame(decoding: buffer))
        }
        let result = Self.run(stream, chunks: repeatElement(chunk, count: .max))
        #expect(result.error == nil)
        #expect(result.frames == expected)
        #expect(result.frames.count > 10)
    }

    @Test(arguments: Fixture.load("malformed.txt"))
    func refusesMalformedMessages(_ fixture: Fixture) throws {
        let hello = try WireMessage.message(WireOpMessage(body: ["hello": 1])).encoded(requestID: 1)
        for precedes in [false, true] {
            var stream = precedes ? hello : ByteBuffer()
            stream.writeImmutableBuffer(try fixture.buffer)
            for result in [Self.run(stream, chunks: Self.oneByOne), Self.run(stream, chunks: Self.allAtOnce)] {
                #expect(result.error?.code.description == fixture.fields[1])
                #expect(result.frames.count == (precedes ? 1 : 0))
            }
        }
    }

    @Test(arguments: Fixture.load("foreign.txt"))
    func namesOtherProtocols(_ fixture: Fixture) throws {
        let stream = try fixture.buffer
        for result in [Self.run(stream, chunks: Self.oneByOne), Self.run(stream, chunks: Self.allAtOnce)] {
            #expect(result.error?.code == .foreignProtocol)
            #expect(result.error?.message.contains(fixture.fields[1]) == true)
            #expect(result.frames.isEmpty)
        }
        // Not more than the first few bytes are needed.
        #expect(Self.run(stream, chunks: Self.oneByOne).consumed <= 9)
    }

    @Test(arguments: [Int32.min, -1, 0, 1, 15, 48_000_001, .max])
    func refusesALengthAfterFourBytes(length: Int32) {
        var stream = ByteBuffer()
        stream.writeInteger(length, endianness: .little)
        stream.writeRepeatingByte(0, count: 100)
        let result = Self.run(stream, chunks: Self.oneByOne)
        #expect(result.error?.code == .invalidLength)
        #expect(result.consumed == 4)
    }

    @Test func acceptsALengthAtTheLimit() {
        var stream = ByteBuffer()
        stream.writeInteger(Int32(48_000_000), endianness: .little)
        let result = Self.run(stream, chunks: Self.oneByOne)
        #expect(result.error?.code == .truncated)
        #expect(result.error?.offset == 4)
    }

    @Test func refusesAnOperationAfterTheHeader() {
        var stream = ByteBuffer()
        MessageHeader(messageLength: 1_000_000, requestID: 1, responseTo: 0, opCode: .compressed).encode(into: &stream)
        stream.writeRepeatingByte(0, count: 100)
        let result = Self.run(stream, chunks: Self.oneByOne)
        #expect(result.error?.code == .unsupportedOpcode)
        #expect(result.error?.message.contains("OP_COMPRESSED") == true)
        #expect(result.consumed == 16)
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func theEndInsideAMessageIsAnError(_ fixture: Fixture) throws {
        let message = try fixture.buffer
        for count in 1..<message.readableBytes {
            var stream = message
            stream.writeImmutableBuffer(try #require(message.getSlice(at: 0, length: count)))
            let result = Self.run(stream, chunks: Self.allAtOnce)
            #expect(result.error?.code == .truncated)
            #expect(result.error?.offset == count)
            #expect(result.frames.count == 1)
        }
    }

    @Test func theEndBetweenMessagesIsNone() throws {
        #expect(Self.run(ByteBuffer(), chunks: [Int]()).error == nil)
        let message = try WireMessage.message(WireOpMessage(body: [:])).encoded(requestID: 1)
        #expect(Self.run(message, chunks: Self.oneByOne).error == nil)
    }

    @Test func staysFailed() throws {
        var decoder = WireMessageDecoder()
        var bad = ByteBuffer(bytes: [0, 0, 0, 0])
        #expect(throws: WireError.self) { try decoder.decode(buffer: &bad) }
        var good = try WireMessage.message(WireOpMessage(body: [:])).encoded(requestID: 1)
        let error = #expect(throws: WireError.self) { try decoder.decode(buffer: &good) }
        #expect(error?.code == .invalidLength)
        #expect(throws: WireError.self) { try decoder.decodeLast(buffer: &good, seenEOF: true) }
    }

    /// 197,397 bytes is a length that starts as a TLS alert of version 1.2 does, and this request number goes on so.
    @Test func aMessageThatStartsAsAnAlertIsAMessage() throws {
        let length = 0x0003_0315
        let overhead = try WireMessage.message(WireOpMessage(body: ["p": .binary(BSONBinary(bytes: []))]))
            .encoded(requestID: 1).readableBytes
        let payload = BSONBinary(bytes: [UInt8](repeating: 0x55, count: length - overhead))
        let message = WireMessage.message(WireOpMessage(body: ["p": .binary(payload)]))
        let buffer = try message.encoded(requestID: 0x0028_0202)
        #expect(Array(buffer.readableBytesView.prefix(7)) == [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28])
        let whole = Self.run(buffer, chunks: [16, Int.max])
        #expect(whole.frames.map(\.message) == [message])
        // After the first message there is no protocol detection.
        var stream = try WireMessage.message(WireOpMessage(body: [:])).encoded(requestID: 1)
        let first = stream.readableBytes
        stream.writeImmutableBuffer(buffer)
        let later = Self.run(stream, chunks: [first, 4, 4, 4, Int.max])
        #expect(later.frames.last?.message == message)
        #expect(later.error == nil)
    }

    /// Bytes that a fixed generator makes up: nothing may trap, and nearly nothing is a message.
    @Test(arguments: 0..<200)
    func survivesMadeUpBytes(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        let bytes = (0..<256).map { _ -> UInt8 in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 32)
        }
        var stream = ByteBuffer(bytes: bytes)
        #expect(Self.run(stream, chunks: Self.allAtOnce).error != nil)
        // With a good header, so that the content is read too.
        for opCode in [OpCode.message, .query, .reply] {
            var header = ByteBuffer()
            MessageHeader(messageLength: 256, requestID: 1, responseTo: 0, opCode: opCode).encode(into: &header)
            header.writeInteger(UInt32(0))
            stream.setBuffer(header, at: 0)
            #expect(Self.run(stream, chunks: Self.oneByOne).error != nil)
        }
    }
}
