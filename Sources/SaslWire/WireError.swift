/// Why bytes are not a message of MongoDB's wire protocol, or why a message cannot be written as one.
public struct WireError: Error, Sendable {
    /// The kind of error. The set is open: later versions may add codes.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// A header states a length that no message can have, or that is over the limit.
        public static let invalidLength = Code(value: "invalid-length")
        /// The message, or the stream of bytes, ended before all of a message was there.
        public static let truncated = Code(value: "truncated")
        /// The bytes look like another protocol: the peer may be an HTTP server, or require TLS.
        public static let foreignProtocol = Code(value: "foreign-protocol")
        /// The operation is not OP_MSG, OP_QUERY or OP_REPLY.
        public static let unsupportedOpcode = Code(value: "unsupported-opcode")
        /// An OP_MSG has a required flag bit (0 to 15) that is unknown.
        public static let unknownFlags = Code(value: "unknown-flags")
        /// The CRC-32C of an OP_MSG is not that of its bytes.
        public static let checksumMismatch = Code(value: "checksum-mismatch")
        /// A field of a message, such as a count or a name, contradicts the rest of it.
        public static let malformedMessage = Code(value: "malformed-message")
        /// A section of an OP_MSG has an unknown kind, an impossible size, or an invalid identifier.
        public static let malformedSection = Code(value: "malformed-section")
        /// A document in a message is not BSON. The underlying error is a `BSONError`; its offset counts from the start
        /// of the message, or when encoding, of the document.
        public static let malformedDocument = Code(value: "malformed-document")
        /// An OP_MSG has no section of kind 0.
        public static let missingBody = Code(value: "missing-body")
        /// An OP_MSG has more than one section of kind 0.
        public static let duplicateBody = Code(value: "duplicate-body")
        /// A command's reply does not say, in a form that can be understood, whether the command succeeded.
        public static let malformedReply = Code(value: "malformed-reply")
        /// A message that was to be written is over the limit.
        public static let messageTooLarge = Code(value: "message-too-large")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// The kind of error.
    public var code: Code
    /// What is wrong, for people. Never contains values of a document.
    public var message: String
    /// Where, in bytes from the start of the message; nil if the error has no place.
    public var offset: Int?
    /// The error beneath, such as a `BSONError`.
    public var underlying: (any Error)?

    /// Creates an error.
    public init(_ code: Code, _ message: String, offset: Int? = nil, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
        self.underlying = underlying
    }
}

extension WireError: CustomStringConvertible {
    /// The code, the place, the message and the error beneath, on one line.
    public var description: String {
        let place = offset.map { " at byte \($0)" } ?? ""
        let cause = underlying.map { " (\($0))" } ?? ""
        return "wire protocol \(code)\(place): \(message)\(cause)"
    }
}
