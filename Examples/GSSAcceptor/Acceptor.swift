import ExampleSupport
import GSSCore
import GSSKerberos
import NIOCore
import SASL
import SASLGSSAPI

/// One client after the other: who it is, whom it may act as, and an echo of all that it says.
struct Acceptor: Sendable {
    let mechanism: GSSAPIServerMechanism
    /// Who may act as whom, beside everybody as who they are.
    let mayAct: [(user: String, other: String)]
    /// Where credentials go that clients hand over.
    let delegatedCache: String?

    /// Serves one connection. Steps may block, so this runs on threads that may wait.
    func serve(_ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) async throws {
        try await connection.executeThenClose { inbound, outbound in
            var wire = Wire(inbound, outbound)
            // Nobody may occupy a connection without saying who it is.
            let patience = connection.channel.closing(after: .seconds(30))
            defer { patience.cancel() }
            guard var codec = try await authenticate(&wire) else { return }
            patience.cancel()
            while let bytes = try await wire.bytes() {
                // A message that is not genuine throws, and that ends the connection.
                let plain = try codec.decode(bytes)
                if !plain.isEmpty { try await wire.send(try codec.encode(plain)) }
            }
            if codec.isInsideMessage { say("the connection was cut") }
        }
    }

    /// - Returns: `nil` where the client is refused, or goes away.
    private func authenticate(_ wire: inout Wire) async throws -> SaslLayerCodec? {
        let exchange = try mechanism.makeExchange()
        var session = SaslServerSession(exchange, mechanism: mechanism.name, authorize: authorize)
        while let token = try await wire.message() {
            let step: SaslServerStep
            do {
                step = try session.step(token)
            } catch {
                // Why is for the log only.
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
                // The success itself goes as it is; what follows does not (RFC 4422 section 3.7).
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

    /// Names are compared byte by byte: `==` takes texts for the same that Unicode calls equivalent.
    private func isSame(_ one: String, _ other: String) -> Bool { one.utf8.elementsEqual(other.utf8) }

    /// What a client has handed over lets us act as the client anywhere: a proxy goes on with it to the next server.
    private func take(_ credential: KerberosCredential) throws {
        let user = try credential.inquire().principal ?? "nobody"
        guard let delegatedCache else {
            say("a credential of \(user), which nobody here needs")
            return
        }
        try credential.copyTickets(to: delegatedCache)
        say("a credential of \(user), stored in \(delegatedCache)")
    }
}
