/// Why the test server could not be started.
package struct MongoTestServerError: Error, Sendable {
    /// What kind of failure this is. The set is open: new codes may be added, so a `switch` needs a `default`.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The configuration cannot be used as it is.
        package static let invalidConfiguration = Code(value: "invalid-configuration")
        /// Cyrus SASL could not be initialised, or has no GSSAPI plugin.
        package static let sasl = Code(value: "sasl")
        /// An address could not be bound.
        package static let listen = Code(value: "listen")

        /// The code's stable, hyphenated name.
        package var description: String { value }
    }

    /// What kind of failure this is.
    package var code: Code
    /// One sentence for a person: what happened, and what to change if that is known.
    package var message: String
    /// The error that caused this one.
    package var underlying: (any Error)?

    /// Creates an error.
    package init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }
}

extension MongoTestServerError: CustomStringConvertible {
    /// The code, the message and the cause, if there is one.
    package var description: String {
        let cause = underlying.map { " (\($0))" } ?? ""
        return "\(code): \(message)\(cause)"
    }
}
