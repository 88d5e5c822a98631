import NIOCore
public import SaslBSON

/// OP_REPLY (opcode 1): the answer to an OP_QUERY.
public struct WireOpReply: Sendable, Hashable {
    /// The flag bits; unknown ones are kept and ignored.
    public struct Flags: OptionSet, Sendable, Hashable {
        /// The bits.
        public var rawValue: UInt32

        /// Creates flags from their bits.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// The server can let a query wait for documents, as every one since version 1.6 does.
        public static let awaitCapable = Flags(rawValue: 1 << 3)
    }

    /// The flag bits.
    public var flags: Flags
    /// The cursor with further documents; 0 if there are none.
    public var cursorID: Int64
    /// The position of the first document in the cursor.
    public var startingFrom: Int32
    /// The documents; exactly one for a command.
    public var documents: [BSONDocument]

    /// Creates a reply; by default in the form that a command's has.
    public init(documents: [BSONDocument], flags: Flags = [.awaitCapable], cursorID: Int64 = 0, startingFrom: Int32 = 0)
    {
        self.flags = flags
        self.cursorID = cursorID
        self.startingFrom = startingFrom
        self.documents = documents
    }

    /// Decodes what follows the header.
    init(from reader: inout MessageReader) throws(WireError) {
        (flags, cursorID, startingFrom, documents) = try Self.fields(of: &reader) { reader throws(WireError) in
            try reader.readDocument()
        }
    }

    /// Reads what follows the header, and the documents with the caller's closure.
    static func fields<Document>(
        of reader: inout MessageReader, _ readDocument: (inout MessageReader) throws(WireError) -> Document
    ) throws(WireError) -> (Flags, Int64, Int32, [Document]) {
        let flags = Flags(rawValue: try reader.readInteger())
        let cursorID: Int64 = try reader.readInteger()
        let startingFrom: Int32 = try reader.readInteger()
        let countOffset = reader.offset
        let count = Int(try reader.readInteger(Int32.self))
        var documents: [Document] = []
        // The count is compared at the end and never used to reserve memory.
        while reader.remaining > 0 {
            documents.append(try readDocument(&reader))
        }
        guard documents.count == count else {
            throw WireError(
                .malformedMessage, "The OP_REPLY states \(count) documents and has \(documents.count).",
                offset: countOffset)
        }
        return (flags, cursorID, startingFrom, documents)
    }

    /// Appends what follows the header.
    func encode(into buffer: inout ByteBuffer, limits: WireLimits) throws(WireError) {
        buffer.writeInteger(flags.rawValue, endianness: .little)
        buffer.writeInteger(cursorID, endianness: .little)
        buffer.writeInteger(startingFrom, endianness: .little)
        guard let count = Int32(exactly: documents.count) else { throw WireMessage.tooLarge(limits) }
        buffer.writeInteger(count, endianness: .little)
        for document in documents {
            try buffer.writeDocument(document, limits: limits)
            guard buffer.readableBytes <= limits.maximumMessageLength else { throw WireMessage.tooLarge(limits) }
        }
    }
}
