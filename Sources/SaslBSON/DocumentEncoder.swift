/// Encodes one document, like the decoder without recursion.
struct DocumentEncoder {
    /// A document that has been opened and not yet closed.
    private struct Frame {
        enum Container {
            case document(BSONDocument)
            case array(BSONArray)
        }

        let container: Container
        /// Where the document's length goes.
        let lengthOffset: Int
        /// Where the length of JavaScript code with this scope goes.
        let codeLengthOffset: Int?
        var next = 0
    }

    private let start: Int
    private let limits: BSONLimits
    private var stack: [Frame] = []
    private var elementCount = 0

    /// `start` is the number of bytes that the output already has.
    init(start: Int, limits: BSONLimits) {
        self.start = start
        self.limits = limits
    }

    /// Appends a document. If it throws, the output has part of it.
    mutating func encode(_ document: BSONDocument, into output: inout [UInt8]) throws(BSONError) {
        var frame = try open(.document(document), into: &output)
        while true {
            guard let (key, value) = element(of: frame) else {
                output.append(0)
                try checkLength(output)
                Self.patchLength(at: frame.lengthOffset, in: &output)
                if let offset = frame.codeLengthOffset {
                    Self.patchLength(at: offset, in: &output)
                }
                guard let parent = stack.popLast() else { return }
                frame = parent
                continue
            }
            frame.next += 1
            elementCount += 1
            guard elementCount <= limits.maximumElementCount else {
                throw BSONError(
                    .tooManyElements,
                    "The document has more than the \(limits.maximumElementCount) elements that are allowed.",
                    offset: output.count - start)
            }
            output.append(value.typeByte)
            try appendCString(key, to: &output)
            if let child = try openChild(value, into: &output) {
                stack.append(frame)
                frame = child
            } else {
                try appendValue(value, to: &output)
                try checkLength(output)
            }
        }
    }

    private func element(of frame: Frame) -> BSONDocument.Element? {
        switch frame.container {
        case .document(let document):
            frame.next < document.count ? document[frame.next] : nil
        case .array(let array):
            frame.next < array.count ? (array.key(at: frame.next), array[frame.next]) : nil
        }
    }

    /// Opens what the value holds if it holds a document. The frame around it is not on the stack yet, unless the value
    /// is the outermost document.
    private func openChild(_ value: BSONValue, into output: inout [UInt8]) throws(BSONError) -> Frame? {
        switch value {
        case .document(let document):
            return try open(.document(document), depth: stack.count + 2, into: &output)
        case .array(let array):
            return try open(.array(array), depth: stack.count + 2, into: &output)
        case .javascriptWithScope(let code):
            let offset = output.count
            Self.append(Int32(0), to: &output)
            try appendString(code.code, to: &output)
            return try open(.document(code.scope), depth: stack.count + 2, codeLengthOffset: offset, into: &output)
        default:
            return nil
        }
    }

    private func open(
        _ container: Frame.Container, depth: Int = 1, codeLengthOffset: Int? = nil, into output: inout [UInt8]
    ) throws(BSONError) -> Frame {
        guard depth <= limits.maximumNestingDepth else {
            throw BSONError(
                .nestingTooDeep,
                "Documents are nested deeper than the \(limits.maximumNestingDepth) levels that are allowed.",
                offset: output.count - start)
        }
        let offset = output.count
        Self.append(Int32(0), to: &output)
        return Frame(container: container, lengthOffset: offset, codeLengthOffset: codeLengthOffset)
    }

    private func appendValue(_ value: BSONValue, to output: inout [UInt8]) throws(BSONError) {
        switch value {
        case .double(let number): Self.append(number.bitPattern, to: &output)
        case .string(let text), .javascript(let text), .symbol(let text): try appendString(text, to: &output)
        case .binary(let binary): try appendBinary(binary, to: &output)
        case .objectID(let id): Self.append(id, to: &output)
        case .bool(let flag): output.append(flag ? 1 : 0)
        case .datetime(let moment): Self.append(moment.millisecondsSince1970, to: &output)
        case .regex(let regex):
            try appendCString(regex.pattern, to: &output)
            try appendCString(regex.options, to: &output)
        case .dbPointer(let pointer):
            try appendString(pointer.namespace, to: &output)
            Self.append(pointer.id, to: &output)
        case .int32(let number): Self.append(number, to: &output)
        case .timestamp(let timestamp):
            Self.append(timestamp.increment, to: &output)
            Self.append(timestamp.seconds, to: &output)
        case .int64(let number): Self.append(number, to: &output)
        case .decimal128(let number):
            Self.append(number.low, to: &output)
            Self.append(number.high, to: &output)
        case .undefined, .null, .minKey, .maxKey: break
        case .document, .array, .javascriptWithScope: break  // opened by openChild
        }
    }

    private func appendBinary(_ binary: BSONBinary, to output: inout [UInt8]) throws(BSONError) {
        let isOld = binary.subtype == BSONBinary.oldBinarySubtype
        let length = try checkedLength(binary.bytes.count, plus: isOld ? 4 : 0, at: output)
        Self.append(length, to: &output)
        output.append(binary.subtype)
        if isOld {
            Self.append(length - 4, to: &output)
        }
        output.append(contentsOf: binary.bytes)
    }

    private func appendString(_ text: String, to output: inout [UInt8]) throws(BSONError) {
        Self.append(try checkedLength(text.utf8.count, plus: 1, at: output), to: &output)
        output.append(contentsOf: text.utf8)
        output.append(0)
    }

    private func appendCString(_ text: String, to output: inout [UInt8]) throws(BSONError) {
        guard !text.utf8.contains(0) else {
            throw BSONError(.embeddedNUL, "A key or regular expression contains NUL.", offset: output.count - start)
        }
        output.append(contentsOf: text.utf8)
        output.append(0)
    }

    /// Refuses content that cannot fit before it is copied.
    private func checkedLength(_ count: Int, plus extra: Int, at output: [UInt8]) throws(BSONError) -> Int32 {
        let used = output.count - start
        guard count <= limits.maximumDocumentLength - used - extra, let length = Int32(exactly: count + extra) else {
            throw tooLarge(at: used)
        }
        return length
    }

    private func checkLength(_ output: [UInt8]) throws(BSONError) {
        guard output.count - start <= limits.maximumDocumentLength else {
            throw tooLarge(at: output.count - start)
        }
    }

    private func tooLarge(at offset: Int) -> BSONError {
        BSONError(
            .documentTooLarge,
            "The document is longer than the \(limits.maximumDocumentLength) bytes that are allowed.", offset: offset)
    }

    private static func append(_ number: some FixedWidthInteger, to output: inout [UInt8]) {
        withUnsafeBytes(of: number.littleEndian) { output.append(contentsOf: $0) }
    }

    private static func append(_ id: BSONObjectID, to output: inout [UInt8]) {
        append(id.high.byteSwapped, to: &output)
        append(id.low.byteSwapped, to: &output)
    }

    /// The length is at most `Int32.max`: `checkLength` has run.
    private static func patchLength(at offset: Int, in output: inout [UInt8]) {
        let length = UInt32(truncatingIfNeeded: output.count - offset)
        for index in 0..<4 {
            output[offset + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index))
        }
    }
}
