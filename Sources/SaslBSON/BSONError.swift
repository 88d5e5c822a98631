/// Why bytes are not BSON, why a value cannot be written as BSON, or why a text is not the value that it should be.
public struct BSONError: Error, Sendable, Hashable {
    /// The kind of the defect. The set is open: later versions may add codes.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case truncated
            case invalidLength = "invalid-length"
            case missingTerminator = "missing-terminator"
            case invalidUTF8 = "invalid-utf8"
            case unknownType = "unknown-type"
            case invalidBoolean = "invalid-boolean"
            case nestingTooDeep = "nesting-too-deep"
            case tooManyElements = "too-many-elements"
            case trailingBytes = "trailing-bytes"
            case embeddedNUL = "embedded-nul"
            case documentTooLarge = "document-too-large"
            case invalidText = "invalid-text"
        }

        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// The input, or the enclosing document, ended inside a value. The offset is where the bytes ran out.
        public static let truncated = Code(.truncated)
        /// A length is negative, too small, or contradicts what it encloses or what encloses it. The offset is that of
        /// the length, or of a document terminator that came before the document's end.
        public static let invalidLength = Code(.invalidLength)
        /// A NUL is missing at the end of a document, string or C string. The offset is where it should have been; for
        /// a C string, where the enclosing document ends.
        public static let missingTerminator = Code(.missingTerminator)
        /// A string or key is not UTF-8. The offset is that of the text's first byte.
        public static let invalidUTF8 = Code(.invalidUTF8)
        /// The element type is none of BSON's. The offset is that of the type byte.
        public static let unknownType = Code(.unknownType)
        /// A Boolean is neither 0 nor 1. The offset is that of its byte.
        public static let invalidBoolean = Code(.invalidBoolean)
        /// Documents are nested deeper than the limit. The offset is that of the first document too deep.
        public static let nestingTooDeep = Code(.nestingTooDeep)
        /// There are more elements than the limit. The offset is that of the first element too many.
        public static let tooManyElements = Code(.tooManyElements)
        /// Bytes follow the document. The offset is that of the first of them.
        public static let trailingBytes = Code(.trailingBytes)
        /// A key, or another text that BSON stores as a C string, has a NUL in it and so cannot be encoded.
        public static let embeddedNUL = Code(.embeddedNUL)
        /// The encoded document is longer than the limit.
        public static let documentTooLarge = Code(.documentTooLarge)
        /// A text is not an ObjectID or a decimal number that fits. The offset counts the text's UTF-8 bytes.
        public static let invalidText = Code(.invalidText)

        /// The code's stable, hyphenated name.
        public var description: String { value.rawValue }
    }

    /// The kind of the defect.
    public var code: Code
    /// Where: in decoding, a byte offset from the start of the input; in encoding, from the start of the document that
    /// was being written; for `invalidText`, from the start of the text.
    public var offset: Int
    /// What is wrong, for people. Never contains values of the document.
    public var message: String

    /// Creates an error.
    public init(code: Code, offset: Int, message: String) {
        self.code = code
        self.offset = offset
        self.message = message
    }
}

extension BSONError: CustomStringConvertible {
    /// The code, the offset and the message, on one line.
    public var description: String {
        "BSON \(code) at byte \(offset): \(message)"
    }
}
