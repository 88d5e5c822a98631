import NIOConcurrencyHelpers
import SaslBSON
import SaslWire

/// A server by script: gives one reply after another, and keeps the commands.
final class ScriptedRunner: CommandRunner {
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
