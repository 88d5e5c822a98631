import MongoAuth
import NIOConcurrencyHelpers
import SaslBSON

/// A runner that is written in documents.
protocol DocumentRunner: CommandRunner {
    func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument
}

extension DocumentRunner {
    func run(_ command: [UInt8], by deadline: ContinuousClock.Instant) async throws -> [UInt8] {
        try await run(BSONDocument(decoding: command), by: deadline).encoded()
    }
}

extension SaslConversation {
    /// Takes a reply that is written as a document.
    mutating func replied(_ reply: BSONDocument) throws(MongoAuthError) -> Action {
        guard let bytes = try? reply.encoded() else { throw MongoAuthError(.sasl, "the test's reply is not BSON") }
        return try replied(bytes)
    }
}

/// A server by script: gives one reply after another, and keeps the commands.
final class ScriptedRunner: DocumentRunner {
    /// The script has no further reply.
    struct OutOfReplies: Error {}

    private struct State {
        var replies: [Result<BSONDocument, any Error>]
        var commands: [BSONDocument] = []
    }

    private let state: NIOLockedValueBox<State>

    init(_ replies: [BSONDocument]) {
        state = NIOLockedValueBox(State(replies: replies.map { .success($0) }))
    }

    init(failure: any Error) {
        state = NIOLockedValueBox(State(replies: [.failure(failure)]))
    }

    /// What was sent, in its order.
    var commands: [BSONDocument] { state.withLockedValue { $0.commands } }

    func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        try state.withLockedValue { state in
            state.commands.append(command)
            guard !state.replies.isEmpty else { throw OutOfReplies() }
            return try state.replies.removeFirst().get()
        }
    }
}

/// A connection that broke.
struct BrokenConnection: Error {}
