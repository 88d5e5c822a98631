import NIOCore

/// Splits a stream of bytes into lines, without their ends.
struct LineDecoder: ByteToMessageDecoder {
    typealias InboundOut = String

    /// Enough for the largest token that a SASL session takes, in base64.
    static let maximumLength = 1_500_000

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        let bytes = buffer.readableBytesView
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            guard bytes.count <= Self.maximumLength else { throw IMAPError.malformed("a line is too long") }
            return .needMoreData
        }
        var line = bytes[..<end]
        buffer.moveReaderIndex(forwardBy: line.count + 1)
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        context.fireChannelRead(wrapInboundOut(String(decoding: line, as: UTF8.self)))
        return .continue
    }
}
