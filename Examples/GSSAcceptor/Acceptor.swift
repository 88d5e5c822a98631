import ExampleSupport
import GSSCore
import GSSKerberos
import NIOCore
import SASL
import SASLGSSAPI

/// One client after the other: authentication, authorization, and an echo of its messages.
struct Acceptor: Sendable {
    let mechanism: GSSAPIServerMechanism
    /// Which users may act as which other ones, besides themselves.
    let mayAct: [(user: String, other: String)]
    /// The cache for delegated credentials.
    let delegatedCache: String?

    /// Serves one connection. Steps may block, so this runs on threads that may block.
    func serve(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var wire = Wire(inbound, outbound)
            // A client must authenticate in time.
            let timeout = connection.channel.closing(after: .seconds(30))
            defer { timeout.cancel() }
            guard var codec = try await authenticate(&wire) else { return }
            timeout.cancel()
            while let bytes = try await wire.bytes() {
                // A message that is not genuine throws, and that ends the connection.
                let plain = try codec.decode(bytes)
                if !plain.isEmpty { try await wire.send(try codec.encode(plain)) }
            }
            if codec.isInsideMessage { say("the connection was cut") }
        }
    }

    /// - Returns: `nil` if the client is refused, or disconnects.
    private func authenticate(_ wire: inout Wire) async throws -> SaslLayerCodec? {
        let exchange = try mechanism.makeExchange()
        var session = SaslServerSession(exchange, mechanism: mechanism.name, authorize: authorize)
        while let token = try await wire.message() {
            let step: SaslServerStep
            do {
                step = try session.step(token)
            } catch {
                // The reason is only for the log.
                say("refused: \(error)")
                try await wire.send(.failure)
                return nil
            }
            switch step {
            case .challenge(let challenge): try await wire.send(.challenge, challenge)
            case .success(let identity, _):
                let layer = try session.makeSecurityLayer()
                let (user, other) = (identity.authenticationIdentity, identity.authorizationIdentity)
                say("\(user) as \(other), layer: \(layer.protection)")
                if let credential = exchange.delegatedCredential as? KerberosCredential { try take(credential) }
                // The success itself is sent unprotected; what follows is protected (RFC 4422 section 3.7).
                try await wire.send(.success, Array(other.utf8))
                return SaslLayerCodec(layer)
            }
        }
        return nil
    }

    private func authorize(_ client: SaslAuthentication) throws(SaslError) -> String? {
        let name = client.authenticationIdentity
        guard let wanted = client.authorizationIdentity, !isSame(wanted, name) else { return name }
        return mayAct.contains { isSame($0.user, name) && isSame($0.other, wanted) } ? wanted : nil
    }

    /// Names are compared byte by byte: `==` treats canonically equivalent texts as equal.
    private func isSame(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }

    /// A delegated credential lets us act as the client anywhere: a proxy uses it with the next server.
    private func take(_ credential: KerberosCredential) throws {
        let user = try credential.inquire().principal ?? "nobody"
        guard let delegatedCache else {
            say("a delegated credential of \(user), not used")
            return
        }
        try credential.copyTickets(to: delegatedCache)
        say("a delegated credential of \(user), stored in \(delegatedCache)")
    }
}
