public import NIOCore

/// A message of any of the operations that this module knows.
@nonexhaustive
public enum WireMessage: Sendable, Hashable {
    /// OP_MSG.
    case message(WireOpMessage)
    /// OP_QUERY, the command of servers before version 3.6.
    case query(WireOpQuery)
    /// OP_REPLY, the answer to OP_QUERY.
    case reply(WireOpReply)

    /// The operation code for the header.
    public var opCode: OpCode {
        switch self {
        case .message: .message
        case .query: .query
        case .reply: .reply
        }
    }

    /// Encodes the message with its header, and with its checksum if its flags ask for one.
    /// - Parameters:
    ///   - requestID: The sender's number for the message.
    ///   - responseTo: In a reply, the `requestID` of the request.
    ///   - limits: What to write at most.
    /// - Throws: `WireError` with code `malformedDocument`, `malformedSection`, `malformedMessage`, `unknownFlags` or
    ///   `messageTooLarge`.
    public func encoded(
        requestID: Int32, responseTo: Int32 = 0, limits: WireLimits = .default
    ) throws(WireError) -> ByteBuffer {
        var buffer = ByteBuffer()
        try encode(into: &buffer, requestID: requestID, responseTo: responseTo, limits: limits)
        return buffer
    }

    /// Appends the message to a buffer, which is unchanged if it throws.
    /// - Throws: As `encoded(requestID:responseTo:limits:)`.
    public func encode(
        into buffer: inout ByteBuffer, requestID: Int32, responseTo: Int32 = 0, limits: WireLimits = .default
    ) throws(WireError) {
        // A buffer of its own: offsets and lengths then count from the message's start.
        var message = ByteBuffer()
        MessageHeader(messageLength: 0, requestID: requestID, responseTo: responseTo, opCode: opCode)
            .encode(into: &message)
        switch self {
        case .message(let content): try content.encode(into: &message, limits: limits)
        case .query(let content): try content.encode(into: &message, limits: limits)
        case .reply(let content): try content.encode(into: &message, limits: limits)
        }
        let length = message.readableBytes + (hasChecksum ? 4 : 0)
        guard length <= limits.maximumMessageLength, let messageLength = Int32(exactly: length) else {
            throw Self.tooLarge(limits)
        }
        message.setInteger(messageLength, at: 0, endianness: .little)
        if hasChecksum {
            let checksum = message.withUnsafeReadableBytes { CRC32C.checksum($0) }
            message.writeInteger(checksum, endianness: .little)
        }
        if buffer.capacity == 0 {
            buffer = message
        } else {
            buffer.writeBuffer(&message)
        }
    }

    private var hasChecksum: Bool {
        if case .message(let content) = self { content.flags.contains(.checksumPresent) } else { false }
    }

    static func tooLarge(_ limits: WireLimits) -> WireError {
        WireError(
            .messageTooLarge,
            "The message would have more than the \(limits.maximumMessageLength) bytes that are allowed.")
    }
}

/// A message with its header.
public struct WireFrame: Sendable, Hashable {
    /// Length, identifiers and kind, as they came first.
    public var header: MessageHeader
    /// What follows the header, decoded.
    public var message: WireMessage

    /// Decodes a buffer whose readable bytes are exactly one message.
    /// - Throws: `WireError`; its offset counts from the message's start.
    public init(decoding buffer: ByteBuffer, limits: WireLimits = .default) throws(WireError) {
        header = try MessageHeader(of: buffer, limits: limits)
        var reader = MessageReader(message: buffer, limits: limits)
        switch header.opCode {
        case .message: message = .message(try WireOpMessage(from: &reader))
        case .query: message = .query(try WireOpQuery(from: &reader))
        case .reply: message = .reply(try WireOpReply(from: &reader))
        default: throw header.unsupported
        }
    }
}

extension MessageHeader {
    /// The header of a buffer whose readable bytes are exactly one message.
    init(of buffer: ByteBuffer, limits: WireLimits) throws(WireError) {
        guard let header = MessageHeader(peeking: buffer) else {
            throw WireError(.truncated, "The message ends inside its header.", offset: buffer.readableBytes)
        }
        try header.requirePossible(limits: limits)
        let length = Int(header.messageLength)
        guard buffer.readableBytes >= length else {
            throw WireError(
                .truncated, "The message has \(length) bytes, of which only \(buffer.readableBytes) are present.",
                offset: buffer.readableBytes)
        }
        guard buffer.readableBytes == length else {
            throw WireError(.invalidLength, "\(buffer.readableBytes - length) bytes follow the message.", offset: 0)
        }
        self = header
    }

    /// Refuses a length or an operation that no message can have, before any more of it is read.
    func requirePossible(limits: WireLimits) throws(WireError) {
        try Self.requirePossible(length: messageLength, limits: limits)
        guard opCode.isSupported else { throw unsupported }
    }

    static func isPossible(length: Int32, limits: WireLimits) -> Bool {
        length >= byteCount && length <= limits.maximumMessageLength
    }

    static func requirePossible(length: Int32, limits: WireLimits) throws(WireError) {
        guard isPossible(length: length, limits: limits) else {
            throw WireError(
                .invalidLength,
                "A message states a length of \(length) bytes"
                    + " where \(byteCount) to \(limits.maximumMessageLength) are possible.", offset: 0)
        }
    }

    var unsupported: WireError {
        WireError(
            .unsupportedOpcode, "The peer sent \(opCode); only OP_MSG, OP_QUERY and OP_REPLY are understood.",
            offset: 12)
    }
}
