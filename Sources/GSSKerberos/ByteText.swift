/// A principal or a path, compared as bytes, as Kerberos and the file system do.
///
/// Swift treats canonically equivalent strings as equal: `é` as one scalar and as two. They are two principals.
package struct ByteText: Sendable, Hashable {
    private let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: ByteText, other: ByteText) -> Bool {
        one.text.utf8.elementsEqual(other.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        // No text has this byte, so it separates the text from what follows.
        hasher.combine(0xFF as UInt8)
    }
}

/// Whether two names are the same bytes, or both missing.
package func isSameText(_ one: String?, _ other: String?) -> Bool { one.map(ByteText.init) == other.map(ByteText.init) }
