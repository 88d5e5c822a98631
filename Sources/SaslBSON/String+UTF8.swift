extension String {
    /// Whether both have the same UTF-8 bytes. `==` treats canonically equivalent texts as equal, unlike
    /// the wire, and servers that compare names.
    func hasSameUTF8(as other: String) -> Bool {
        utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }

    /// Feeds the UTF-8 bytes and their number to a hasher, in accordance with `hasSameUTF8(as:)`.
    func hashUTF8(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(utf8.count)
    }
}
