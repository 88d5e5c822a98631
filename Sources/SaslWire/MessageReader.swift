import NIOCore
import SaslBSON

/// Reads the fields of one message. Offsets count from the message's first byte.
struct MessageReader {
    private var buffer: ByteBuffer
    /// Where the readable part ends.
    private var end: Int
    private let limits: WireLimits
    /// How many elements of documents, documents and sections may still come.
    private var elementBudget: Int

    /// The readable bytes are the whole message; what follows its header is read.
    init(message: ByteBuffer, limits: WireLimits) {
        buffer = message.slice()
        end = buffer.writerIndex
        self.limits = limits
        elementBudget = limits.documents.maximumElementCount
        buffer.moveReaderIndex(forwardBy: min(MessageHeader.byteCount, buffer.readableBytes))
    }

    var offset: Int { buffer.readerIndex }
    var remaining: Int { end - offset }

    /// The checksum of everything before the last four bytes, and the checksum that these hold. They are then no longer
    /// part of what is read.
    mutating func removeChecksum() throws(WireError) -> (computed: UInt32, stated: UInt32) {
        let position = end - 4
        guard position >= offset, let stated = buffer.getInteger(at: position, endianness: .little, as: UInt32.self)
        else { throw truncated }
        var covered = buffer
        covered.moveReaderIndex(to: 0)
        end = position
        let computed = covered.withUnsafeReadableBytes {
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0.prefix(position)))
        }
        return (computed, stated)
    }

    mutating func readInteger<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws(WireError) -> Number {
        guard remaining >= MemoryLayout<Number>.size,
            let number = buffer.readInteger(endianness: .little, as: Number.self)
        else { throw truncated }
        return number
    }

    /// Reads a text up to a NUL; `code` is that of the error if there is none, or the text is not UTF-8.
    mutating func readCString(_ name: String, code: WireError.Code) throws(WireError) -> String {
        let start = offset
        guard let terminator = buffer.readableBytesView.prefix(remaining).firstIndex(of: 0) else {
            throw WireError(code, "No NUL ends the \(name).", offset: start)
        }
        guard let bytes = buffer.readBytes(length: terminator - start), buffer.readInteger(as: UInt8.self) == 0,
            let text = String(validating: bytes, as: UTF8.self)
        else {
            throw WireError(code, "The \(name) is not valid UTF-8.", offset: start)
        }
        return text
    }

    mutating func readDocument() throws(WireError) -> BSONDocument {
        try spendElement()
        let start = offset
        let available = remaining
        let limits = limits.documents
        var budget = elementBudget
        let result = buffer.withUnsafeReadableBytes { bytes in
            Result { () throws(BSONError) in
                try BSONDocument.decodePrefix(
                    of: UnsafeRawBufferPointer(rebasing: bytes.prefix(available)), limits: limits,
                    elementBudget: &budget)
            }
        }
        elementBudget = budget
        switch result {
        case .success(let (document, consumed)):
            buffer.moveReaderIndex(forwardBy: consumed)
            return document
        case .failure(var error):
            error.offset += start
            throw WireError(
                .malformedDocument, "A document in the message is not BSON.", offset: error.offset, underlying: error)
        }
    }

    /// Reads the bytes of a document: only its length and its last byte are checked.
    mutating func readDocumentBytes() throws(WireError) -> [UInt8] {
        try spendElement()
        let start = offset
        let length = buffer.getInteger(at: start, endianness: .little, as: Int32.self).map(Int.init) ?? 0
        let longest = min(remaining, limits.documents.maximumDocumentLength)
        guard length >= 5, length <= longest, let bytes = buffer.readBytes(length: length), bytes.last == 0 else {
            throw WireError(
                .malformedDocument,
                "A document of \(length) bytes in the message does not end where it says, or has none of the"
                    + " 5 to \(longest) bytes that are possible.", offset: start)
        }
        return bytes
    }

    /// Reads with an end before that of the message; `end` is not past it. Everything up to there must be read.
    mutating func read<Value>(
        until end: Int, _ body: (inout MessageReader) throws(WireError) -> Value
    ) throws(WireError) -> Value {
        let outerEnd = self.end
        self.end = end
        let value = try body(&self)
        self.end = outerEnd
        return value
    }

    /// Counts a part of the message that costs memory beyond its bytes.
    mutating func spendElement() throws(WireError) {
        guard elementBudget > 0 else {
            throw WireError(
                .malformedMessage,
                "The message has more than the \(limits.documents.maximumElementCount) elements, documents and"
                    + " sections that are accepted.", offset: offset)
        }
        elementBudget -= 1
    }

    private var truncated: WireError {
        WireError(.truncated, "The message ends inside one of its fields.", offset: end)
    }
}

extension ByteBuffer {
    /// Appends a document.
    mutating func writeDocument(_ document: BSONDocument, limits: WireLimits) throws(WireError) {
        do throws(BSONError) {
            writeBytes(try document.encoded(limits: limits.documents))
        } catch {
            throw WireError(.malformedDocument, "A document cannot be encoded.", underlying: error)
        }
    }

    /// Appends a text and a NUL, which the text must not contain.
    mutating func writeCString(_ text: String, _ name: String, code: WireError.Code) throws(WireError) {
        guard !text.utf8.contains(0) else {
            throw WireError(code, "The \(name) contains NUL.")
        }
        writeString(text)
        writeInteger(UInt8(0))
    }
}
