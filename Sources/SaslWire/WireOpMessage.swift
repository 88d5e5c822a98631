package import NIOCore
public import SaslBSON

/// OP_MSG (opcode 2013): a command or its reply, as one body document and any number of document sequences.
public struct WireOpMessage: Sendable, Hashable {
    /// The flag bits. Bits 0 to 15 are required: a receiver must refuse a message with one that it does not know. Bits
    /// 16 to 31 are optional: unknown ones are kept and ignored.
    public struct Flags: OptionSet, Sendable, Hashable {
        /// The bits.
        public var rawValue: UInt32

        /// Creates flags from their bits.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// A CRC-32C ends the message. It is verified when a message is decoded, and written when one is encoded.
        public static let checksumPresent = Flags(rawValue: 1 << 0)
        /// Another message follows without a request for it.
        public static let moreToCome = Flags(rawValue: 1 << 1)

        /// The required bits that are not known.
        var unknownRequiredBits: UInt32 {
            rawValue & 0xFFFF & ~(Flags.checksumPresent.rawValue | Flags.moreToCome.rawValue)
        }
    }

    /// A section of kind 1: documents that belong to the body under a name, as if they were an array in it.
    public struct DocumentSequence: Sendable, Hashable {
        /// The name; without NUL.
        public var identifier: String
        /// The documents, any number.
        public var documents: [BSONDocument]

        /// Creates a sequence.
        public init(identifier: String, documents: [BSONDocument]) {
            self.identifier = identifier
            self.documents = documents
        }
    }

    /// The flag bits.
    public var flags: Flags
    /// The section of kind 0.
    public var body: BSONDocument
    /// The sections of kind 1 in their order; no two have the same identifier.
    public var sequences: [DocumentSequence]

    /// Creates a message.
    public init(body: BSONDocument, sequences: [DocumentSequence] = [], flags: Flags = []) {
        self.body = body
        self.sequences = sequences
        self.flags = flags
    }
}

extension WireOpMessage {
    private static let bodyKind: UInt8 = 0
    private static let sequenceKind: UInt8 = 1

    /// Decodes what follows the header.
    init(from reader: inout MessageReader) throws(WireError) {
        (flags, body, sequences) = try Self.sections(of: &reader) { reader throws(WireError) in
            try reader.readDocument()
        }
    }

    /// Reads what follows the header, and the body with the caller's closure.
    static func sections<Body>(
        of reader: inout MessageReader, _ readBody: (inout MessageReader) throws(WireError) -> Body
    ) throws(WireError) -> (Flags, Body, [DocumentSequence]) {
        let flagsOffset = reader.offset
        let flags = Flags(rawValue: try reader.readInteger())
        try flags.requireKnown(at: flagsOffset)
        if flags.contains(.checksumPresent) {
            let (computed, stated) = try reader.removeChecksum()
            guard computed == stated else {
                throw WireError(
                    .checksumMismatch, "The message was damaged on its way: its CRC-32C does not match.",
                    offset: reader.offset + reader.remaining)
            }
        }
        var body: Body?
        var sequences: [DocumentSequence] = []
        // A set, because a message of the largest size could have a million sections.
        var identifiers: Set<[UInt8]> = []
        while reader.remaining > 0 {
            let offset = reader.offset
            switch try reader.readInteger(UInt8.self) {
            case Self.bodyKind:
                guard body == nil else {
                    throw WireError(.duplicateBody, "The OP_MSG has two bodies.", offset: offset)
                }
                body = try readBody(&reader)
            case Self.sequenceKind:
                try reader.spendElement()
                let sequence = try DocumentSequence(from: &reader)
                guard identifiers.insert(Array(sequence.identifier.utf8)).inserted else {
                    throw WireError(
                        .malformedSection, "Two document sequences have the same identifier.", offset: offset)
                }
                sequences.append(sequence)
            case let kind:
                throw WireError(
                    .malformedSection, "The OP_MSG has a section of the unknown kind \(kind).", offset: offset)
            }
        }
        guard let body else {
            throw WireError(.missingBody, "The OP_MSG has no body.", offset: reader.offset)
        }
        return (flags, body, sequences)
    }

