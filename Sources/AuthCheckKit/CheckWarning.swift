/// A warning.
package struct CheckWarning: Sendable, Hashable, Encodable {
    /// Its stable name, for programs, such as `ticket-ends`.
    package var code: String
    /// What it is, in a sentence for people without the full stop.
    package var message: String

    /// Creates a warning.
    package init(_ code: String, _ message: String) {
        (self.code, self.message) = (code, message)
    }
}
