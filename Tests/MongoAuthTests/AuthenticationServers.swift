import Crypto
import Foundation
import ModuleTestSupport
import MongoAuth
import NIOConcurrencyHelpers
import SaslBSON

/// Forwards commands, and records the threads on which it is called.
final class ThreadNotingRunner: DocumentRunner {
    private let next: ScriptedRunner
    private let noted = NIOLockedValueBox<[UInt]>([])

    init(_ next: ScriptedRunner) {
        self.next = next
    }

    var threads: [UInt] { noted.withLockedValue { $0 } }

    func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        noted.withLockedValue { $0.append(Life.currentThread) }
        return try await next.run(command, by: deadline)
    }
}

/// Never replies: ends when its task is cancelled.
final class StalledRunner: DocumentRunner {
    private let arrival = Signal()

    /// Returns when a command has come.
    func reached() async { await arrival.given() }

    func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        let (never, end) = AsyncStream.makeStream(of: Void.self)
        arrival.give()
        for await _ in never {}
        end.finish()
        throw CancellationError()
    }
}

/// The server's side of SCRAM over saslStart and saslContinue, written from RFC 5802 section 3.
///
/// With SHA-1 it says done in a reply of its own, after an empty payload, as old servers do; with SHA-256 together with
/// its proof.
final class ScramServer: DocumentRunner {
    private struct State {
        var tokens: [[UInt8]] = []
        var clientFirst = ""
        var serverFirst = ""
        var hasSeenProof = false
    }

    private let server: ScramServerSide
    private let checksProof: Bool
    private let state = NIOLockedValueBox(State())

    init(_ hash: ScramServerSide.Hash, username: String, password: String, checksProof: Bool = true) {
        self.checksProof = checksProof
        let digest = Insecure.MD5.hash(data: Array("\(username):mongo:\(password)".utf8))
        server = ScramServerSide(
            hash, password: hash == .sha256 ? password : digest.map { String(format: "%02x", $0) }.joined())
    }

    /// The payloads of both sides.
    var tokens: [[UInt8]] { state.withLockedValue { $0.tokens } }
    /// Whether the client has proven that it knows the password.
    var hasSeenProof: Bool { state.withLockedValue { $0.hasSeenProof } }

    func run(_ command: BSONDocument, by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
        state.withLockedValue { state in
            let token = command["payload"]?.binaryValue?.bytes ?? []
            let text = String(decoding: token, as: UTF8.self)
            let answer: String
            let isDone: Bool
            if command["saslStart"] != nil {
                guard command["mechanism"]?.stringValue == server.hash.rawValue else { return Self.refusal }
                state.clientFirst = String(text.dropFirst(3))
                answer = server.first(clientFirstBare: state.clientFirst)
                state.serverFirst = answer
                isDone = false
            } else if token.isEmpty {
                answer = ""
                isDone = state.hasSeenProof
            } else {
                state.hasSeenProof = server.accepts(
                    clientFirstBare: state.clientFirst, serverFirst: state.serverFirst, clientFinal: text)
                guard state.hasSeenProof || !checksProof else { return Self.refusal }
                let proof = server.signature(
                    clientFirstBare: state.clientFirst, serverFirst: state.serverFirst, clientFinal: text)
                answer = "v=\(proof)"
                isDone = server.hash == .sha256
            }
            state.tokens += [token, Array(answer.utf8)]
            return [
                "conversationId": 1, "done": .bool(isDone), "payload": .binary(BSONBinary(bytes: Array(answer.utf8))),
                "ok": 1,
            ]
        }
    }

    private static let refusal: BSONDocument = ["ok": 0, "code": 18, "errmsg": "Authentication failed."]
}
