import SASL
import SASLSCRAM
import Testing

/// Somebody between our client and our server changes a message: the two never agree.
@Suite("tampering, in both roles") struct TamperingTests {
    /// In the order in which they are sent.
    enum Message: CaseIterable, Sendable {
        case clientFirst, serverFirst, clientFinal, serverFinal
    }

    /// A client and a server that know the same password, and who of them was content in the end.
    private struct Pair {
        var hash: ScramMechanism.Hash
        var keys: ScramStoredKeys

        init(_ hash: ScramMechanism.Hash) throws {
            self.hash = hash
            keys = try ScramStoredKeys(
                hash, username: "ann", password: Secret("pencil"), salt: Array(1...16), iterations: 1)
        }

        /// - Parameter change: Takes each message and gives what arrives.
        func converse(
            _ change: (Message, [UInt8]) -> [UInt8]
        ) throws -> (client: Bool, server: SaslIdentity?) {
            var options = ScramMechanism.Options()
            options.iterations = 1...600_000
            options.makeNonce = { "client" }
            var client = try SaslSession(
                ScramMechanism(hash, username: "ann", password: Secret("pencil"), options: options))
            var serverOptions = ScramServerMechanism.Options()
            serverOptions.iterations = 1
            serverOptions.makeNonce = { "server" }
            let keys = keys
            var server = try SaslServerSession(
                ScramServerMechanism(hash, options: serverOptions) { $0 == "ann" ? keys : nil })
            do throws(SaslError) {
                guard case .respond(let first) = try client.step(nil),
                    case .challenge(let second) = try server.step(change(.clientFirst, first)),
                    case .respond(let third) = try client.step(change(.serverFirst, second)),
                    case .success(_, let fourth?) = try server.step(change(.clientFinal, third))
                else { return (client.isComplete, server.identity) }
                _ = try client.step(change(.serverFinal, fourth))
            } catch {}
            return (client.isComplete, server.identity)
        }

        /// What is sent where nobody changes anything.
        func messages() throws -> [Message: [UInt8]] {
            var messages: [Message: [UInt8]] = [:]
            let (client, server) = try converse {
                messages[$0] = $1
                return $1
            }
            #expect(client && server?.authorizationIdentity == "ann" && messages.count == 4)
            return messages
        }

        func expectRefusal(of changed: [UInt8], as message: Message) throws {
            let (client, server) = try converse { $0 == message ? changed : $1 }
            let text = String(decoding: changed, as: UTF8.self)
            #expect(!client, "\(message): \(text)")
            // The server has ended before its last message arrives.
            #expect(message == .serverFinal || server == nil, "\(message): \(text)")
        }
    }

    @Test(arguments: ScramMechanism.Hash.allCases, Message.allCases)
    func eachBit(hash: ScramMechanism.Hash, message: Message) throws {
        let pair = try Pair(hash)
        let sent = try pair.messages()[message] ?? []
        for bit in 0..<sent.count * 8 {
            var changed = sent
            changed[bit / 8] ^= 1 << (bit % 8)
            try pair.expectRefusal(of: changed, as: message)
        }
    }

    @Test(arguments: ScramMechanism.Hash.allCases, Message.allCases)
    func eachOctetLeftOutOrDoubled(hash: ScramMechanism.Hash, message: Message) throws {
        let pair = try Pair(hash)
        let sent = try pair.messages()[message] ?? []
        for index in sent.indices {
            try pair.expectRefusal(of: Array(sent[..<index]), as: message)
            try pair.expectRefusal(of: Array(sent[..<index] + sent[(index + 1)...]), as: message)
            try pair.expectRefusal(of: Array(sent[...index] + sent[index...]), as: message)
        }
    }

    /// Each message in the place of each other one, too.
    @Test(arguments: ScramMechanism.Hash.allCases)
    func anotherMessage(hash: ScramMechanism.Hash) throws {
        let pair = try Pair(hash)
        let messages = try pair.messages()
        for message in Message.allCases {
            for (other, bytes) in messages where other != message {
                try pair.expectRefusal(of: bytes, as: message)
            }
            try pair.expectRefusal(of: [], as: message)
        }
    }
}
