/// Something doubtful that need not be wrong.
public struct CheckWarning: Sendable, Hashable, Encodable {
    /// Its stable name, for programs, such as `ticket-ends`.
    public var code: String
    /// What it is, in a sentence for people without its full stop.
    public var message: String

    /// Creates a warning.
    public init(_ code: String, _ message: String) {
        (self.code, self.message) = (code, message)
    }
}
