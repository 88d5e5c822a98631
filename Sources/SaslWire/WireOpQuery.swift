import NIOCore
public import SaslBSON

/// OP_QUERY (opcode 2004): today only the handshake with a server of unknown age, as a query on `admin.$cmd`.
public struct WireOpQuery: Sendable, Hashable {
    /// The flag bits; unknown ones are kept and ignored.
    public struct Flags: OptionSet, Sendable, Hashable {
        /// The bits.
        public var rawValue: UInt32

        /// Creates flags from their bits.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// A server that is not the primary may answer.
        public static let secondaryOk = Flags(rawValue: 1 << 2)
    }

    /// The flag bits.
    public var flags: Flags
    /// The database and the collection, as in `admin.$cmd`; without NUL.
    public var fullCollectionName: String
    /// How many documents to leave out.
    public var numberToSkip: Int32
    /// How many documents to return; -1 is one and no cursor, as commands use it.
    public var numberToReturn: Int32
    /// The query, or the command.
    public var query: BSONDocument
    /// Which fields to return; nil is all.
    public var returnFieldsSelector: BSONDocument?

    /// Creates a query; by default in the form that a command has.
    public init(
        fullCollectionName: String = "admin.$cmd", query: BSONDocument, flags: Flags = [.secondaryOk],
        numberToSkip: Int32 = 0, numberToReturn: Int32 = -1, returnFieldsSelector: BSONDocument? = nil
    ) {
        self.flags = flags
        self.fullCollectionName = fullCollectionName
        self.numberToSkip = numberToSkip
        self.numberToReturn = numberToReturn
        self.query = query
        self.returnFieldsSelector = returnFieldsSelector
    }

    /// Decodes what follows the header.
    init(from reader: inout MessageReader) throws(WireError) {
        flags = Flags(rawValue: try reader.readInteger())
        fullCollectionName = try reader.readCString("collection name", code: .malformedMessage)
        numberToSkip = try reader.readInteger()
        numberToReturn = try reader.readInteger()
        query = try reader.readDocument()
        returnFieldsSelector = reader.remaining > 0 ? try reader.readDocument() : nil
        guard reader.remaining == 0 else {
            throw WireError(
                .malformedMessage, "\(reader.remaining) bytes follow the last document of the OP_QUERY.",
                offset: reader.offset)
        }
    }

    /// Appends what follows the header.
    func encode(into buffer: inout ByteBuffer, limits: WireLimits) throws(WireError) {
        buffer.writeInteger(flags.rawValue, endianness: .little)
        try buffer.writeCString(fullCollectionName, "collection name", code: .malformedMessage)
        buffer.writeInteger(numberToSkip, endianness: .little)
        buffer.writeInteger(numberToReturn, endianness: .little)
        try buffer.writeDocument(query, limits: limits)
        if let returnFieldsSelector {
            try buffer.writeDocument(returnFieldsSelector, limits: limits)
        }
    }
}
