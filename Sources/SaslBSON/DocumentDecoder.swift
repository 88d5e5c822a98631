/// Decodes one document. Nested documents are kept on a stack of its own and not on the thread's, which a peer could
/// otherwise exhaust.
struct DocumentDecoder {
    /// A document that has been opened and not yet closed.
    private struct Frame {
        enum Kind {
            case document
            case array
            /// The scope of JavaScript code that ends, scope included, at an offset.
            case scope(code: String, end: Int)
        }

        let kind: Kind
        /// Under which key the document goes into the enclosing one.
        let key: Key
        /// The offset of the document's terminator.
        let terminator: Int
        var elements: [BSONDocument.Element] = []
        var values: [BSONValue] = []
        var irregularKeys: [String]?

        mutating func append(_ key: Key, _ value: BSONValue) {
            switch (kind, key) {
            case (.array, .index):
                irregularKeys?.append(String(values.count))
                values.append(value)
            case (.array, .text(let text)):
                if irregularKeys == nil {
                    irregularKeys = values.indices.map { String($0) }
                }
                irregularKeys?.append(text)
                values.append(value)
            case (_, .text(let text)):
                elements.append((text, value))
            case (_, .index):
                elements.append((String(elements.count), value))
            }
        }
    }

    /// A key; that of an array element which is its index is not made into a string.
    private enum Key {
        case index
        case text(String)
    }

    private var reader: ByteReader
    private let limits: BSONLimits
    private var stack: [Frame] = []
    /// How many elements have been read, in all levels.
    private(set) var elementCount = 0

    /// `position` must lie within `bytes`.
    init(bytes: UnsafeRawBufferPointer, position: Int, limits: BSONLimits) {
        reader = ByteReader(bytes: bytes, position: position)
        self.limits = limits
    }

    /// The offset after what has been decoded.
    var position: Int { reader.position }

    /// Decodes the document at the position.
    mutating func decode() throws(BSONError) -> BSONDocument {
        var frame = try open(.document, key: .index, depth: 1, before: reader.count)
        while true {
            let offset = reader.position
            let type = try reader.readByte(before: frame.terminator + 1)
            if offset == frame.terminator {
                guard type == 0 else {
                    throw BSONError(.missingTerminator, "A document does not end with NUL.", offset: offset)
                }
                guard var parent = stack.popLast() else { return BSONDocument(frame.elements) }
                parent.append(frame.key, try close(frame))
                frame = parent
                continue
            }
            guard type != 0 else {
                throw BSONError(.invalidLength, "A document ends before its length says.", offset: offset)
            }
            elementCount += 1
            guard elementCount <= limits.maximumElementCount else {
                throw BSONError(
                    .tooManyElements,
                    "The document has more than the \(limits.maximumElementCount) elements that are accepted.",
                    offset: offset)
            }
            let key = try readKey(in: frame)
            if let kind = try openingKind(type, before: frame.terminator) {
                // The frame around the child is not on the stack yet.
                let limit = if case .scope(_, let end) = kind { end } else { frame.terminator }
                let child = try open(kind, key: key, depth: stack.count + 2, before: limit)
                stack.append(frame)
                frame = child
            } else {
                frame.append(key, try readValue(type, at: offset, before: frame.terminator))
            }
        }
    }

    private mutating func open(
        _ kind: Frame.Kind, key: Key, depth: Int, before limit: Int
    ) throws(BSONError) -> Frame {
        let start = reader.position
        guard depth <= limits.maximumNestingDepth else {
            throw BSONError(
                .nestingTooDeep,
                "Documents are nested deeper than the \(limits.maximumNestingDepth) levels that are accepted.",
                offset: start)
        }
        let length = Int(try reader.readInteger(Int32.self, before: limit))
        guard length >= 5, length <= limits.maximumDocumentLength else {
            throw BSONError(
                .invalidLength,
                "A document has a length of \(length) where 5 to \(limits.maximumDocumentLength) are possible.",
                offset: start)
        }
        guard length <= limit - start else {
            if depth == 1 {
                throw BSONError(
                    .truncated, "The document has \(length) bytes, of which only \(limit - start) are present.",
                    offset: limit)
            }
            throw BSONError(
                .invalidLength,
                "A document of \(length) bytes does not fit into the \(limit - start) that are left around it.",
                offset: start)
        }
        return Frame(kind: kind, key: key, terminator: start + length - 1)
    }

    private func close(_ frame: Frame) throws(BSONError) -> BSONValue {
        switch frame.kind {
        case .document:
            return .document(BSONDocument(frame.elements))
        case .array:
            return .array(BSONArray(values: frame.values, irregularKeys: frame.irregularKeys))
        case .scope(let code, let end):
            guard reader.position == end else {
                throw BSONError(
                    .invalidLength, "The scope of JavaScript code ends \(end - reader.position) bytes too early.",
                    offset: reader.position - 1)
            }
            return .javascriptWithScope(
                BSONJavaScriptWithScope(code: code, scope: BSONDocument(frame.elements)))
        }
    }

