/// A principal or a path, which are bytes to Kerberos and to the file system.
///
/// Swift takes strings for equal whose characters are: `é` as one scalar and as two. They are two principals.
package struct ByteText: Sendable, Hashable {
    private let text: String

    package init(_ text: String) { self.text = text }

    package static func == (one: ByteText, other: ByteText) -> Bool {
        one.text.utf8.elementsEqual(other.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        // No text has this byte: what follows does not run into it.
        hasher.combine(0xFF as UInt8)
    }
}

/// Whether two names are the same bytes, or both missing.
package func isSameText(_ one: String?, _ other: String?) -> Bool { one.map(ByteText.init) == other.map(ByteText.init) }
