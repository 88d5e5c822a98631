/// What test support could not do. Its text is what a failing test shows, so it says what to do.
public struct TestSupportError: Error, Sendable, CustomStringConvertible {
    /// One or more sentences for a person.
    public var description: String

    /// Creates an error.
    public init(_ description: String) {
        self.description = description
    }
}
