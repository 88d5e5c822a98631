/// Text that must not be seen: a password, a key's pass phrase, a session token.
///
/// Descriptions, debug prints and reflection show `<redacted>` whatever the text. Equality and hashing use the text.
/// The memory is not wiped: the connection string that it came from has the text as well. Turn it into a secret that
/// is, as soon as it is used.
public struct RedactedString: Sendable, Hashable {
    private let text: String

    /// Keeps a text.
    public init(_ text: String) {
        self.text = text
    }

    /// The text itself. Name the reason wherever you call this.
    public func revealed() -> String { text }

    /// Whether the text has no characters.
    public var isEmpty: Bool { text.isEmpty }
}

extension RedactedString: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Always the same word, whatever the text.
    public var description: String { "<redacted>" }
    /// Always the same word, whatever the text.
    public var debugDescription: String { description }
    /// Shows nothing of the text.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
