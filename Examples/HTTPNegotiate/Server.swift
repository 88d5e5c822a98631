import ExampleSupport
import GSSCore
import GSSKerberos
import NIOCore
import NIOHTTP1
import NIOPosix

/// A server that lets in whoever has a ticket for it, and greets them by name.
///
/// RFC 4559 protects nothing but the name: without TLS, somebody in between can read and change the rest.
struct Server {
    private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

    private let provider: KerberosProvider

    /// - Parameter keytab: Has the keys of `HTTP/` and the host; `nil` is the system's.
    init(keytab: String?) throws {
        // Any name of the keytab will do, by SPNEGO, which browsers and curl speak.
        provider = KerberosProvider(
            credential: try KerberosCredential(
                usage: .accept, store: KerberosCredentialStore(keytab: keytab), mechanisms: [.spnego]))
    }

    func run(port: Int) async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    return try Connection(wrappingChannelSynchronously: channel)
                }
            }
        say("listening on 127.0.0.1:\(listener.channel.localAddress?.port ?? 0)")
        let executor = ThreadPoolExecutor()
        try await listener.executeThenClose { connections in
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in connections {
                    group.addTask(executorPreference: executor) {
                        do { try await serve(connection) } catch { say("a connection ended: \(error)") }
                    }
                }
            }
        }
    }

    private func serve(_ connection: Connection) async throws {
        try await connection.executeThenClose { parts, outbound in
            // Kerberos takes one token each way; SPNEGO may take more, with one request for each.
            var pending: GSSPendingContext?
            var head: HTTPRequestHead?
            for try await part in parts {
                switch part {
                case .head(let new): head = new
                case .body: break
                case .end:
                    guard let request = head else { continue }
                    let answer = self.answer(request.headers, &pending)
                    try await write(answer, to: outbound)
                    if !request.isKeepAlive { return }
                }
            }
        }
    }

    private struct Answer {
        var status: HTTPResponseStatus
        var negotiate: String?
        var body: String
    }

    private func answer(_ headers: HTTPHeaders, _ pending: inout GSSPendingContext?) -> Answer {
        guard let token = NegotiateHeader.token(in: headers, "Authorization"), !token.isEmpty else {
            pending = nil
            return Answer(status: .unauthorized, negotiate: NegotiateHeader.text(nil), body: "a ticket is needed\n")
        }
        do throws(GSSError) {
            let context: GSSPendingContext
            if let begun = pending.take() {
                context = begun
            } else {
                context = try provider.makeAcceptor(GSSAcceptorRequest(mechanism: .spnego))
            }
            let next = try context.step(token)
            switch consume next {
            case .pending(let context, let send):
                pending = consume context
                return Answer(status: .unauthorized, negotiate: NegotiateHeader.text(send), body: "go on\n")
            case .established(let context, let send):
                let name = try context.initiatorName()
                say("request of \(name)")
                // The client's proof of us comes with the answer.
                return Answer(status: .ok, negotiate: send.map { NegotiateHeader.text($0) }, body: "hello, \(name)\n")
            }
        } catch {
            // Why is for the log only.
            say("refused: \(error)")
            return Answer(status: .unauthorized, negotiate: NegotiateHeader.text(nil), body: "no good ticket\n")
        }
    }

    private func write(
        _ answer: Answer, to outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        var headers: HTTPHeaders = ["Content-Length": "\(answer.body.utf8.count)", "Content-Type": "text/plain"]
        if let negotiate = answer.negotiate { headers.add(name: "WWW-Authenticate", value: negotiate) }
        try await outbound.write(.head(HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)))
        try await outbound.write(.body(.byteBuffer(ByteBuffer(string: answer.body))))
        try await outbound.write(.end(nil))
    }
}
