import ExampleSupport
import GSSCore
import GSSKerberos
import NIOCore
import NIOHTTP1

/// A server that accepts all users with a ticket for it, and greets them by name.
///
/// RFC 4559 protects only the name: without TLS, a man in the middle can read and change the rest.
struct Server {
    let provider: KerberosProvider

    func run(port: Int) async throws {
        try await listen(on: port) {
            try $0.pipeline.syncOperations.configureHTTPServerPipeline()
        } serve: { (connection: NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>) in
            try await connection.executeThenClose { parts, outbound in
                // Kerberos takes one token each way; SPNEGO may take more, with one request for each.
                var pending: GSSPendingContext?
                var request: HTTPRequestHead?
                for try await part in parts {
                    if case .head(let head) = part { request = head }
                    guard case .end = part, let request else { continue }
                    for part in answer(request.headers, &pending) { try await outbound.write(part) }
                    if !request.isKeepAlive { return }
                }
            }
        }
    }

    private func answer(_ headers: HTTPHeaders, _ pending: inout GSSPendingContext?) -> [HTTPServerResponsePart] {
        var context = pending.take()
        guard let token = NegotiateHeader.token(in: headers, "Authorization"), !token.isEmpty else {
            return response(.unauthorized, negotiate: NegotiateHeader.text(nil), "a ticket is required\n")
        }
        do throws(GSSError) {
            if context == nil { context = try provider.makeAcceptor(GSSAcceptorRequest(mechanism: .spnego)) }
            switch try context.take()?.step(token) {
            case .pending(let context, let send):
                pending = consume context
                return response(.unauthorized, negotiate: NegotiateHeader.text(send), "continue\n")
            case .established(let context, let send):
                let name = try context.initiatorName()
                say("request from \(name)")
                // The proof of the server comes with the answer.
                return response(.ok, negotiate: send.map(NegotiateHeader.text), "hello, \(name)\n")
            case nil: break
            }
        } catch {
            // The reason is only for the log.
            say("refused: \(error)")
        }
        return response(.unauthorized, negotiate: NegotiateHeader.text(nil), "authentication failed\n")
    }

    private func response(
        _ status: HTTPResponseStatus, negotiate: String?, _ body: String
    ) -> [HTTPServerResponsePart] {
        var headers: HTTPHeaders = ["Content-Length": "\(body.utf8.count)", "Content-Type": "text/plain"]
        if let negotiate { headers.add(name: "WWW-Authenticate", value: negotiate) }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        return [.head(head), .body(.byteBuffer(ByteBuffer(string: body))), .end(nil)]
    }
}