    /// Encodes a command whose body is already encoded, with the request id 0; see ``WireReply`` for the reply.
    /// - Throws: `WireError` with code `malformedDocument` if the document's length field does not match the bytes, or
    ///   with `messageTooLarge`.
    package static func encode(
        body: [UInt8], into buffer: inout ByteBuffer, limits: WireLimits = .default
    ) throws(WireError) {
        let stated = body.withUnsafeBytes {
            $0.count < 4 ? nil : Int(Int32(littleEndian: $0.loadUnaligned(as: Int32.self)))
        }
        guard body.count >= 5, stated == body.count, body.last == 0 else {
            throw WireError(
                .malformedDocument,
                "A command of \(body.count) bytes is not a document: its own length or its last byte is wrong.")
        }
        let length = MessageHeader.byteCount + 5 + body.count
        guard length <= limits.maximumMessageLength, let messageLength = Int32(exactly: length) else {
            throw WireMessage.tooLarge(limits)
        }
        buffer.reserveCapacity(minimumWritableBytes: length)
        MessageHeader(messageLength: messageLength, requestID: 0, responseTo: 0, opCode: .message).encode(into: &buffer)
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(bodyKind)
        buffer.writeBytes(body)
    }

    /// Appends what follows the header, but for the checksum.
    func encode(into buffer: inout ByteBuffer, limits: WireLimits) throws(WireError) {
        try flags.requireKnown(at: nil)
        buffer.writeInteger(flags.rawValue, endianness: .little)
        buffer.writeInteger(Self.bodyKind)
        try buffer.writeDocument(body, limits: limits)
        var identifiers: Set<[UInt8]> = []
        for sequence in sequences {
            guard identifiers.insert(Array(sequence.identifier.utf8)).inserted else {
                throw WireError(.malformedSection, "Two document sequences have the same identifier.")
            }
            buffer.writeInteger(Self.sequenceKind)
            try sequence.encode(into: &buffer, limits: limits)
        }
    }
}

extension WireOpMessage.Flags {
    fileprivate func requireKnown(at offset: Int?) throws(WireError) {
        guard unknownRequiredBits == 0 else {
            throw WireError(
                .unknownFlags,
                "The OP_MSG needs flag bits that are unknown: 0x\(String(unknownRequiredBits, radix: 16)).",
                offset: offset)
        }
    }
}

extension WireOpMessage.DocumentSequence {
    fileprivate init(from reader: inout MessageReader) throws(WireError) {
        let start = reader.offset
        let size = Int(try reader.readInteger(Int32.self))
        // The shortest: this size and the NUL of an empty identifier.
        guard size >= 5, size - 4 <= reader.remaining else {
            throw WireError(
                .malformedSection,
                "A document sequence has a size of \(size) where 5 to \(reader.remaining + 4) are possible.",
                offset: start)
        }
        (identifier, documents) = try reader.read(until: start + size) { reader throws(WireError) in
            let identifier = try reader.readCString("identifier of a document sequence", code: .malformedSection)
            var documents: [BSONDocument] = []
            while reader.remaining > 0 {
                documents.append(try reader.readDocument())
            }
            return (identifier, documents)
        }
    }

    fileprivate func encode(into buffer: inout ByteBuffer, limits: WireLimits) throws(WireError) {
        let start = buffer.writerIndex
        buffer.writeInteger(Int32(0))
        try buffer.writeCString(identifier, "identifier of a document sequence", code: .malformedSection)
        for document in documents {
            try buffer.writeDocument(document, limits: limits)
            // Checked on the way, so that a huge sequence is not written out in full first.
            guard buffer.writerIndex - start <= limits.maximumMessageLength else { throw WireMessage.tooLarge(limits) }
        }
        guard let size = Int32(exactly: buffer.writerIndex - start) else { throw WireMessage.tooLarge(limits) }
        buffer.setInteger(size, at: start, endianness: .little)
    }
}
