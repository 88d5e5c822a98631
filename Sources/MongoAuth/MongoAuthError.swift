/// Why an authentication did not succeed.
///
/// Failures of the transport are not among these: what a ``SaslWire/CommandRunner`` throws comes through as it is.
public struct MongoAuthError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure this is. The set is open.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case invalidCredential = "invalid-credential"
            case refused
            case mechanismUnavailable = "mechanism-unavailable"
            case malformedReply = "malformed-reply"
            case conversationMismatch = "conversation-mismatch"
            case tooManySteps = "too-many-steps"
            case serverNotProven = "server-not-proven"
            case sasl
            case kerberos
            case noWorker = "no-worker"
            case deadlineExceeded = "deadline-exceeded"
        }

        private let value: Value

        /// The credential breaks a rule of the authentication specification.
        public static let invalidCredential = Code(value: .invalidCredential)
        /// The server refused; ``MongoAuthError/underlying`` is its `CommandFailure`.
        public static let refused = Code(value: .refused)
        /// The server, or this client, does not have the mechanism.
        public static let mechanismUnavailable = Code(value: .mechanismUnavailable)
        /// A reply lacks a field, or one has the wrong type.
        public static let malformedReply = Code(value: .malformedReply)
        /// A reply belongs to another conversation.
        public static let conversationMismatch = Code(value: .conversationMismatch)
        /// The conversation did not end within the allowed number of steps.
        public static let tooManySteps = Code(value: .tooManySteps)
        /// The server claimed success before the mechanism had its proof.
        public static let serverNotProven = Code(value: .serverNotProven)
        /// The mechanism failed; ``MongoAuthError/underlying`` is its `SaslError`.
        public static let sasl = Code(value: .sasl)
        /// Kerberos failed before a token was made; ``MongoAuthError/underlying`` is a `GSSError`.
        public static let kerberos = Code(value: .kerberos)
        /// All threads for blocking calls are taken.
        public static let noWorker = Code(value: .noWorker)
        /// The deadline passed outside the transport.
        public static let deadlineExceeded = Code(value: .deadlineExceeded)

        /// The code's stable, hyphenated name.
        public var description: String { value.rawValue }
    }

    /// What kind of failure this is.
    public var code: Code
    /// One sentence for a person. Never holds a secret.
    public var message: String
    /// The error beneath, where there is one.
    public var underlying: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}
