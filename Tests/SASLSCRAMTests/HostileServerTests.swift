import SASL
import SASLSCRAM
import Testing

@Suite("SCRAM against servers that misbehave") struct HostileServerTests {
    static let nonce = "fyko+d2lbbFgONRv9qkxdawL"
    static let goodFirst = "r=\(nonce)3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"

    static func makeSession() throws -> SaslSession {
        var options = ScramMechanism.Options()
        options.makeNonce = { nonce }
        return try SaslSession(
            ScramMechanism(.sha1, username: "user", password: Secret("pencil"), options: options))
    }

    /// The error, and that no step follows.
    static func failure(_ session: inout SaslSession, _ challenge: [UInt8]?) throws -> SaslError {
        let error = try #require(throws: SaslError.self) { try session.step(challenge) }
        #expect(session.isComplete == false)
        let next = try #require(throws: SaslError.self) { try session.step(Array(goodFirst.utf8)) }
        #expect(next.code == .poisoned)
        let layer = try #require(throws: SaslError.self) { _ = try session.makeSecurityLayer() }
        #expect(layer.code == .incomplete)
        return error
    }

    @Test(
        "in its first message",
        arguments: [
            ("", SaslError.Code.malformedChallenge),
            ("x", .malformedChallenge),
            ("r=", .malformedChallenge),
            ("r=\(nonce)X", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92", .malformedChallenge),
            ("s=QSXCR+Q6sek8bf92,r=\(nonce)X,i=4096", .malformedChallenge),
            ("r=\(nonce)X,i=4096,s=QSXCR+Q6sek8bf92", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096,", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096,x", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096,1=x", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096,é=x", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096,x=", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096,i=1", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096\0", .malformedChallenge),
            ("r=\(nonce)X,,s=QSXCR+Q6sek8bf92,i=4096", .malformedChallenge),
            ("R=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096", .malformedChallenge),
            ("r=\(nonce)é,s=QSXCR+Q6sek8bf92,i=4096", .malformedChallenge),
            ("r=\(nonce) ,s=QSXCR+Q6sek8bf92,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf9,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf9 ,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR-Q6sek8bf92,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=QR==,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=QQ=A,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=====,i=4096", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=0", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=-4096", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=+4096", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=04096", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4096.0", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=٤٠٩٦", .malformedChallenge),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", .malformedChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=4095", .unacceptableChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=1", .unacceptableChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=1000001", .unacceptableChallenge),
            ("r=\(nonce)X,s=QSXCR+Q6sek8bf92,i=99999999999999999999999", .unacceptableChallenge),
            ("m=x,\(goodFirst)", .unacceptableChallenge),
            ("\(goodFirst),m=x", .unacceptableChallenge),
            ("r=\(nonce),s=QSXCR+Q6sek8bf92,i=4096", .serverNotProven),
            ("r=X\(nonce),s=QSXCR+Q6sek8bf92,i=4096", .serverNotProven),
            ("r=fyko,s=QSXCR+Q6sek8bf92,i=4096", .serverNotProven),
            ("r=other,s=QSXCR+Q6sek8bf92,i=4096", .serverNotProven),
            ("e=unknown-user", .refused),
        ]) func first(_ message: String, _ code: SaslError.Code) throws
    {
        var session = try Self.makeSession()
        _ = try session.step(nil)
        #expect(try Self.failure(&session, Array(message.utf8)).code == code)
    }

    @Test(
        "in its last message",
        arguments: [
            ("", SaslError.Code.serverNotProven),
            ("v=", .malformedChallenge),
            ("v", .malformedChallenge),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ", .malformedChallenge),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKR=", .malformedChallenge),
            ("x=1,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", .malformedChallenge),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,x", .malformedChallenge),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", .malformedChallenge),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,e=other-error", .malformedChallenge),
            (goodFirst, .malformedChallenge),
            ("v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", .serverNotProven),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKU=", .serverNotProven),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsA==", .serverNotProven),
            ("v=rmF9pqV8S7suAoZWja4dJRkFsKQA", .serverNotProven),
            ("v=rmF9", .serverNotProven),
            ("m=x,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", .unacceptableChallenge),
            ("e=invalid-proof", .refused),
            ("e=\u{7}something", .refused),
        ]) func last(_ message: String, _ code: SaslError.Code) throws
    {
        var session = try Self.makeSession()
        _ = try session.step(nil)
        _ = try session.step(Array(Self.goodFirst.utf8))
        #expect(try Self.failure(&session, Array(message.utf8)).code == code)
    }

    @Test("a refusal's value is repeated only when it is a known one") func refusals() throws {
        for (value, isShown) in [("invalid-proof", true), ("evil\u{1B}[2J", false)] {
            var session = try Self.makeSession()
            _ = try session.step(nil)
            let error = try Self.failure(&session, Array("e=\(value)".utf8))
            #expect(error.message.contains(value) == isShown)
        }
    }

    @Test("bytes that are no text", arguments: [[0xFF], [0x72, 0x3D, 0xC3], [0]] as [[UInt8]])
    func noText(_ bytes: [UInt8]) throws {
        var session = try Self.makeSession()
        _ = try session.step(nil)
        #expect(try Self.failure(&session, bytes).code == .malformedChallenge)
    }

    @Test("no challenge where one is needed") func missing() throws {
        var first = try Self.makeSession()
        _ = try first.step(nil)
        #expect(try Self.failure(&first, nil).code == .missingChallenge)
        var last = try Self.makeSession()
        _ = try last.step(nil)
        _ = try last.step(Array(Self.goodFirst.utf8))
        #expect(try Self.failure(&last, nil).code == .serverNotProven)
    }

    @Test("a challenge where none is allowed") func unexpected() throws {
        var early = try Self.makeSession()
        #expect(try Self.failure(&early, [1]).code == .unexpectedChallenge)
        var session = try Self.makeSession()
        _ = try session.step(nil)
        _ = try session.step(Array(Self.goodFirst.utf8))
        #expect(try session.step(Array("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=".utf8)) == .done)
        #expect(session.isComplete == true)
        #expect(try Self.failure(&session, [1]).code == .unexpectedChallenge)
    }

    @Test("too long a challenge") func tooLong() throws {
        var session = try Self.makeSession()
        _ = try session.step(nil)
        let challenge = [UInt8](repeating: UInt8(ascii: "r"), count: SaslLimits.maximumTokenLength + 1)
        #expect(try Self.failure(&session, challenge).code == .tooLarge)
    }

    @Test("every prefix of a good message is an error") func prefixes() throws {
        for count in 0..<Self.goodFirst.utf8.count {
            let prefix = Array(Self.goodFirst.utf8.prefix(count))
            var session = try Self.makeSession()
            _ = try session.step(nil)
            let error = try Self.failure(&session, prefix)
            let allowed: [SaslError.Code] = [.malformedChallenge, .serverNotProven, .unacceptableChallenge]
            #expect(allowed.contains(error.code), "\(count)")
        }
    }

    @Test("no error shows the password") func secrecy() throws {
        for message in ["e=pencil", "r=pencil", "v=pencil", "pencil"] {
            var session = try Self.makeSession()
            _ = try session.step(nil)
            let error = try Self.failure(&session, Array(message.utf8))
            #expect(!"\(error)".contains("pencil"))
        }
        let mechanism = ScramMechanism(.sha1, username: "u", password: Secret("pencil"))
        var dumped = ""
        dump(mechanism, to: &dumped)
        #expect(!dumped.contains("pencil"))
    }
}