    private mutating func readKey(in frame: Frame) throws(BSONError) -> Key {
        let start = reader.position
        let bytes = try reader.readCString(before: frame.terminator)
        if case .array = frame.kind, BSONArray.isRegular(bytes, at: frame.values.count) {
            return .index
        }
        return .text(try ByteReader.text(bytes, at: start))
    }

    /// What the type opens, if it is one that holds a document; JavaScript code is read up to its scope.
    private mutating func openingKind(_ type: UInt8, before limit: Int) throws(BSONError) -> Frame.Kind? {
        switch type {
        case 0x03:
            return .document
        case 0x04:
            return .array
        case 0x0F:
            let start = reader.position
            let length = Int(try reader.readInteger(Int32.self, before: limit))
            // The shortest: this length, an empty string (5 bytes) and an empty document (5 bytes).
            guard length >= 14, length <= limit - start else {
                throw BSONError(
                    .invalidLength,
                    "JavaScript code with scope has a length of \(length)"
                        + " where 14 to \(limit - start) are possible.", offset: start)
            }
            return .scope(code: try reader.readString(before: start + length), end: start + length)
        default:
            return nil
        }
    }

    private mutating func readValue(_ type: UInt8, at offset: Int, before limit: Int) throws(BSONError) -> BSONValue {
        switch type {
        case 0x01:
            return .double(Double(bitPattern: try reader.readInteger(before: limit)))
        case 0x02:
            return .string(try reader.readString(before: limit))
        case 0x05:
            return .binary(try readBinary(before: limit))
        case 0x06:
            return .undefined
        case 0x07:
            return .objectID(try readObjectID(before: limit))
        case 0x08:
            return .bool(try readBool(before: limit))
        case 0x09:
            return .datetime(BSONDatetime(millisecondsSince1970: try reader.readInteger(before: limit)))
        case 0x0A:
            return .null
        case 0x0B:
            let pattern = try readCStringText(before: limit)
            return .regex(BSONRegex(pattern: pattern, options: try readCStringText(before: limit)))
        case 0x0C:
            let namespace = try reader.readString(before: limit)
            return .dbPointer(BSONDBPointer(namespace: namespace, id: try readObjectID(before: limit)))
        case 0x0D:
            return .javascript(try reader.readString(before: limit))
        case 0x0E:
            return .symbol(try reader.readString(before: limit))
        case 0x10:
            return .int32(try reader.readInteger(before: limit))
        case 0x11:
            let increment = try reader.readInteger(UInt32.self, before: limit)
            return .timestamp(BSONTimestamp(seconds: try reader.readInteger(before: limit), increment: increment))
        case 0x12:
            return .int64(try reader.readInteger(before: limit))
        case 0x13:
            let low = try reader.readInteger(UInt64.self, before: limit)
            return .decimal128(BSONDecimal128(high: try reader.readInteger(before: limit), low: low))
        case 0xFF:
            return .minKey
        case 0x7F:
            return .maxKey
        default:
            throw BSONError(.unknownType, "The element type \(type) is not one of BSON's.", offset: offset)
        }
    }

    private mutating func readCStringText(before limit: Int) throws(BSONError) -> String {
        let start = reader.position
        return try ByteReader.text(try reader.readCString(before: limit), at: start)
    }

    private mutating func readBool(before limit: Int) throws(BSONError) -> Bool {
        let offset = reader.position
        switch try reader.readByte(before: limit) {
        case 0:
            return false
        case 1:
            return true
        case let byte:
            throw BSONError(.invalidBoolean, "A Boolean is \(byte) where 0 or 1 are possible.", offset: offset)
        }
    }

    private mutating func readObjectID(before limit: Int) throws(BSONError) -> BSONObjectID {
        let high = try reader.readInteger(UInt64.self, before: limit)
        let low = try reader.readInteger(UInt32.self, before: limit)
        return BSONObjectID(high: high.byteSwapped, low: low.byteSwapped)
    }

    private mutating func readBinary(before limit: Int) throws(BSONError) -> BSONBinary {
        let lengthOffset = reader.position
        let length = Int(try reader.readInteger(Int32.self, before: limit))
        let subtype = try reader.readByte(before: limit)
        guard length >= 0, length <= limit - reader.position else {
            throw BSONError(
                .invalidLength,
                "A binary has a length of \(length) where 0 to \(limit - reader.position) are possible.",
                offset: lengthOffset)
        }
        guard subtype == BSONBinary.oldBinarySubtype else {
            return BSONBinary(subtype: subtype, bytes: Array(try reader.readBytes(length, before: limit)))
        }
        guard length >= 4 else {
            throw BSONError(
                .invalidLength,
                "An old binary (subtype 2) has a length of \(length), but needs 4 for its inner length.",
                offset: lengthOffset)
        }
        let innerOffset = reader.position
        let inner = Int(try reader.readInteger(Int32.self, before: limit))
        guard inner == length - 4 else {
            throw BSONError(
                .invalidLength,
                "An old binary (subtype 2) has an inner length of \(inner) where \(length - 4) is required.",
                offset: innerOffset)
        }
        return BSONBinary(subtype: subtype, bytes: Array(try reader.readBytes(inner, before: limit)))
    }
}
