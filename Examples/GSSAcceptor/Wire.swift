import NIOCore

/// The protocol of this example: each message of the authentication is preceded by four octets of length, most
/// significant first. A client's message is a token. A server's begins with one octet for its kind:
///
///     0  a challenge: the token that follows
///     1  success: what follows is the client's name, as text; from here on everything goes through the layer
///     2  failure: the connection ends
struct Wire {
    enum Kind: UInt8 {
        case challenge, success, failure
    }

    /// Enough for any Kerberos token.
    private static let maximumLength = 1 << 20

    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var buffer = ByteBuffer()

    init(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    /// The client's next message; `nil` if it has closed the connection.
    mutating func message() async throws -> [UInt8]? {
        while true {
            if let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) {
                // Checked before it is buffered.
                guard length <= Self.maximumLength else { throw WireError(description: "a message of \(length) bytes") }
                if buffer.readableBytes >= 4 + Int(length) {
                    buffer.moveReaderIndex(forwardBy: 4)
                    return buffer.readBytes(length: Int(length))
                }
            }
            guard var next = try await inbound.next() else { return nil }
            buffer.writeBuffer(&next)
        }
    }

    func send(_ kind: Kind, _ content: [UInt8] = []) async throws {
        var message = ByteBuffer()
        message.writeInteger(UInt32(content.count + 1))
        message.writeInteger(kind.rawValue)
        message.writeBytes(content)
        try await outbound.write(message)
    }

    /// The received bytes, for a security layer; `nil` at the end.
    mutating func bytes() async throws -> [UInt8]? {
        if let early = buffer.readBytes(length: buffer.readableBytes), !early.isEmpty { return early }
        return try await inbound.next().map { Array($0.readableBytesView) }
    }

    func send(_ bytes: [UInt8]) async throws {
        try await outbound.write(ByteBuffer(bytes: bytes))
    }
}

struct WireError: Error, CustomStringConvertible {
    var description: String
}
