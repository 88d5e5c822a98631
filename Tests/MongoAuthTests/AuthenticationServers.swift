import Crypto
import Foundation
import MongoAuth
import NIOConcurrencyHelpers
import SaslBSON

/// Passes commands on, and notes the threads on which it is called.
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
/// With SHA-1 it says done in a reply of its own, after an empty payload, as old servers do; with SHA-256 together with its
/// proof.
final class ScramServer: DocumentRunner {
    enum Hash: String, Sendable {
        case sha1 = "SCRAM-SHA-1"
        case sha256 = "SCRAM-SHA-256"
    }

    private struct State {
        var tokens: [[UInt8]] = []
        var clientFirst = ""
        var serverFirst = ""
        var hasSeenProof = false
    }

    private let hash: Hash
    private let password: String
    private let checksProof: Bool
    private let state = NIOLockedValueBox(State())

    init(_ hash: Hash, username: String, password: String, checksProof: Bool = true) {
        self.hash = hash
        self.checksProof = checksProof
        let digest = Insecure.MD5.hash(data: Array("\(username):mongo:\(password)".utf8))
        self.password = hash == .sha256 ? password : digest.map { String(format: "%02x", $0) }.joined()
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
                guard command["mechanism"]?.stringValue == hash.rawValue else { return Self.refusal }
                state.clientFirst = String(text.dropFirst(3))
                let nonce = state.clientFirst.split(separator: ",").last?.dropFirst(2) ?? ""
                answer = "r=\(nonce)server,s=\(Data(Self.salt).base64EncodedString()),i=\(Self.iterations)"
                state.serverFirst = answer
                isDone = false
            } else if token.isEmpty {
                answer = ""
                isDone = state.hasSeenProof
            } else {
                let parts = text.split(separator: ",")
                let bare = parts.prefix(2).joined(separator: ",")
                let message = Array("\(state.clientFirst),\(state.serverFirst),\(bare)".utf8)
                state.hasSeenProof = parts.last == "p=\(Data(proof(message)).base64EncodedString())"
                guard state.hasSeenProof || !checksProof else { return Self.refusal }
                answer = "v=" + Data(hmac(hmac(saltedPassword, "Server Key"), message)).base64EncodedString()
                isDone = hash == .sha256
            }
            state.tokens += [token, Array(answer.utf8)]
            return [
                "conversationId": 1, "done": .bool(isDone), "payload": .binary(BSONBinary(bytes: Array(answer.utf8))),
                "ok": 1,
            ]
        }
    }

    private static let salt = Array("0123456789abcdef".utf8)
    private static let iterations = 4096
    private static let refusal: BSONDocument = ["ok": 0, "code": 18, "errmsg": "Authentication failed."]

    private func proof(_ message: [UInt8]) -> [UInt8] {
        let clientKey = hmac(saltedPassword, "Client Key")
        return zip(clientKey, hmac(digest(clientKey), message)).map { $0 ^ $1 }
    }

    /// Hi() of section 2.2: one block is enough, as a key is as long as the hash.
    private var saltedPassword: [UInt8] {
        let key = Array(password.utf8)
        var round = hmac(key, Self.salt + [0, 0, 0, 1])
        var result = round
        for _ in 1..<Self.iterations {
            round = hmac(key, round)
            for index in result.indices { result[index] ^= round[index] }
        }
        return result
    }

    private func hmac(_ key: [UInt8], _ text: String) -> [UInt8] { hmac(key, Array(text.utf8)) }

    private func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        switch hash {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: SymmetricKey(data: key)))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
        }
    }

    private func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch hash {
        case .sha1: Array(Insecure.SHA1.hash(data: bytes))
        case .sha256: Array(SHA256.hash(data: bytes))
        }
    }
}
