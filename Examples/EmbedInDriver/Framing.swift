import NIOCore

/// The driver's own framing: commands and replies are BSON documents as bytes, each in an OP_MSG with one section.
struct CommandReplyDecoder: ByteToMessageDecoder {
    typealias InboundOut = [UInt8]

    /// Checked before a reply is buffered: the peer is not authenticated yet.
    static let maximumLength: Int32 = 2 << 20
    private static let frameLength = 16 + 4 + 1

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        let start = buffer.readerIndex
        guard let length = buffer.getInteger(at: start, endianness: .little, as: Int32.self) else {
            return .needMoreData
        }
        guard (Int32(Self.frameLength)...Self.maximumLength).contains(length) else {
            throw DriverError(description: "the server sent a message of \(length) bytes")
        }
        guard var message = buffer.readSlice(length: Int(length)) else { return .needMoreData }
        message.moveReaderIndex(forwardBy: 12)
        let operation = message.readInteger(endianness: .little, as: Int32.self)
        let flags = message.readInteger(endianness: .little, as: UInt32.self)
        let kind = message.readInteger(as: UInt8.self)
        guard operation == 2013, flags == 0, kind == 0 else {
            throw DriverError(description: "the server sent something other than a command reply")
        }
        context.fireChannelRead(wrapInboundOut(Array(message.readableBytesView)))
        return .continue
    }
}

final class CommandEncoder: MessageToByteEncoder {
    typealias OutboundIn = [UInt8]

    private var lastRequest: Int32 = 0

    func encode(data: [UInt8], out: inout ByteBuffer) throws {
        lastRequest &+= 1
        let header = [Int32(data.count + 21), lastRequest, 0, 2013, 0]
        for field in header { out.writeInteger(field, endianness: .little) }
        out.writeInteger(0 as UInt8)
        out.writeBytes(data)
    }
}

struct DriverError: Error, CustomStringConvertible {
    var description: String
}
