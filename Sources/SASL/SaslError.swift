/// Why a SASL exchange failed.
///
/// Every error of a step is final: the session takes no more of them (``SaslError/Code/poisoned``).
public struct SaslError: Error, Sendable {
    /// What kind of failure this is. The set is open: new codes may be added, so a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The mechanism's configuration is invalid, such as a NUL inside a user name.
        public static let invalidConfiguration = Code(value: "invalid-configuration")
        /// No mechanism is registered under that name, or none fits what the server offers and the policy allows.
        public static let mechanismUnavailable = Code(value: "mechanism-unavailable")
        /// The server's challenge does not have the form that the mechanism defines.
        public static let malformedChallenge = Code(value: "malformed-challenge")
        /// The server demands what a client must refuse: too few or too many iterations, an extension that it does not
        /// know.
        public static let unacceptableChallenge = Code(value: "unacceptable-challenge")
        /// The server sent a challenge where the mechanism has none, for example after its last message.
        public static let unexpectedChallenge = Code(value: "unexpected-challenge")
        /// The server sent no challenge where the mechanism needs one.
        public static let missingChallenge = Code(value: "missing-challenge")
        /// The client's response does not have the form that the mechanism defines.
        public static let malformedResponse = Code(value: "malformed-response")
        /// The client sent a response where the mechanism has none, for example after its last message.
        public static let unexpectedResponse = Code(value: "unexpected-response")
        /// The client sent no response where the mechanism needs one.
        public static let missingResponse = Code(value: "missing-response")
        /// The client has not proven who it is: a wrong password, an unknown user, a token that is not genuine.
        public static let credentialsRejected = Code(value: "credentials-rejected")
        /// The client is authenticated, but may not act as the identity that it asked for.
        public static let notAuthorized = Code(value: "not-authorized")
        /// The channel bindings of the two sides differ, or one side demands them and the other has none: there may
        /// be a man in the middle.
        public static let channelBinding = Code(value: "channel-binding")
        /// A challenge or response exceeds the limit of ``SaslLimits``.
        public static let tooLarge = Code(value: "too-large")
        /// The server did not prove its identity: its proof is wrong, or it claimed success before giving one.
        public static let serverNotProven = Code(value: "server-not-proven")
        /// The negotiation of a security layer was violated, or no layer satisfies both sides (RFC 4752 section 3.1).
        public static let securityLayer = Code(value: "security-layer")
        /// The server states a maximum message size although it offers no layer. RFC 4752 section 3.1 requires the
        /// client to refuse that; other clients do not check.
        public static let sizeWithoutLayer = Code(value: "size-without-layer")
        /// The server refused the authentication inside the mechanism's own messages.
        public static let refused = Code(value: "refused")
        /// The library that implements the mechanism failed; ``SaslError/underlying`` has its error.
        public static let mechanismFailure = Code(value: "mechanism-failure")
        /// A security layer was asked for before the exchange was complete.
        public static let incomplete = Code(value: "incomplete")
        /// The exchange failed before and takes no more steps.
        public static let poisoned = Code(value: "poisoned")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// One sentence for a person: what happened, its cause in words, and what to change if that is known. Never holds a
    /// secret.
    public var message: String
    /// The error that caused this one, for example a `GSSError`. For programs: what it says is in ``message`` too,
    /// since ``description`` does not show it.
    public var underlying: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }
}

extension SaslError: CustomStringConvertible {
    /// The code and the message, which says the cause in words.
    public var description: String { "\(code): \(message)" }
}
