internal import BlockingWork
internal import SASL

#if Kerberos
internal import GSSCore
internal import KerberosCredentials
#endif

/// Why an authentication did not succeed.
///
/// Failures of the transport are not among these: errors of a ``CommandRunner`` are passed on unchanged.
public struct MongoAuthError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure this is. The set is open.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The credential breaks a rule of the authentication specification.
        public static let invalidCredential = Code(value: "invalid-credential")
        /// The server refused; ``MongoAuthError/underlying`` is its `CommandFailure`.
        public static let refused = Code(value: "refused")
        /// The server does not have the mechanism, or has none in common with this client.
        public static let mechanismUnavailable = Code(value: "mechanism-unavailable")
        /// This client does not have the mechanism.
        public static let unsupportedMechanism = Code(value: "unsupported-mechanism")
        /// A reply lacks a field, or one has the wrong type.
        public static let malformedReply = Code(value: "malformed-reply")
        /// The server refused hello; ``MongoAuthError/underlying`` is its `CommandFailure`.
        public static let helloRefused = Code(value: "hello-refused")
        /// A load balancer was requested, and the server is not behind one.
        public static let notLoadBalanced = Code(value: "not-load-balanced")
        /// The server is an arbiter, which has no users: authenticate to another member.
        public static let arbiter = Code(value: "arbiter")
        /// A reply belongs to another conversation.
        public static let conversationMismatch = Code(value: "conversation-mismatch")
        /// The conversation did not end within the allowed number of steps.
        public static let tooManySteps = Code(value: "too-many-steps")
        /// The server claimed success before the mechanism had verified it.
        public static let serverNotProven = Code(value: "server-not-proven")
        /// The server does not know the command that asks for the authenticated user, or answers it without a name.
        /// After a mechanism with mutual authentication that is harmless; after any other it is the only evidence of
        /// the authentication.
        public static let identityNotTold = Code(value: "identity-not-told")
        /// The mechanism failed; ``MongoAuthError/underlying`` is its `SaslError`.
        public static let sasl = Code(value: "sasl")
        /// Kerberos failed before a token was made; ``MongoAuthError/underlying`` is a `KerberosCredentialError` or a
        /// `GSSError`.
        public static let kerberos = Code(value: "kerberos")
        /// All threads for blocking calls are busy.
        public static let noWorker = Code(value: "no-worker")
        /// The server does not answer pipelined commands as it answers single ones: authenticate without, on a new
        /// connection.
        public static let pipeliningRefused = Code(value: "pipelining-refused")
        /// The application's callback for MONGODB-OIDC failed; ``MongoAuthError/underlying`` is what it threw.
        public static let oidcCallback = Code(value: "oidc-callback")
        /// The deadline passed outside the transport; the message names what was waited for.
        public static let deadlineExceeded = Code(value: "deadline-exceeded")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// One sentence for a person. Never holds a secret.
    public var message: String
    /// The underlying error, if there is one.
    public var underlying: (any Error)?
    #if Kerberos
    /// The ticket that the server perhaps could not decrypt: its token did not lead to a security context.
    package var unreadTicket: ServiceCredential?
    #endif

    /// Creates an error.
    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}

extension MongoAuthError {
    /// Converts errors of the modules below into this module's form.
    static func translating<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch {
            throw translated(error)
        }
    }

    /// The error in this module's form; other errors unchanged.
    static func translated(_ error: any Error) -> any Error {
        switch error {
        case let error as BlockingWorkError:
            return MongoAuthError(
                error.code == .deadlineExceeded ? .deadlineExceeded : .noWorker, error.message, underlying: error)
        case let error as SaslError:
            return MongoAuthError(code(of: error), error.message, underlying: error)
        #if Kerberos
        case let error as KerberosCredentialError:
            return MongoAuthError(
                [.deadlineExceeded, .kdcTimeout, .threadsBusy].contains(error.code) ? .deadlineExceeded : .kerberos,
                error.message,
                underlying: error)
        #endif
        default:
            return error
        }
    }

    private static func code(of error: SaslError) -> Code {
        switch error.code {
        case .serverNotProven: .serverNotProven
        case .mechanismUnavailable: .mechanismUnavailable
        case .refused: .refused
        #if Kerberos
        case .mechanismFailure where error.underlying is GSSError: .kerberos
        #endif
        default: .sasl
        }
    }
}
