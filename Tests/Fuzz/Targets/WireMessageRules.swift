import MongoAuth
import NIOCore
import SaslBSON
import SaslWire

enum WireMessageRules {
    static func check(_ input: [UInt8]) throws {
        let whole = run(input, pieceLength: max(input.count, 1))
        // One byte after the other; in longer streams a few, for the sake of speed.
        let single = run(input, pieceLength: input.count / 256 + 1)
        try require(whole.frames == single.frames, "the same messages however the stream is cut")
        // Which protocol it may be instead is a guess from as few bytes as there are.
        let isGuess = [whole.error?.code, single.error?.code].contains(.foreignProtocol)
        try require(
            whole.error?.code == single.error?.code && whole.error?.offset == single.error?.offset
                || isGuess && whole.frames.isEmpty && whole.error != nil && single.error != nil,
            "the same end however the stream is cut: \(whole.error.debugDescription), \(single.error.debugDescription)")
        for frame in whole.frames { try check(frame) }
        try checkReply(whole.frames)
        try checkBody(input)
    }

    private static func run(_ input: [UInt8], pieceLength: Int) -> (frames: [WireFrame], error: WireError?) {
        let processor = NIOSingleStepByteToMessageProcessor(WireMessageDecoder(limits: .beforeAuthentication))
        var frames: [WireFrame] = []
        do {
            for start in stride(from: 0, to: input.count, by: pieceLength) {
                let piece = ByteBuffer(bytes: input[start..<min(start + pieceLength, input.count)])
                try processor.process(buffer: piece) { frames.append($0) }
            }
            try processor.finishProcessing(seenEOF: true) { frames.append($0) }
        } catch {
            return (frames, error as? WireError)
        }
        return (frames, nil)
    }

    /// What decodes encodes to a message of the same length that decodes to the same.
    private static func check(_ frame: WireFrame) throws {
        let encoded = try frame.message.encoded(requestID: frame.header.requestID, responseTo: frame.header.responseTo)
        try require(encoded.readableBytes == Int(frame.header.messageLength), "encodes to the same length")
        try require(try WireFrame(decoding: encoded) == frame, "equal when it is decoded again")
    }

    /// A reply whose body is cut out without a look into it: what the whole decoder accepts has the same body.
    private static func checkBody(_ input: [UInt8]) throws {
        let reply = try? WireReply(decoding: ByteBuffer(bytes: input), limits: .beforeAuthentication)
        guard
            case .message(let message)? = try? WireFrame(
                decoding: ByteBuffer(bytes: input), limits: .beforeAuthentication
            ).message, message.sequences.isEmpty
        else { return }
        if let reply {
            try require((try? BSONDocument(decoding: reply.body)) == message.body, "the bytes are those of the body")
        }
    }

    /// What is made of a reply to a command.
    private static func checkReply(_ frames: [WireFrame]) throws {
        for frame in frames {
            let documents: [BSONDocument] =
                switch frame.message {
                case .message(let message): [message.body]
                case .reply(let reply): reply.documents
                case .query: []
                }
            for case let reply? in documents.map({ try? CommandReply($0, to: "a command") }) {
                try require((reply.failure == nil) == reply.isOK, "a failure is one")
                try require((reply.failure?.message.utf8.count ?? 0) <= 1024, "no text of a server's is without bounds")
                try require(!hasControl(reply.failure?.description ?? ""), "no text of a server's steers a terminal")
            }
        }
    }

    static func seeds() throws -> [[UInt8]] {
        let messages = try ["valid", "malformed", "foreign"].flatMap { try Fixtures.bytes("Wire/\($0).txt") }
        return try messages + [Fixtures.bytes("Wire/valid.txt").flatMap(\.self)]
    }
}
