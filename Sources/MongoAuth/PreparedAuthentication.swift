public import SASL

#if Kerberos
public import GSSCore
public import KerberosCredentials
public import SASLGSSAPI
#endif

/// An authentication whose first token is made. It runs once, by its type.
public struct PreparedAuthentication: ~Copyable {
    /// The mechanism.
    public let mechanism: SaslMechanismName
    /// The database of the authentication.
    public let source: String
    /// The command saslStart with the client's first token, one BSON document: what ``run(over:by:)`` sends first.
    public let firstCommand: [UInt8]
    /// The saslContinue that GSSAPI's client sends next, for pipelining.
    let anticipatedContinue: [UInt8]

    private var conversation: SaslConversation
    private var steps: ExchangeSteps
    private var details: AuthenticationDetails
    private let isTokenSecret: Bool
    private let observe: AuthenticationObserver?

    private init(
        firstCommand: [UInt8], anticipatedContinue: [UInt8], conversation: SaslConversation,
        steps: consuming ExchangeSteps, source: String, isTokenSecret: Bool, details: AuthenticationDetails,
        observe: AuthenticationObserver?
    ) {
        mechanism = details.mechanism
        self.source = source
        self.firstCommand = firstCommand
        self.anticipatedContinue = anticipatedContinue
        self.conversation = conversation
        self.steps = steps
        self.details = details
        self.isTokenSecret = isTokenSecret
        self.observe = observe
    }

    /// Takes the first step.
    ///
    /// - Parameters:
    ///   - isTokenSecret: Whether the length of a token says something of a password.
    ///   - details: What is known already.
    static func begin(
        _ steps: consuming ExchangeSteps, source: String, isTokenSecret: Bool, details: AuthenticationDetails,
        by deadline: ContinuousClock.Instant, observe: AuthenticationObserver?
    ) async throws -> PreparedAuthentication {
        var conversation = SaslConversation(mechanism: details.mechanism, source: source)
        guard case .step(let challenge) = try conversation.begin() else {
            throw MongoAuthError(.sasl, "the conversation did not begin with a step")
        }
        let first = try await steps.step(challenge, by: deadline)
        guard case .run(let command) = try conversation.stepped(first.step, isComplete: first.isComplete) else {
            throw MongoAuthError(.sasl, "the conversation did not begin with a command")
        }
        return PreparedAuthentication(
            firstCommand: command, anticipatedContinue: try conversation.anticipatedContinue(),
            conversation: conversation, steps: steps, source: source, isTokenSecret: isTokenSecret, details: details,
            observe: observe)
    }

    /// Runs the conversation: saslStart, then saslContinue until both sides are done.
    ///
    /// - Throws: ``MongoAuthError``, `CancellationError`, what the runner throws. The connection is then of no more use.
    @discardableResult
    public consuming func run(
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant
    ) async throws -> AuthenticationDetails {
        try await converse(over: runner, by: deadline)
    }

    /// The same, for one who wants to know afterwards how far it came.
    mutating func converse(
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant
    ) async throws -> AuthenticationDetails {
        observe?(.saslBegan(mechanism))
        var action = SaslConversation.Action.run(firstCommand)
        while true {
            switch action {
            case .run(let command):
                observe?(.saslSent(length: isTokenSecret ? nil : command.count))
                let reply = try await runner.run(command, by: deadline)
                observe?(.saslReceived(length: reply.count))
                action = try conversation.replied(reply)
            case .step(let challenge):
                let progress = try await steps.step(challenge, by: deadline)
                details.take(progress)
                action = try conversation.stepped(progress.step, isComplete: progress.isComplete)
            case .succeeded:
                observe?(.saslEnded(details))
                return details
            }
        }
    }

    /// Whether the server's proof was complete when the conversation ended: a refusal after that is about the user, not
    /// about the server's key.
    var isServerProven: Bool { details.isServerProven }
}

/// What is known of an authentication that has succeeded.
public struct AuthenticationDetails: Sendable, Hashable {
    /// The mechanism.
    public var mechanism: SaslMechanismName
    #if Kerberos
    /// The server's Kerberos name as it was asked for; `nil` for mechanisms without one.
    public var service: ServicePrincipal?
    /// The full principal that the ticket names as the user; `nil` for mechanisms without one.
    public var clientPrincipal: String?
    /// The full principal of the service, as the ticket names it; `nil` for mechanisms without one.
    public var servicePrincipal: String?
    /// The services that the security context grants; `nil` for mechanisms without one.
    public var grantedFlags: GSSContextFlags?
    /// The security layers that the server offered; `nil` for mechanisms without them.
    public var offer: GSSAPISecurityLayerOffer?
    #endif
    /// Whether the mechanism has proven the server's identity.
    public var isServerProven = false

    init(mechanism: SaslMechanismName) {
        self.mechanism = mechanism
    }

    fileprivate mutating func take(_ progress: ExchangeSteps.Progress) {
        #if Kerberos
        grantedFlags = progress.grantedFlags ?? grantedFlags
        offer = progress.offer ?? offer
        #endif
        isServerProven = progress.isServerProven
    }
}
