/// The exchange of a mechanism that is one message from the client and nothing from the server.
///
/// A protocol without initial responses has the server send one empty challenge first (RFC 4422 section 3.3); `nil` and
/// an empty challenge therefore both start the exchange.
final class SingleResponseExchange: SaslExchange {
    private enum State {
        case initial(response: [UInt8])
        case sent
        case poisoned
    }

    private let mechanism: SaslMechanismName
    private var state: State

    init(mechanism: SaslMechanismName, response: [UInt8]) {
        self.mechanism = mechanism
        state = .initial(response: response)
    }

    deinit {
        // Nobody took the response, which may hold a password: wipe it.
        if case .initial(var response) = state {
            state = .sent
            wipe(&response)
        }
    }

    var isComplete: Bool {
        if case .sent = state { true } else { false }
    }

    func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        switch state {
        case .initial(let response):
            guard challenge?.isEmpty ?? true else { throw poison(unexpected: challenge) }
            state = .sent
            return .respond(response)
        case .sent:
            guard challenge?.isEmpty ?? true else { throw poison(unexpected: challenge) }
            return .done
        case .poisoned:
            throw SaslError(.poisoned, "this \(mechanism) exchange failed before and takes no more steps")
        }
    }

    private func poison(unexpected challenge: [UInt8]?) -> SaslError {
        state = .poisoned
        return SaslError(
            .unexpectedChallenge,
            "the server sent a challenge of \(challenge?.count ?? 0) bytes, but \(mechanism) has none")
    }
}

extension SingleResponseExchange: CustomReflectable {
    /// Without the response, which may hold a password: neither `dump` nor a debugger's print shows it.
    var customMirror: Mirror { Mirror(self, children: ["mechanism": mechanism]) }
}
