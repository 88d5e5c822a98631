/// Why bytes are not BSON, why a value cannot be written as BSON, or why a text is not the value that it should be.
public struct BSONError: Error, Sendable, Hashable {
    /// The kind of error. The set is open: later versions may add codes.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The input, or the enclosing document, ended inside a value. The offset is where the bytes ran out.
        public static let truncated = Code(value: "truncated")
        /// A length is negative, too small, or contradicts what it encloses or what encloses it. The offset is that of
        /// the length, or of a document terminator that came before the document's end.
        public static let invalidLength = Code(value: "invalid-length")
        /// A NUL is missing at the end of a document, string or C string. The offset is where it should have been; for
        /// a C string, where the enclosing document ends.
        public static let missingTerminator = Code(value: "missing-terminator")
        /// A string or key is not UTF-8. The offset is that of the text's first byte.
        public static let invalidUTF8 = Code(value: "invalid-utf8")
        /// The element type is not one of BSON's. The offset is that of the type byte.
        public static let unknownType = Code(value: "unknown-type")
        /// A Boolean is neither 0 nor 1. The offset is that of its byte.
        public static let invalidBoolean = Code(value: "invalid-boolean")
        /// Documents are nested deeper than the limit. The offset is that of the first document too deep.
        public static let nestingTooDeep = Code(value: "nesting-too-deep")
        /// There are more elements than the limit. The offset is that of the first element too many.
        public static let tooManyElements = Code(value: "too-many-elements")
        /// Bytes follow the document. The offset is that of the first of them.
        public static let trailingBytes = Code(value: "trailing-bytes")
        /// A key, or another text that BSON stores as a C string, has a NUL in it and so cannot be encoded.
        public static let embeddedNUL = Code(value: "embedded-nul")
        /// The encoded document is longer than the limit.
        public static let documentTooLarge = Code(value: "document-too-large")
        /// A text is not an ObjectID or a decimal number that fits. The offset counts the text's UTF-8 bytes.
        public static let invalidText = Code(value: "invalid-text")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// The kind of error.
    public var code: Code
    /// Where: in decoding, a byte offset from the start of the input; in encoding, from the start of the document that
    /// was being written; for `invalidText`, from the start of the text.
    public var offset: Int
    /// What is wrong, for people. Never contains values of the document.
    public var message: String

    /// Creates an error.
    public init(_ code: Code, _ message: String, offset: Int) {
        self.code = code
        self.message = message
        self.offset = offset
    }
}

extension BSONError: CustomStringConvertible {
    /// The code, the offset and the message, on one line.
    public var description: String {
        "BSON \(code) at byte \(offset): \(message)"
    }
}
