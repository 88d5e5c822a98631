/// One authentication: it owns and runs an exchange.
///
/// It enforces for every mechanism:
///
/// - **Order.** The first step of a client-first mechanism gets no challenge (`nil`) or, where the protocol has no
///   initial response, an empty one (RFC 4422 section 5, item 2a); the exchange gets `nil` either way. The first step
///   of a server-first mechanism gets the server's challenge: the client sends nothing before it.
/// - **Limits.** No exchange sees a challenge of more than ``SaslLimits/maximumTokenLength`` bytes, nor sends one.
/// - **Poisoning.** After a step that threw there are no more steps. The exchange is released, with its keys.
/// - **Completeness.** A poisoned session is not complete, and an incomplete one has no security layer.
///
/// **Success needs both sides.** An authentication has succeeded only when the server says so *and* ``isComplete`` is
/// true. The server's claim alone proves nothing.
///
/// ```swift
/// var session = try SaslSession(PlainMechanism(username: "ann", password: Secret("…")))
/// let first = try session.step(nil)
/// ```
public struct SaslSession: ~Copyable {
    /// The mechanism's name.
    public let mechanism: SaslMechanismName
    /// Who sends the first message: with a server-first mechanism the protocol begins without an initial response.
    public let firstSpeaker: SaslMechanismTraits.FirstSpeaker
    /// Gone once a step has thrown.
    private var exchange: (any SaslExchange)?
    private var hasBegun = false

    /// Begins an authentication.
    ///
    /// - Throws: ``SaslError`` when the mechanism's configuration cannot be used.
    public init(_ mechanism: any SaslMechanism) throws(SaslError) {
        self.init(
            try mechanism.makeExchange(), mechanism: mechanism.name, firstSpeaker: mechanism.traits.firstSpeaker)
    }

    /// Begins an authentication with a fresh exchange, for a caller that reads from it what only its type offers.
    ///
    /// The exchange belongs to the session: nothing else may call its `step`.
    public init(
        _ exchange: any SaslExchange, mechanism: SaslMechanismName,
        firstSpeaker: SaslMechanismTraits.FirstSpeaker = .client
    ) {
        self.exchange = exchange
        self.mechanism = mechanism
        self.firstSpeaker = firstSpeaker
    }

    /// Whether the mechanism has everything it needs (``SaslExchange/isComplete``), and no step has thrown.
    public var isComplete: Bool { exchange?.isComplete ?? false }

    /// Whether the next step may take long, if this is its challenge; for a mechanism whose traits say that a step may
    /// (``SaslMechanismTraits/mayBlock``). Otherwise the step can run on an event loop.
    public func mayBlock(on challenge: [UInt8]?) -> Bool {
        guard let exchange, challenge?.count ?? 0 <= SaslLimits.maximumTokenLength else { return false }
        return exchange.mayBlock(on: challenge)
    }

    /// Processes the server's challenge and returns what to do next.
    ///
    /// After ``isComplete`` the server's outcome may still have data; pass it to this method too, which throws
    /// if the mechanism allows none.
    ///
    /// - Parameter challenge: The server's bytes; `nil` when it sent none, which is not the same as an empty challenge.
    /// - Throws: ``SaslError``: of the exchange; ``SaslError/Code/tooLarge``; ``SaslError/Code/unexpectedChallenge``
    ///   and ``SaslError/Code/missingChallenge`` for a first step out of order; ``SaslError/Code/poisoned`` after any
    ///   error.
    public mutating func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        // Put back only on success.
        guard let exchange = exchange.take() else {
            throw SaslError(.poisoned, "this \(mechanism) exchange failed before and takes no more steps")
        }
        if let challenge, challenge.count > SaslLimits.maximumTokenLength {
            throw tooLarge("the server's challenge", challenge.count)
        }
        let step = try exchange.step(hasBegun ? challenge : try opening(challenge))
        if case .respond(let response) = step, response.count > SaslLimits.maximumTokenLength {
            throw tooLarge("the client's response", response.count)
        }
        hasBegun = true
        self.exchange = exchange
        return step
    }

    /// The layer that protects everything after the authentication.
    ///
    /// - Throws: ``SaslError/Code/incomplete`` before ``isComplete``, which does not poison the session; ``SaslError``
    ///   of the exchange.
    public mutating func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer {
        guard let exchange, exchange.isComplete else {
            throw SaslError(.incomplete, "a security layer exists only after the exchange is complete")
        }
        return try exchange.makeSecurityLayer()
    }

    private func opening(_ challenge: [UInt8]?) throws(SaslError) -> [UInt8]? {
        switch (firstSpeaker, challenge) {
        case (.server, nil):
            throw SaslError(.missingChallenge, "the server sent no challenge, but in \(mechanism) it speaks first")
        case (.client, let challenge?) where !challenge.isEmpty:
            throw SaslError(
                .unexpectedChallenge,
                "the server sent a challenge of \(challenge.count) bytes, but in \(mechanism) the client speaks first")
        case (.server, _): return challenge
        case (.client, _): return nil
        }
    }

    private func tooLarge(_ what: String, _ count: Int) -> SaslError {
        SaslError(.tooLarge, "\(what) has \(count) bytes, more than \(SaslLimits.maximumTokenLength)")
    }
}

/// Limits on what a session accepts and produces.
public enum SaslLimits {
    /// The longest challenge or response, in bytes: 1 MiB.
    public static let maximumTokenLength = 1 << 20
}
