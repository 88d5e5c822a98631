import SASL
import Testing

@testable import SASLSCRAM

/// What the cryptographic library does not do is an error with its reason.
@Suite struct ScramHashTests {
    /// PBKDF2 has no result of no iterations (RFC 8018 section 5.2).
    @Test func theReasonIsInTheMessage() throws {
        for hash in [ScramMechanism.Hash.sha1, .sha256] {
            let error = try #require(throws: SaslError.self) {
                try hash.saltedPassword(Secret("pencil"), salt: [1], iterations: 0)
            }
            #expect(error.code == .mechanismFailure)
            let cause = try #require(error.underlying)
            #expect(error.description.contains("\(cause)"))
        }
    }
}
