public import NIOCore

/// What a message is. The set is open: a header may carry any number.
public struct OpCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The number on the wire.
    public var rawValue: Int32

    /// Creates an operation code from its number, known or not.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// OP_REPLY, the answer to an OP_QUERY.
    public static let reply = OpCode(rawValue: 1)
    /// OP_QUERY, which very old servers need for the handshake.
    public static let query = OpCode(rawValue: 2004)
    /// OP_COMPRESSED, which this module does not read.
    public static let compressed = OpCode(rawValue: 2012)
    /// OP_MSG, the operation of every server since version 3.6.
    public static let message = OpCode(rawValue: 2013)

    /// The name in the protocol's documentation, or the number.
    public var description: String {
        switch self {
        case .reply: "OP_REPLY"
        case .query: "OP_QUERY"
        case .compressed: "OP_COMPRESSED"
        case .message: "OP_MSG"
        default: "opcode \(rawValue)"
        }
    }

    /// Whether a `WireMessage` can hold this operation.
    var isSupported: Bool {
        self == .message || self == .query || self == .reply
    }
}

/// The 16 bytes, four little-endian integers, that every message starts with.
public struct MessageHeader: Sendable, Hashable {
    /// How many bytes a header has.
    public static let byteCount = 16

    /// The number of bytes in the message, this header included.
    public var messageLength: Int32
    /// The sender's number for the message.
    public var requestID: Int32
    /// In a reply, the `requestID` of the request; otherwise 0.
    public var responseTo: Int32
    /// Which of the protocol's messages follows, such as OP_MSG.
    public var opCode: OpCode

    /// Creates a header.
    public init(messageLength: Int32, requestID: Int32, responseTo: Int32, opCode: OpCode) {
        self.messageLength = messageLength
        self.requestID = requestID
        self.responseTo = responseTo
        self.opCode = opCode
    }

    /// The header at the buffer's reader index, which stays; nil if fewer than 16 bytes are readable. Nothing is checked.
    public init?(peeking buffer: ByteBuffer) {
        var buffer = buffer
        guard
            let (messageLength, requestID, responseTo, opCode) = buffer.readMultipleIntegers(
                endianness: .little, as: (Int32, Int32, Int32, Int32).self)
        else { return nil }
        self.init(
            messageLength: messageLength, requestID: requestID, responseTo: responseTo,
            opCode: OpCode(rawValue: opCode))
    }

    /// Appends the header's 16 bytes.
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(messageLength, requestID, responseTo, opCode.rawValue, endianness: .little)
    }
}
