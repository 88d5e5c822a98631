import NIOCore
import NIOHTTP1

/// A server's answer as a whole.
struct Response {
    let head: HTTPResponseHead
    private(set) var body = ""

    var token: [UInt8]? { NegotiateHeader.token(in: head.headers, "WWW-Authenticate") }

    init(_ parts: inout NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator) async throws {
        guard case .head(let head)? = try await parts.next() else {
            throw HTTPError(description: "the server has closed the connection")
        }
        self.head = head
        while case .body(let bytes)? = try await parts.next() {
            guard body.utf8.count + bytes.readableBytes <= 1 << 20 else {
                throw HTTPError(description: "the server's answer is larger than 1 MiB")
            }
            body += String(buffer: bytes)
        }
    }
}

struct HTTPError: Error, CustomStringConvertible {
    var description: String
}
