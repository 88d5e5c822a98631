import MongoAuth
import NIOConcurrencyHelpers
import SaslBSON

/// Takes some tokens, and tells others where to log in.
final class OIDCServer: DocumentRunner {
    private struct State {
        var accepted: Set<String>
        var payloads: [String] = []
        var commands: [String] = []
        var begun: [BSONDocument] = []
    }

    private let state: NIOLockedValueBox<State>
    private let provider: BSONDocument
    private let answersEarly: Bool
    private let refusesEarly: Bool
    private let refusal: Int32

    /// - Parameters:
    ///   - answersEarly: Whether it answers what begins within hello.
    ///   - refusesEarly: Whether a refusal of that is in hello's reply, which MongoDB's own servers leave out.
    ///   - refusal: The code of a refusal.
    init(
        _ accepted: Set<String>, provider: BSONDocument = OIDCServer.provider, answersEarly: Bool = true,
        refusesEarly: Bool = false, refusal: Int32 = 18
    ) {
        self.answersEarly = answersEarly
        self.refusesEarly = refusesEarly
        self.refusal = refusal
        state = NIOLockedValueBox(State(accepted: accepted))
        self.provider = provider
    }

    static let provider: BSONDocument = [
        "issuer": "https://login.example.test", "clientId": "shop", "requestScopes": ["openid", "shop/read"],
    ]

    /// What came, a line each: `jwt one`, `n ann`, `{}`.
    var payloads: [String] { state.withLockedValue { $0.payloads } }

    /// The names of the commands that came.
    var commands: [String] { state.withLockedValue { $0.commands } }

    /// What came within hello.
    var begun: [BSONDocument] { state.withLockedValue { $0.begun } }

    func accept(_ tokens: Set<String>) { state.withLockedValue { $0.accepted = tokens } }

    /// Answers hello, and what may have begun in it, as real servers do: the field is there only where it went well.
    func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        let begun = command["speculativeAuthenticate"]?.documentValue
        state.withLockedValue { state in
            state.commands.append(command.first?.key ?? "")
            if let begun { state.begun.append(begun) }
        }
        guard command["hello"] != nil else { return try converse(command) }
        var reply: BSONDocument = ["maxWireVersion": 21]
        if answersEarly, let begun {
            var inner = try converse(begun)
            let isAccepted = inner["ok"] == 1
            if isAccepted { inner["ok"] = nil }
            if isAccepted || refusesEarly { reply.append("speculativeAuthenticate", .document(inner)) }
        }
        reply.append("ok", 1)
        return reply
    }

    private func converse(_ command: BSONDocument) throws -> BSONDocument {
        let bytes = command["payload"]?.binaryValue?.bytes ?? []
        let payload = try BSONDocument(decoding: bytes)
        let line = payload.first.map { "\($0.key) \($0.value.stringValue ?? "?")" } ?? "{}"
        return try state.withLockedValue { state in
            state.payloads.append(line)
            func reply(_ document: BSONDocument, done: Bool) throws -> BSONDocument {
                [
                    "conversationId": 1, "done": .bool(done),
                    "payload": .binary(BSONBinary(bytes: try document.encoded())), "ok": 1,
                ]
            }
            guard let token = payload["jwt"]?.stringValue else { return try reply(provider, done: false) }
            guard state.accepted.contains(token) else {
                return ["ok": 0, "code": .int32(refusal), "errmsg": "Authentication failed."]
            }
            return try reply([:], done: true)
        }
    }
}

/// Counts calls, and gives tokens by their number: `one`, `two`, ...
final class OIDCCalls: Sendable {
    private let list = NIOLockedValueBox<[OIDCTokens.Request]>([])
    var requests: [OIDCTokens.Request] { list.withLockedValue { $0 } }

    func next(_ request: OIDCTokens.Request) -> String {
        list.withLockedValue {
            $0.append(request)
            return ["one", "two", "three", "four"][$0.count - 1]
        }
    }
}
