import ExampleSupport
import GSSCore
import KerberosCredentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// A client that authenticates, and believes an answer only from a server that has proven itself.
struct Client {
    var host: String
    var port: Int
    var path: String

    func get() async throws -> String {
        let ticket = try await KerberosCredentialManager().serviceCredential(
            of: .system(), for: ServicePrincipal(service: "HTTP", host: host), by: .now + .seconds(10))
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let executor = executor(forStepsThatMayBlock: ticket.mayBlock, on: eventLoop)
        return try await withTaskExecutorPreference(executor) {
            let channel = try await ClientBootstrap(group: eventLoop).connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
            let patience = channel.channel.closing(after: .seconds(20))
            defer { patience.cancel() }
            return try await channel.executeThenClose { inbound, outbound in
                var parts = inbound.makeAsyncIterator()
                return try await authenticate(ticket, &parts, outbound)
            }
        }
    }

    private typealias Parts = NIOAsyncChannelInboundStream<HTTPClientResponsePart>.AsyncIterator
    private typealias Writer = NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>

    private func authenticate(
        _ ticket: ServiceCredential, _ parts: inout Parts, _ outbound: Writer
    ) async throws -> String {
        // The server has to ask for it: who we are is not for everybody.
        var response = try await request(nil, &parts, outbound)
        guard response.head.status == .unauthorized, response.token != nil else {
            throw HTTPError(description: "the server does not ask for Negotiate: \(response.head.status)")
        }
        var pending = try ticket.makeInitiator(
            GSSInitiatorRequest(target: ticket.target, flags: [.mutualAuthentication, .integrity], mechanism: .spnego))
        var challenge: [UInt8]?
        while true {
            let next = try pending.step(challenge)
            switch consume next {
            case .established(let context, nil):
                // The token that came with the answer was the server's proof.
                guard context.flags.contains(.mutualAuthentication), response.head.status == .ok else {
                    throw HTTPError(description: "no proof of the server, or no success: \(response.head.status)")
                }
                return response.body
            case .established(_, .some):
                throw HTTPError(description: "the server said that it was done before we were")
            case .pending(let context, let token):
                response = try await request(NegotiateHeader.text(token), &parts, outbound)
                guard let next = response.token, !next.isEmpty else {
                    throw HTTPError(description: "the server refused, or proved nothing: \(response.head.status)")
                }
                challenge = next
                pending = context
            }
        }
    }

    private func request(
        _ authorization: String?, _ parts: inout Parts, _ outbound: Writer
    ) async throws -> (head: HTTPResponseHead, token: [UInt8]?, body: String) {
        var headers: HTTPHeaders = ["Host": "\(host):\(port)"]
        if let authorization { headers.add(name: "Authorization", value: authorization) }
        try await outbound.write(.head(HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)))
        try await outbound.write(.end(nil))
        var head: HTTPResponseHead?
        var body = ""
        while let part = try await parts.next() {
            switch part {
            case .head(let new): head = new
            case .body(let bytes):
                guard body.utf8.count + bytes.readableBytes <= 1 << 20 else {
                    throw HTTPError(description: "the server's answer has more than 1 MiB")
                }
                body += String(buffer: bytes)
            case .end:
                guard let head else { break }
                return (head, NegotiateHeader.token(in: head.headers, "WWW-Authenticate"), body)
            }
        }
        throw HTTPError(description: "the server has closed the connection")
    }
}

struct HTTPError: Error, CustomStringConvertible {
    var description: String
}
