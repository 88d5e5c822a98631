public import NIOCore

/// Splits a stream of bytes into messages and decodes them, however the stream itself is split.
///
/// A header is checked as soon as it is complete, and its length as soon as its first four bytes are there: nothing is
/// buffered for a message that would be refused. After an error the decoder always throws the same error, since there
/// is no way to find the start of the next message.
public struct WireMessageDecoder: NIOSingleStepByteToMessageDecoder {
    /// What the decoder yields.
    public typealias InboundOut = WireFrame

    private var stream: MessageStream

    /// Creates a decoder for the start of a stream.
    public init(limits: WireLimits = .default) {
        stream = MessageStream { limits }
    }

    /// The next message, or nil if it is incomplete.
    /// - Throws: `WireError`.
    public mutating func decode(buffer: inout ByteBuffer) throws(WireError) -> WireFrame? {
        try stream.next(in: &buffer, WireFrame.init(decoding:limits:))
    }

    /// The next message at the end of the stream, or nil if nothing is left.
    /// - Throws: `WireError`; with code `truncated` if the stream ends inside a message.
    public mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws(WireError) -> WireFrame? {
        try stream.last(in: &buffer, WireFrame.init(decoding:limits:))
    }
}

/// As ``WireMessageDecoder``, for the replies to commands, whose bodies stay bytes.
package struct WireReplyDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = WireReply

    private var stream: MessageStream

    /// - Parameter limits: Evaluated for each message: an authenticated peer may send more.
    package init(limits: @escaping () -> WireLimits) {
        stream = MessageStream(limits: limits)
    }

    package mutating func decode(buffer: inout ByteBuffer) throws -> WireReply? {
        try stream.next(in: &buffer, WireReply.init(decoding:limits:))
    }

    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> WireReply? {
        try stream.last(in: &buffer, WireReply.init(decoding:limits:))
    }
}

/// Finds the messages of a stream.
private struct MessageStream {
    typealias Decode<Message> = (ByteBuffer, WireLimits) throws(WireError) -> Message

    private let limits: () -> WireLimits
    private var isFirst = true
    private var failure: WireError?

    init(limits: @escaping () -> WireLimits) {
        self.limits = limits
    }

    mutating func next<Message>(
        in buffer: inout ByteBuffer, _ decode: Decode<Message>
    ) throws(WireError) -> Message? {
        if let failure { throw failure }
        do throws(WireError) {
            let limits = limits()
            guard let message = try cut(&buffer, limits) else { return nil }
            let decoded = try decode(message, limits)
            isFirst = false
            // A connection must not keep the memory of its largest message.
            if buffer.readableBytes == 0, buffer.capacity > 65_536 { buffer = ByteBuffer() }
            return decoded
        } catch {
            failure = error
            throw error
        }
    }

    mutating func last<Message>(
        in buffer: inout ByteBuffer, _ decode: Decode<Message>
    ) throws(WireError) -> Message? {
        if let message = try next(in: &buffer, decode) { return message }
        guard buffer.readableBytes > 0 else { return nil }
        let error = WireError(
            .truncated, "The connection ended inside a message, after \(buffer.readableBytes) of its bytes.",
            offset: buffer.readableBytes)
        failure = error
        throw error
    }

    private func cut(_ buffer: inout ByteBuffer, _ limits: WireLimits) throws(WireError) -> ByteBuffer? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: Int32.self) else {
            return nil
        }
        let isPossible = MessageHeader.isPossible(length: length, limits: limits)
        if isFirst, let hint = ForeignProtocol.hint(for: buffer.readableBytesView, isPossibleLength: isPossible) {
            throw WireError(.foreignProtocol, hint, offset: 0)
        }
        try MessageHeader.requirePossible(length: length, limits: limits)
        try MessageHeader(peeking: buffer)?.requirePossible(limits: limits)
        return buffer.readSlice(length: Int(length))
    }
}
