import SASL
import SaslBSON
import Testing

@testable import MongoAuth

/// The conversation with anticipated replies.
@Suite struct PipeliningTests {
    private let never = ContinuousClock.now + .seconds(120)

    private static func reply(_ payload: [UInt8], done: Bool = false, id: Int32 = 1) throws -> [UInt8] {
        let document: BSONDocument = [
            "conversationId": .int32(id), "done": .bool(done), "payload": .binary(BSONBinary(bytes: payload)), "ok": 1,
        ]
        return try document.encoded()
    }

    /// Runs a mechanism of three responses, as GSSAPI has, whose first two commands were sent with hello.
    private func authenticate(
        _ steps: [WatchedMechanism.Step], anticipated replies: [[UInt8]], then rest: [BSONDocument]
    ) async throws -> (details: AuthenticationDetails, sentLater: [BSONDocument]) {
        let runner = ScriptedRunner(rest)
        var prepared = try await MongoAuthenticator().prepare(
            MongoCredential(username: "ann", method: .other(WatchedMechanism(steps, mayBlock: false))),
            serverHost: "a", by: never)
        let commands = [prepared.firstCommand, prepared.anticipatedContinue]
        let anticipated = zip(commands, replies).map { (command: $0, reply: $1) }
        let details = try await prepared.converse(over: AnticipatedReplies(anticipated, then: runner), by: never)
        return (details, runner.commands)
    }

    private static let gssapiLike: [WatchedMechanism.Step] = [.respond([1]), .respond([]), .respond([3]), .done]

    /// Only the answer to the offer is sent after hello.
    @Test func whatWasAnticipatedIsNotSentAgain() async throws {
        let last: BSONDocument = [
            "conversationId": 1, "done": true, "payload": .binary(BSONBinary(bytes: [7])), "ok": 1,
        ]
        let (_, sent) = try await authenticate(
            Self.gssapiLike, anticipated: [Self.reply([5]), Self.reply([6])], then: [last])
        #expect(
            sent == [
                [
                    "saslContinue": 1, "conversationId": .int32(1), "payload": .binary(BSONBinary(bytes: [3])),
                    "$db": "$external",
                ]
            ])
    }

    private func failure(
        _ steps: [WatchedMechanism.Step] = gssapiLike, to replies: [[UInt8]]
    ) async -> MongoAuthError.Code? {
        await #expect(throws: MongoAuthError.self) {
            try await authenticate(steps, anticipated: replies, then: [])
        }?.code
    }

    /// Unexpected replies lead to the fallback.
    @Test func whatWasNotAnticipatedLeadsToThePlainWay() async throws {
        let document: BSONDocument = ["ok": 0, "code": 18]
        let refusal = try document.encoded()
        // Another conversation.
        #expect(await failure(to: [try Self.reply([5], id: 2), try Self.reply([6], id: 2)]) == .pipeliningRefused)
        // An error, to the first command or to the second.
        #expect(await failure(to: [refusal, refusal]) == .pipeliningRefused)
        #expect(await failure(to: [try Self.reply([5]), refusal]) == .pipeliningRefused)
        // A token that does not complete the context in one step.
        #expect(
            await failure([.respond([1]), .respond([2])], to: [try Self.reply([5]), try Self.reply([6])])
                == .pipeliningRefused)
    }

    /// A failed proof is final: there is no second attempt.
    @Test func aServerThatProvesNothingIsNotTriedAgain() async throws {
        #expect(await failure(to: [try Self.reply([5], done: true), try Self.reply([6])]) == .serverNotProven)
        #expect(
            await failure([.respond([1]), .fail(.serverNotProven)], to: [try Self.reply([5]), try Self.reply([6])])
                == .serverNotProven)
        #expect(
            await failure(
                [.respond([1]), .respond([]), .fail(.securityLayer)], to: [try Self.reply([5]), try Self.reply([6])])
                == .sasl)
    }
}
