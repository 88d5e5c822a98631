import ExampleSupport
import GSSCore
import KerberosCredentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// A client that authenticates, and accepts an answer only from an authenticated server.
struct Client {
    typealias Channel = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    let host: String
    let port: Int
    let path: String

    func get() async throws -> String {
        let ticket = try await KerberosCredentialManager().serviceCredential(
            of: .system(), for: ServicePrincipal(service: "HTTP", host: host), by: .now + .seconds(10))
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let executor = executor(forStepsThatMayBlock: ticket.mayBlock, on: eventLoop)
        return try await withTaskExecutorPreference(executor) {
            let channel: Channel = try await connect(host, port, on: eventLoop) {
                try $0.pipeline.syncOperations.addHTTPClientHandlers()
            }
            let timeout = channel.channel.closing(after: .seconds(20))
            defer { timeout.cancel() }
            return try await channel.executeThenClose { inbound, outbound in
                var parts = inbound.makeAsyncIterator()
                return try await authenticate(ticket) { token in
                    let headers = token.map { [("Authorization", NegotiateHeader.text($0))] } ?? []
                    let head = HTTPRequestHead(
                        version: .http1_1, method: .GET, uri: path,
                        headers: HTTPHeaders([("Host", "\(host):\(port)")] + headers))
                    try await outbound.write(.head(head))
                    try await outbound.write(.end(nil))
                    return try await Response(&parts)
                }
            }
        }
    }

    private func authenticate(
        _ ticket: ServiceCredential, request: (_ token: [UInt8]?) async throws -> Response
    ) async throws -> String {
        // Only if the server asks for it: not every server should learn who we are.
        var response = try await request(nil)
        guard response.head.status == .unauthorized, response.token != nil else {
            throw HTTPError(description: "the server does not request Negotiate: \(response.head.status)")
        }
        var pending = try ticket.makeInitiator(
            GSSInitiatorRequest(target: ticket.target, flags: [.mutualAuthentication, .integrity], mechanism: .spnego))
        var challenge: [UInt8]?
        while true {
            switch try pending.step(challenge) {
            case .established(let context, let send):
                // The token that came with the answer was the server's proof.
                guard send == nil, context.flags.contains(.mutualAuthentication), response.head.status == .ok else {
                    throw HTTPError(description: "no proof from the server, or no success: \(response.head.status)")
                }
                return response.body
            case .pending(let context, let token):
                response = try await request(token)
                guard let next = response.token, !next.isEmpty else {
                    throw HTTPError(description: "the server refused, or sent no proof: \(response.head.status)")
                }
                challenge = next
                pending = context
            }
        }
    }
}
