/// An error of test support. A failing test shows its text, so it says what to do.
package struct TestSupportError: Error, Sendable, CustomStringConvertible {
    /// One or more sentences for a person.
    package var description: String

    /// Creates an error.
    package init(_ description: String) {
        self.description = description
    }
}
