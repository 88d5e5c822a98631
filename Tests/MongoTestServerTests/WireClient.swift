import Glibc
import NIOCore
import NIOPosix
import SaslBSON
import SaslWire
import TestSupport

/// A bare connection for tests: messages or any other bytes go out, messages come in.
struct WireClient {
    let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    var inbound: NIOAsyncChannelInboundStream<WireFrame>.AsyncIterator

    /// Connects, runs `body`, and closes.
    static func connect<Result: Sendable>(
        host: String, port: Int, _ body: (inout WireClient) async throws -> Result
    ) async throws -> Result {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: SocketAddress(ipAddress: host, port: port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(WireMessageDecoder()))
                    return try NIOAsyncChannel<WireFrame, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var client = WireClient(outbound: outbound, inbound: inbound.makeAsyncIterator())
            return try await body(&client)
        }
    }

    func send(_ bytes: ByteBuffer) async throws {
        try await outbound.write(bytes)
    }

    func send(_ message: WireMessage, requestID: Int32 = 1) async throws {
        try await send(message.encoded(requestID: requestID))
    }

    /// The next message; `nil` when the server has closed.
    mutating func receive() async throws -> WireFrame? {
        do {
            return try await inbound.next()
        } catch let error as IOError where error.errnoCode == ECONNRESET {
            return nil
        }
    }

    /// A command's reply.
    mutating func run(_ command: BSONDocument, requestID: Int32 = 1) async throws -> BSONDocument {
        try await send(.message(WireOpMessage(body: command)), requestID: requestID)
        guard let frame = try await receive(), case .message(let message) = frame.message else {
            throw TestSupportError("no OP_MSG came back")
        }
        guard frame.header.responseTo == requestID else {
            throw TestSupportError("the reply is to \(frame.header.responseTo) and not to \(requestID)")
        }
        return message.body
    }
}
