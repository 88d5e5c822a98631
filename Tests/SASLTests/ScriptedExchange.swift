import SASL

/// An exchange that plays back a script, and notes what it was given.
final class ScriptedExchange: SaslExchange {
    private var script: [Result<SaslStep, SaslError>]
    private let stepsToCompletion: Int
    private(set) var challenges: [[UInt8]?] = []

    init(_ script: [Result<SaslStep, SaslError>], stepsToCompletion: Int = 1) {
        self.script = script
        self.stepsToCompletion = stepsToCompletion
    }

    /// Stays true when a later step throws: a session does not rely on it.
    var isComplete: Bool { challenges.count >= stepsToCompletion }

    func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        challenges.append(challenge)
        guard !script.isEmpty else { throw SaslError(.unexpectedChallenge, "the script is over") }
        return try script.removeFirst().get()
    }
}
