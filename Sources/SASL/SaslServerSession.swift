/// One authentication of a client: it owns and runs a server's exchange.
///
/// It enforces for every mechanism:
///
/// - **Order** (RFC 4422 section 5, item 2a). A client-first mechanism without an initial response gets an empty
///   challenge; the exchange sees the response to it. To a server-first mechanism no initial response may be sent.
/// - **Limits.** No exchange sees a response of more than ``SaslLimits/maximumTokenLength`` bytes, nor sends one.
/// - **Poisoning.** After a step that threw there are no more steps, no identity and no layer.
/// - **Authorization.** Success requires the mechanism's proof and the ``SaslAuthorizer``'s approval.
///
/// ```swift
/// var session = try SaslServerSession(PlainServerMechanism { user, password in users[user] == password })
/// switch try session.step(initialResponse) {
/// case .challenge(let challenge): …
/// case .success(let identity, let data): …
/// }
/// ```
///
/// Error messages are for the server's log, and contain nothing that a client sent. Tell the client only that
/// the authentication failed: it must not learn whether a user exists.
public struct SaslServerSession: ~Copyable {
    private enum State {
        case begun
        case running
        /// The mechanism's last data was sent as a challenge; the client acknowledges it with an empty response.
        case awaitingEmptyResponse(SaslIdentity)
        case succeeded(SaslIdentity)
    }

    /// The mechanism's name.
    public let mechanism: SaslMechanismName
    private let firstSpeaker: SaslMechanismTraits.FirstSpeaker
    private let sendsDataWithSuccess: Bool
    private let authorize: SaslAuthorizer
    /// Gone once a step has thrown.
    private var exchange: (any SaslServerExchange)?
    private var state = State.begun

    /// Begins an authentication.
    ///
    /// - Parameters:
    ///   - mechanism: The mechanism that the client has chosen.
    ///   - sendsDataWithSuccess: Whether the protocol can carry data with its success (RFC 4422 section 4, item 2d).
    ///     If it cannot, such data is sent as a challenge, and success follows the client's empty response.
    ///   - authorize: Decides which identity the client may act as.
    /// - Throws: ``SaslError`` when the mechanism's configuration cannot be used.
    public init(
        _ mechanism: any SaslServerMechanism, sendsDataWithSuccess: Bool = true,
        authorize: @escaping SaslAuthorizer = SaslAuthentication.onlyAsOneself
    ) throws(SaslError) {
        self.init(
            try mechanism.makeExchange(), mechanism: mechanism.name, firstSpeaker: mechanism.traits.firstSpeaker,
            sendsDataWithSuccess: sendsDataWithSuccess, authorize: authorize)
    }

    /// Begins an authentication with a fresh exchange, for a caller that reads from it what only its type offers, such
    /// as a credential that the client delegated.
    ///
    /// The exchange belongs to the session: nothing else may call its `step`.
    ///
    /// - Parameters:
    ///   - exchange: An exchange that has taken no step yet.
    ///   - mechanism: The name of its mechanism, for reports.
    ///   - firstSpeaker: Who sends the first message.
    ///   - sendsDataWithSuccess: Whether the protocol can carry data with its success.
    ///   - authorize: Decides which identity the client may act as.
    public init(
        _ exchange: any SaslServerExchange, mechanism: SaslMechanismName,
        firstSpeaker: SaslMechanismTraits.FirstSpeaker = .client, sendsDataWithSuccess: Bool = true,
        authorize: @escaping SaslAuthorizer = SaslAuthentication.onlyAsOneself
    ) {
        self.exchange = exchange
        self.mechanism = mechanism
        self.firstSpeaker = firstSpeaker
        self.sendsDataWithSuccess = sendsDataWithSuccess
        self.authorize = authorize
    }

    /// The authenticated identity; `nil` before success, and after a step that threw.
    public var identity: SaslIdentity? {
        if exchange != nil, case .succeeded(let identity) = state { identity } else { nil }
    }

    /// Whether the next step may take long, if this is its response; for a mechanism whose traits say that a step may.
    public func mayBlock(on response: [UInt8]?) -> Bool {
        guard let exchange, response?.count ?? 0 <= SaslLimits.maximumTokenLength else { return false }
        switch state {
        case .begun where response == nil && firstSpeaker == .client: return false
        case .begun, .running: return exchange.mayBlock(on: response)
        case .awaitingEmptyResponse, .succeeded: return false
        }
    }

