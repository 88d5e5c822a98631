/// Why blocking work gave no result. Errors of the work itself are passed on unchanged.
public struct BlockingWorkError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure this is. The set is open.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The deadline passed while the work ran or waited for a worker.
        public static let deadlineExceeded = Code(value: "deadline-exceeded")
        /// Every worker is busy and the queue is full, or the system cannot start more threads.
        public static let exhausted = Code(value: "exhausted")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// One sentence for a person.
    public var message: String
    /// Whether a worker had started. If not, no request was made: all workers were busy until the deadline.
    public private(set) var hasBegun = true

    /// The deadline has passed.
    ///
    /// - Parameters:
    ///   - hasBegun: Whether a worker had started.
    ///   - subject: What it then waited for.
    static func late(hasBegun: Bool, _ subject: () -> String) -> BlockingWorkError {
        var error = BlockingWorkError(
            .deadlineExceeded,
            hasBegun
                ? "the deadline passed while waiting for \(subject())"
                : "the deadline passed before a thread was free: all were waiting for other requests"
        )
        error.hasBegun = hasBegun
        return error
    }

    /// Creates an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(code): \(message)" }
}
