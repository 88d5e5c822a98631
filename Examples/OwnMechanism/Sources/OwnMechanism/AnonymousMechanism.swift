import SASL

/// A mechanism from outside the package: ANONYMOUS (RFC 4505), one message with trace information and no proof of
/// anything.
struct AnonymousMechanism: SaslMechanism {
    /// The trace information, for the server's log: a mail address or any other text without an `@`, at most 255
    /// characters.
    let trace: String

    /// The mechanism's name. The literal is well-formed, so the fallback is never taken.
    let name = SaslMechanismName(literal: "ANONYMOUS")
    let traits = SaslMechanismTraits()

    func makeExchange() throws(SaslError) -> Exchange {
        guard trace.unicodeScalars.count <= 255 else {
            throw SaslError(.invalidConfiguration, "the trace information has more than 255 characters")
        }
        return Exchange(trace: trace)
    }

    /// The rules of ANONYMOUS; `SaslSession` enforces the rest.
    final class Exchange: SaslExchange {
        private let trace: String
        private(set) var isComplete = false

        init(trace: String) {
            self.trace = trace
        }

        func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
            guard challenge?.isEmpty ?? true else {
                throw SaslError(.unexpectedChallenge, "ANONYMOUS has no challenge")
            }
            guard !isComplete else { return .done }
            isComplete = true
            return .respond(Array(trace.utf8))
        }
    }
}
