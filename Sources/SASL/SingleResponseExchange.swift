/// The exchange of a mechanism that is one message from the client and nothing from the server.
final class SingleResponseExchange: SaslExchange {
    private let mechanism: SaslMechanismName
    private var response: [UInt8]?

    init(mechanism: SaslMechanismName, response: [UInt8]) {
        self.mechanism = mechanism
        self.response = response
    }

    deinit {
        // The response was not used, and may hold a password: wipe it.
        if var response = response.take() { wipe(&response) }
    }

    var isComplete: Bool { response == nil }

    func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        if let challenge, !challenge.isEmpty {
            throw SaslError(
                .unexpectedChallenge,
                "the server sent a challenge of \(challenge.count) bytes, but \(mechanism) has none")
        }
        return response.take().map { .respond($0) } ?? .done
    }
}

extension SingleResponseExchange: CustomReflectable {
    /// Without the response, which may hold a password: neither `dump` nor a debugger's print shows it.
    var customMirror: Mirror { Mirror(self, children: ["mechanism": mechanism]) }
}
