import GSSCore
import SASL
import SASLGSSAPI
import SASLSCRAM
import Testing

/// A mechanism, and an honest server's side of one authentication.
struct MechanismCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var mechanism: any SaslMechanism
    /// What the server says; the exchange is complete with the answer to the last.
    var challenges: [[UInt8]?]

    static let all: [MechanismCase] = [
        MechanismCase(
            testDescription: "PLAIN", mechanism: PlainMechanism(username: "ann", password: Secret("p")),
            challenges: [nil]),
        MechanismCase(testDescription: "EXTERNAL", mechanism: ExternalMechanism(), challenges: [nil]),
        MechanismCase(
            testDescription: "SCRAM-SHA-1, RFC 5802 section 5",
            mechanism: ScramMechanism(.sha1, username: "user", password: Secret("pencil"), options: scramOptions),
            challenges: [
                nil, Array("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096".utf8),
                Array("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=".utf8),
            ]),
        MechanismCase(
            testDescription: "GSSAPI",
            mechanism: GSSAPIMechanism(provider: ClearProvider(), target: .service("mongodb", host: "db")),
            challenges: [nil, [0x60], [0, 1, 0, 0, 0]]),
        MechanismCase(
            testDescription: "GSSAPI with a layer",
            mechanism: GSSAPIMechanism(
                provider: ClearProvider(), target: .service("ldap", host: "db"), securityLayer: .required),
            challenges: [nil, [0x60], [0, 7, 1, 0, 0]]),
        MechanismCase(
            testDescription: "a server-first mechanism",
            mechanism: StubMechanism(.external, .init(firstSpeaker: .server)), challenges: [[1]]),
    ]

    /// Every mechanism before each of its steps, and after the last.
    static let places: [(MechanismCase, stepsBefore: Int)] = all.flatMap { example in
        (0...example.challenges.count).map { (example, $0) }
    }

    /// A session that has taken so many steps.
    func session(after steps: Int) throws -> SaslSession {
        var session = try SaslSession(mechanism)
        for challenge in challenges.prefix(steps) {
            #expect(session.isComplete == false)
            _ = try session.step(challenge)
        }
        return session
    }

    private static let scramOptions: ScramMechanism.Options = {
        var options = ScramMechanism.Options()
        options.makeNonce = { "fyko+d2lbbFgONRv9qkxdawL" }
        return options
    }()
}

/// Contexts that are established by any token and protect nothing: a mark stands before each message.
private struct ClearProvider: GSSInitiatorProvider {
    func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(ClearContext())
    }
}

private final class ClearContext: GSSContextHandle {
    private static let unavailable = GSSError(call: "clear", major: GSSMajorStatus(.unavailable))

    func establish(_ token: [UInt8]?) throws(GSSError) -> GSSContextProgress {
        GSSContextProgress(
            token: [0x60], isComplete: token != nil,
            flags: [.mutualAuthentication, .integrity, .confidentiality])
    }

    func wrap(_ message: [UInt8], confidential: Bool) throws(GSSError) -> GSSWrappedMessage {
        GSSWrappedMessage(bytes: [confidential ? 1 : 0] + message, isConfidential: confidential)
    }

    func unwrap(_ message: [UInt8]) throws(GSSError) -> GSSUnwrappedMessage {
        GSSUnwrappedMessage(bytes: Array(message.dropFirst()), isConfidential: message.first == 1)
    }

    func wrapSizeLimit(outputLength: UInt32, confidential: Bool) throws(GSSError) -> UInt32 { outputLength - 1 }

    func inquire() throws(GSSError) -> GSSContextInfo { throw Self.unavailable }

    func messageIntegrityCode(for message: [UInt8]) throws(GSSError) -> [UInt8] { throw Self.unavailable }

    func verify(
        messageIntegrityCode code: [UInt8], for message: [UInt8]
    ) throws(GSSError) -> GSSMajorStatus.Information {
        throw Self.unavailable
    }
}
