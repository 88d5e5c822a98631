public import NIOCore

/// Cuts a stream of bytes into messages and decodes them, however the stream is cut itself.
///
/// A header is judged as soon as it is there, and its length as soon as its first four bytes are: nothing is buffered for
/// a message that would be refused. After an error the decoder throws the same error for ever, since there is no way to
/// find the start of the next message.
public struct WireMessageDecoder: NIOSingleStepByteToMessageDecoder {
    /// What the decoder yields.
    public typealias InboundOut = WireFrame

    private let limits: WireLimits
    private var isFirst = true
    private var failure: WireError?

    /// Creates a decoder for the start of a stream.
    public init(limits: WireLimits = .default) {
        self.limits = limits
    }

    /// The next message, or nil if not all of it is there.
    /// - Throws: `WireError`.
    public mutating func decode(buffer: inout ByteBuffer) throws -> WireFrame? {
        try remember { decoder throws(WireError) in try decoder.nextFrame(in: &buffer) }
    }

    /// The next message at the end of the stream, or nil if nothing is left.
    /// - Throws: `WireError`; with code `truncated` if the stream ends inside a message.
    public mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> WireFrame? {
        try remember { decoder throws(WireError) in
            if let frame = try decoder.nextFrame(in: &buffer) { return frame }
            guard buffer.readableBytes == 0 else {
                throw WireError(
                    code: .truncated,
                    message: "The connection ended inside a message, after \(buffer.readableBytes) of its bytes.",
                    offset: buffer.readableBytes)
            }
            return nil
        }
    }

    private mutating func remember(
        _ body: (inout WireMessageDecoder) throws(WireError) -> WireFrame?
    ) throws(WireError) -> WireFrame? {
        if let failure { throw failure }
        do throws(WireError) {
            return try body(&self)
        } catch {
            failure = error
            throw error
        }
    }

    private mutating func nextFrame(in buffer: inout ByteBuffer) throws(WireError) -> WireFrame? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: Int32.self) else {
            return nil
        }
        let isPossible = MessageHeader.isPossible(length: length, limits: limits)
        if isFirst, let hint = ForeignProtocol.hint(for: buffer.readableBytesView, isPossibleLength: isPossible) {
            throw WireError(code: .foreignProtocol, message: hint, offset: 0)
        }
        try MessageHeader.requirePossible(length: length, limits: limits)
        try MessageHeader(peeking: buffer)?.requirePossible(limits: limits)
        guard let message = buffer.readSlice(length: Int(length)) else { return nil }
        let frame = try WireFrame(decoding: message, limits: limits)
        isFirst = false
        return frame
    }
}
