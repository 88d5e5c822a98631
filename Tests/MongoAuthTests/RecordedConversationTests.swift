import Foundation
import MongoAuth
import NIOCore
import SASL
import SaslBSON
import SaslWire
import Testing

/// A conversation from `Fixtures/Conversations`, as it went over the wire.
private struct Recording {
    struct Message {
        var isFromClient: Bool
        var connection: String
        var bytes: [UInt8]

        var frame: WireFrame {
            get throws { try WireFrame(decoding: ByteBuffer(bytes: bytes)) }
        }

        /// The command or the reply.
        var document: BSONDocument {
            get throws {
                switch try frame.message {
                case .message(let message): message.body
                case .query(let query): query.query
                case .reply(let reply): try #require(reply.documents.first)
                }
            }
        }
    }

    let messages: [Message]

    init(_ name: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Fixtures/Conversations/\(name).txt")
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
        messages = try lines.map { line in
            let words = line.split(separator: " ")
            try #require(words.count == 3 && [">", "<"].contains(words[0]))
            let digits = words[2].compactMap(\.hexDigitValue)
            try #require(digits.count == words[2].count && digits.count.isMultiple(of: 2))
            return Message(
                isFromClient: words[0] == ">", connection: String(words[1]),
                bytes: stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) })
        }
        try #require(messages.count >= 8)
    }

    /// The commands of SASL and the replies to them.
    func saslCommands() throws -> [(command: BSONDocument, reply: BSONDocument)] {
        var pairs: [(command: BSONDocument, reply: BSONDocument)] = []
        for (index, message) in messages.enumerated() where message.isFromClient {
            let command = try message.document
            guard command["saslStart"] != nil || command["saslContinue"] != nil else { continue }
            let reply = try #require(
                messages[index...].first { !$0.isFromClient && $0.connection == message.connection })
            pairs.append((command, try reply.document))
        }
        try #require(!pairs.isEmpty)
        return pairs
    }
}

/// What clients and servers really said, replayed without either.
@Suite struct RecordedConversationTests {
    @Test(arguments: ["authcheck-gssapi", "authcheck-refused", "pymongo-gssapi", "libmongoc-gssapi"])
    func messagesDecodeHoweverTheyAreCutAndEncodeToTheSameBytes(_ name: String) throws {
        let recording = try Recording(name)
        for connection in Set(recording.messages.map(\.connection)) {
            for isFromClient in [true, false] {
                let messages = recording.messages.filter {
                    $0.connection == connection && $0.isFromClient == isFromClient
                }
                var decoder = WireMessageDecoder()
                var buffer = ByteBuffer()
                var frames: [WireFrame] = []
                for byte in messages.flatMap(\.bytes) {
                    buffer.writeInteger(byte)
                    if let frame = try decoder.decode(buffer: &buffer) { frames.append(frame) }
                }
                #expect(buffer.readableBytes == 0)
                try #require(frames.count == messages.count)
                for (frame, message) in zip(frames, messages) {
                    let encoded = try frame.message.encoded(
                        requestID: frame.header.requestID, responseTo: frame.header.responseTo)
                    #expect(Array(buffer: encoded) == message.bytes)
                }
            }
        }
    }

    /// Our commands come out byte by byte as they went over the wire, with the recorded tokens for an exchange.
    @Test func ourCommandsAreTheRecordedOnes() throws {
        var conversation = SaslConversation(mechanism: .gssapi, source: "$external")
        guard case .step(nil) = try conversation.begin() else {
            Issue.record("the conversation did not begin with a step")
            return
        }
        let pairs = try Recording("authcheck-gssapi").saslCommands()
        #expect(pairs.count == 3)
        for (number, pair) in pairs.enumerated() {
            let token = try #require(pair.command["payload"]?.binaryValue?.bytes)
            let action = try conversation.stepped(.respond(token), isComplete: number == pairs.count - 1)
            guard case .run(let command) = action else {
                Issue.record("not a command: \(action)")
                return
            }
            #expect(try command == pair.command.encoded())
            let next = try conversation.replied(pair.reply)
            guard case .step(let challenge?) = next else {
                Issue.record("not a step: \(next)")
                return
            }
            #expect(challenge == pair.reply["payload"]?.binaryValue?.bytes)
        }
        guard case .succeeded = try conversation.stepped(.done, isComplete: true) else {
            Issue.record("the conversation did not succeed")
            return
        }
    }

    @Test func theServersRefusalIsOne() throws {
        var conversation = SaslConversation(mechanism: .gssapi, source: "$external")
        _ = try conversation.begin()
        let pairs = try Recording("authcheck-refused").saslCommands()
        for pair in pairs.dropLast() {
            _ = try conversation.stepped(.respond([1]), isComplete: false)
            _ = try conversation.replied(pair.reply)
        }
        _ = try conversation.stepped(.respond([1]), isComplete: true)
        let error = #expect(throws: MongoAuthError.self) { try conversation.replied(try #require(pairs.last).reply) }
        #expect(error?.code == .refused)
    }

    /// A server answers those who send strings with strings; they are the same tokens.
    @Test(arguments: ["pymongo-gssapi", "libmongoc-gssapi"])
    func repliesWithStringsAreUnderstood(_ name: String) throws {
        var conversation = SaslConversation(mechanism: .gssapi, source: "$external")
        _ = try conversation.begin()
        let pairs = try Recording(name).saslCommands()
        #expect(pairs.count == 3)
        for (number, pair) in pairs.enumerated() {
            #expect(pair.command["payload"]?.stringValue != nil)
            _ = try conversation.stepped(.respond([1]), isComplete: number == pairs.count - 1)
            guard case .step(let challenge?) = try conversation.replied(pair.reply) else {
                Issue.record("not a step")
                return
            }
            // An AP-REP, then a wrapped offer of 32 bytes, then nothing.
            #expect(
                number == 0
                    ? challenge.first == 0x60
                    : challenge.count == (number == 1 ? 32 : 0), "\(challenge)")
        }
        guard case .succeeded = try conversation.stepped(.done, isComplete: true) else {
            Issue.record("the conversation did not succeed")
            return
        }
    }
}