    /// Processes the client's response and returns what to send.
    ///
    /// - Parameter response: The client's bytes. `nil` for the first step only, where the protocol carried no initial
    ///   response: that is not the same as an empty one.
    /// - Throws: ``SaslError``: of the exchange; ``SaslError/Code/tooLarge``; ``SaslError/Code/missingResponse`` and
    ///   ``SaslError/Code/unexpectedResponse`` for one out of order; ``SaslError/Code/notAuthorized``;
    ///   ``SaslError/Code/poisoned`` after any error.
    public mutating func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerStep {
        // Put back only on success.
        guard let exchange = exchange.take() else {
            throw SaslError(.poisoned, "this \(mechanism) exchange failed before and takes no more steps")
        }
        if let response, response.count > SaslLimits.maximumTokenLength {
            throw tooLarge("the client's response", response.count)
        }
        let step = try next(response, exchange)
        if case .challenge(let challenge) = step, challenge.count > SaslLimits.maximumTokenLength {
            throw tooLarge("the server's challenge", challenge.count)
        }
        self.exchange = exchange
        return step
    }

    /// The layer that protects everything after the authentication.
    ///
    /// - Throws: ``SaslError/Code/incomplete`` before success, which does not poison the session; ``SaslError`` of the
    ///   exchange.
    public mutating func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer {
        guard let exchange, case .succeeded = state else {
            throw SaslError(.incomplete, "a security layer exists only after the exchange is complete")
        }
        return try exchange.makeSecurityLayer()
    }

    private mutating func next(
        _ response: [UInt8]?, _ exchange: any SaslServerExchange
    ) throws(SaslError) -> SaslServerStep {
        switch state {
        case .begun:
            switch (firstSpeaker, response) {
            case (.client, nil):
                state = .running
                return .challenge([])
            case (.server, .some):
                throw SaslError(
                    .unexpectedResponse,
                    "the client sent an initial response, but in \(mechanism) the server speaks first")
            default: break
            }
        case .running: break
        case .awaitingEmptyResponse(let identity):
            guard response?.isEmpty == true else {
                throw SaslError(
                    .malformedResponse, "the client answered the last data of \(mechanism) with data of its own")
            }
            state = .succeeded(identity)
            return .success(identity, data: nil)
        case .succeeded:
            throw SaslError(.unexpectedResponse, "the client continues after the end of \(mechanism)")
        }
        guard response != nil || firstSpeaker == .server && isFirst else {
            throw SaslError(.missingResponse, "the client sent no response")
        }
        state = .running
        switch try exchange.step(response) {
        case .challenge(let challenge): return .challenge(challenge)
        case .authenticated(let authentication, let data): return try authorized(authentication, data)
        }
    }

    private var isFirst: Bool { if case .begun = state { true } else { false } }

    private mutating func authorized(
        _ authentication: SaslAuthentication, _ data: [UInt8]?
    ) throws(SaslError) -> SaslServerStep {
        guard let authorized = try authorize(authentication) else {
            throw SaslError(
                .notAuthorized, "the client is authenticated, but may not act as the identity that it asks for")
        }
        let identity = SaslIdentity(
            authenticationIdentity: authentication.authenticationIdentity, authorizationIdentity: authorized)
        if let data, !sendsDataWithSuccess {
            state = .awaitingEmptyResponse(identity)
            return .challenge(data)
        }
        state = .succeeded(identity)
        return .success(identity, data: data)
    }

    private func tooLarge(_ what: String, _ count: Int) -> SaslError {
        SaslError(.tooLarge, "\(what) has \(count) bytes, more than \(SaslLimits.maximumTokenLength)")
    }
}

/// What a server does after a step.
@frozen public enum SaslServerStep: Sendable, Hashable {
    /// Send this challenge, which may be empty, and pass the client's response to the next step.
    case challenge([UInt8])
    /// The client is authenticated and authorized: report success, with this data; `nil` is no data, which differs from
    /// empty data.
    case success(SaslIdentity, data: [UInt8]?)
}

/// A client's authentication and authorization identities.
public struct SaslIdentity: Sendable, Hashable {
    /// The proven identity of the client, in the mechanism's form.
    public let authenticationIdentity: String
    /// The authorization identity: what the ``SaslAuthorizer`` returned.
    public let authorizationIdentity: String
}
