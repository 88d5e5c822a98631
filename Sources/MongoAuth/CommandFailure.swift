internal import SaslBSON

/// A server's refusal to run a command, or its report that the command failed.
///
/// All texts come from the server. They are cut to a bounded length, with control characters escaped.
public struct CommandFailure: Error, Sendable, Hashable {
    /// The server's number for the kind of failure.
    public struct Code: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        /// The number.
        public var rawValue: Int64

        /// Creates a code from its number, known or not.
        public init(rawValue: Int64) {
            self.rawValue = rawValue
        }

        /// 2: a value in the command is wrong; older servers also use it for a mechanism that they do not have.
        public static let badValue = Code(rawValue: 2)
        /// 11: there is no such user.
        public static let userNotFound = Code(rawValue: 11)
        /// 13: the command needs authentication, or a privilege.
        public static let unauthorized = Code(rawValue: 13)
        /// 17: the command does not fit the state of the conversation.
        public static let protocolError = Code(rawValue: 17)
        /// 18: the authentication failed; servers do not say why.
        public static let authenticationFailed = Code(rawValue: 18)
        /// 59: the server does not know the command.
        public static let commandNotFound = Code(rawValue: 59)
        /// 91: the server is shutting down, or is not ready yet.
        public static let shutdownInProgress = Code(rawValue: 91)
        /// 115: the server does not have the command (Azure Cosmos DB).
        public static let commandNotSupported = Code(rawValue: 115)
        /// 238: the server does not have the command (FerretDB).
        public static let notImplemented = Code(rawValue: 238)
        /// 301: Amazon DocumentDB does not have the mechanism.
        static let unsupportedMechanism = Code(rawValue: 301)
        /// 303: the server does not have the command (Amazon DocumentDB).
        public static let featureNotSupported = Code(rawValue: 303)
        /// 322: the server does not have the version of its API that the command declares.
        public static let apiVersionError = Code(rawValue: 322)
        /// 323: the command is not part of the API version that it declares.
        public static let apiStrictError = Code(rawValue: 323)
        /// 334: the server does not have, or does not allow, the mechanism.
        public static let mechanismUnavailable = Code(rawValue: 334)
        /// 354: the server is behind a load balancer and the client says that there is none, or vice versa.
        public static let loadBalancerSupportMismatch = Code(rawValue: 354)
        /// 391: the server requires the connection to be reauthenticated, with current credentials
        /// (``MongoAuthenticator/authenticate(_:serverHost:server:over:by:observe:)`` on the same connection, without
        /// hello).
        public static let reauthenticationRequired = Code(rawValue: 391)
        /// 498870: the server demands that commands declare a version of its API (`requireApiVersion`).
        public static let apiVersionRequired = Code(rawValue: 498_870)

        /// The number.
        public var description: String { rawValue.description }
    }

    /// How many UTF-8 bytes of a server's message are kept.
    public static let maximumMessageLength = 1024
    /// How many UTF-8 bytes of a server's name for a code are kept.
    public static let maximumCodeNameLength = 128

    /// The field `code`; nil if the server sent none, or not a whole number.
    public let code: Code?
    /// The field `codeName`, as in `AuthenticationFailed`; nil if the server sent none.
    public let codeName: String?
    /// The field `errmsg`; empty if the server sent none.
    public let message: String

    /// Whether the server does not know the command. Servers before 3.6 had no code for that.
    var isUnknownCommand: Bool {
        message.hasPrefix("no such c")
            || [.commandNotFound, .commandNotSupported, .notImplemented, .featureNotSupported].contains(code)
    }

    /// Whether the server does not have the mechanism. Servers before 4.2 report a bad value.
    var isUnknownMechanism: Bool {
        code == .mechanismUnavailable
            || [.badValue, .unsupportedMechanism].contains(code) && message.hasPrefix("Unsupported mechanism")
    }

    /// Creates a failure; the texts are cut and escaped.
    public init(code: Code?, codeName: String? = nil, message: String = "") {
        self.code = code
        self.codeName = codeName.map { BoundedText.ofPeer($0, limit: Self.maximumCodeNameLength) }
        self.message = BoundedText.ofPeer(message, limit: Self.maximumMessageLength)
    }
}

extension CommandFailure: CustomStringConvertible {
    /// The message, the code and its name, on one line.
    public var description: String {
        let origin = [codeName, code.map { "code \($0)" }].compactMap { $0 }.joined(separator: ", ")
        let text = message.isEmpty ? "The server refused the command without a message." : message
        return origin.isEmpty ? text : "\(text) (\(origin))"
    }
}
