public import SASL
internal import SaslBSON

#if Kerberos
public import GSSCore
public import KerberosCredentials
public import SASLGSSAPI
#endif

/// An authentication whose first token is made. Its type allows one run.
public struct PreparedAuthentication: ~Copyable {
    /// What saslStart names, negotiated or given.
    public let mechanism: SaslMechanismName
    /// The database of the authentication.
    public let source: String
    /// The command saslStart with the client's first token, one BSON document: what ``run(over:begunWith:by:)`` sends
    /// first. For MONGODB-X509 it is `authenticate`.
    public let firstCommand: [UInt8]
    /// The same for ``Hello/speculativeAuthenticate``; `nil` for mechanisms without speculative authentication
    /// (auth.md, "Speculative Authentication").
    public let speculativeCommand: [UInt8]?
    /// The saslContinue that GSSAPI's client sends next, for pipelining.
    let anticipatedContinue: [UInt8]

    /// `nil` for MONGODB-X509, which is one command without a conversation.
    private var course: Course?
    private var details: AuthenticationDetails
    private let isTokenSecret: Bool
    private let observe: AuthenticationObserver?

    private struct Course: ~Copyable {
        var conversation: SaslConversation
        var steps: ExchangeSteps
    }

    private init(
        firstCommand: [UInt8], anticipatedContinue: [UInt8] = [], course: consuming Course?, source: String,
        isTokenSecret: Bool = false, details: AuthenticationDetails, observe: AuthenticationObserver?
    ) throws(MongoAuthError) {
        mechanism = details.mechanism
        self.source = source
        self.firstCommand = firstCommand
        self.anticipatedContinue = anticipatedContinue
        speculativeCommand =
            mechanism.isScram || course == nil ? try Command.withinHello(firstCommand) : nil
        self.course = course
        self.details = details
        self.isTokenSecret = isTokenSecret
        self.observe = observe
    }

    /// Takes the first step.
    ///
    /// - Parameters:
    ///   - isTokenSecret: Whether the length of a token reveals something about a password.
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
        return try PreparedAuthentication(
            firstCommand: command, anticipatedContinue: try conversation.anticipatedContinue(),
            course: Course(conversation: conversation, steps: steps), source: source, isTokenSecret: isTokenSecret,
            details: details, observe: observe)
    }

    /// Prepares MONGODB-X509: the TLS handshake has authenticated the client.
    ///
    /// - Parameter username: The certificate's subject; empty lets the server take it from the certificate.
    static func certificate(
        username: String, source: String, observe: AuthenticationObserver?
    ) throws(MongoAuthError) -> PreparedAuthentication {
        var command: BSONDocument = ["authenticate": 1, "mechanism": .string(SaslMechanismName.mongoDBX509.rawValue)]
        if !username.isEmpty { command.append("user", .string(username)) }
        command.append("$db", .string(source))
        return try PreparedAuthentication(
            firstCommand: try Command.encoded(command), course: nil, source: source,
            details: AuthenticationDetails(mechanism: .mongoDBX509), observe: observe)
    }

    /// Runs the conversation: saslStart, then saslContinue until both sides are done.
    ///
    /// - Parameters:
    ///   - runner: The connection.
    ///   - server: The reply to a hello that had ``speculativeCommand``, on the same connection; the conversation
    ///     continues from there if the server answered that, else it starts.
    ///   - deadline: When to stop waiting.
    /// - Throws: ``MongoAuthError``, `CancellationError`, what the runner throws. The connection cannot be used
    ///   afterwards.
    @discardableResult
    public consuming func run(
        over runner: some CommandRunner, begunWith server: ServerDescription? = nil,
        by deadline: ContinuousClock.Instant
    ) async throws -> AuthenticationDetails {
        try await converse(over: runner, begunWith: server, by: deadline)
    }

    /// The same, for a caller that needs to know how far it came.
    mutating func converse(
        over runner: some CommandRunner, begunWith server: ServerDescription? = nil,
        by deadline: ContinuousClock.Instant
    ) async throws -> AuthenticationDetails {
        observe?(.saslBegan(mechanism))
        var early = speculativeCommand == nil ? nil : server?.speculativeReply
        // For a certificate the reply must name the user: nothing else in it is evidence.
        if course == nil, let reply = early, !Self.namesUser(reply) { early = nil }
        var reply = try await reply(to: firstCommand, over: runner, unless: early, by: deadline)
        guard course != nil else {
            _ = try CommandReply(reply, to: "authenticate").accepted(mechanism)
            observe?(.saslEnded(details))
            return details
        }
        while true {
            var action = try course?.conversation.replied(reply)
            if case .step(let challenge)? = action, let progress = try await course?.steps.step(challenge, by: deadline)
            {
                details.take(progress)
                action = try course?.conversation.stepped(progress.step, isComplete: progress.isComplete)
            }
            guard case .run(let command)? = action else {
                guard case .succeeded? = action else { throw MongoAuthError(.sasl, "the conversation has stopped") }
                observe?(.saslEnded(details))
                return details
            }
            reply = try await self.reply(to: command, over: runner, by: deadline)
        }
    }

    private static func namesUser(_ reply: [UInt8]) -> Bool {
        (try? BSONDocument(decoding: reply))?["user"]?.stringValue != nil
    }

    /// - Parameter early: The reply, if it has already come.
    private func reply(
        to command: [UInt8], over runner: some CommandRunner, unless early: [UInt8]? = nil,
        by deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        observe?(.saslSent(length: isTokenSecret ? nil : command.count))
        let reply = if let early { early } else { try await runner.run(command, by: deadline) }
        observe?(.saslReceived(length: reply.count))
        return reply
    }

    /// Whether the server's proof was complete when the conversation ended: a refusal after that concerns the
    /// user, not the server's key.
    var isServerProven: Bool { details.isServerProven }
}

/// The details of a successful authentication.
public struct AuthenticationDetails: Sendable, Hashable {
    /// What saslStart names, negotiated or given.
    public var mechanism: SaslMechanismName
    #if Kerberos
    /// The requested Kerberos name of the server; `nil` for mechanisms without one.
    public var service: ServicePrincipal?
    /// The user's full principal in the ticket; `nil` for mechanisms without one.
    public var clientPrincipal: String?
    /// The service's full principal in the ticket; `nil` for mechanisms without one.
    public var servicePrincipal: String?
    /// The services that the security context grants; `nil` for mechanisms without one.
    public var grantedFlags: GSSContextFlags?
    /// The security layers that the server offered; `nil` for mechanisms without them.
    public var offer: GSSAPISecurityLayerOffer?
    #endif
    /// Whether the mechanism has proven the server's identity.
    public var isServerProven = false
    /// The token of MONGODB-OIDC that was taken, by its number; see ``OIDCTokens/invalidate(after:)``.
    var tokenNumber: Int?

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
