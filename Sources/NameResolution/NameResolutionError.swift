/// Why a name did not resolve.
public struct NameResolutionError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure this is. The set is open.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The name does not exist.
        public static let noSuchName = Code(value: "no-such-name")
        /// The name exists but has no address of the family asked for.
        public static let noAddress = Code(value: "no-address")
        /// The name exists, or may exist, but has no record of the type asked for.
        public static let noRecords = Code(value: "no-records")
        /// A name server did not or could not answer: the same question may succeed later.
        public static let temporaryFailure = Code(value: "temporary-failure")
        /// Any other failure of the system's resolver.
        public static let failure = Code(value: "failure")
        /// The text is not a valid host name.
        public static let invalidName = Code(value: "invalid-name")
        /// What the name servers sent does not answer the question.
        public static let malformedAnswer = Code(value: "malformed-answer")
        /// The deadline passed before the answer came.
        public static let deadlineExceeded = Code(value: "deadline-exceeded")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// The name or address that was asked for.
    public var name: String
    /// One sentence for a person.
    public var message: String
    /// The underlying error, if there is one.
    public var underlying: (any Error)?

    /// Creates an error.
    public init(_ code: Code, name: String, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.name = name
        self.message = message
        self.underlying = underlying
    }

    /// The code, the name and the message.
    public var description: String { "\(code): \(name): \(message)" }
}
