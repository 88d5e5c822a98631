import ModuleTestSupport
import MongoTransport
import NIOPosix
import SaslBSON
import SecretMemory
import TestSupport
import Testing

/// Connects with TLS to a server on this machine.
enum TLSClient {
    /// What a test does differently from a connection that works.
    struct Change: Sendable {
        var host = "db.test"
        var authorities: String? = "ca.crt"
        var client: String?
        var password: String?
        var verifiesCertificate = true
        var verifiesHostname = true
    }

    static func connect(
        _ port: UInt16, _ change: Change = Change(), address: String = "127.0.0.1",
        observe: (@Sendable (TransportEvent) -> Void)? = nil
    ) async throws -> WireConnection {
        let authority = try await TestAuthority.shared
        var options = TLSOptions()
        options.authoritiesFile = change.authorities.map(authority.path)
        options.certificateKeyFile = change.client.map(authority.path)
        options.certificateKeyPassword = change.password.map { Secret($0) }
        options.verifiesCertificate = change.verifiesCertificate
        options.verifiesHostname = change.verifiesHostname
        let answer = ScriptedResolver.Answer.addresses([address])
        let resolver =
            address.contains(":") ? ScriptedResolver(ipv6: answer) : ScriptedResolver(ipv4: answer)
        return try await WireConnection.connect(
            to: .host(change.host, port: port),
            connector: Connector(resolver: resolver, group: MultiThreadedEventLoopGroup.singleton), tls: options,
            by: farAway, observe: observe)
    }

    /// Connects, sends a command, and gives the error of the one or the other.
    static func failure(
        _ port: UInt16, _ change: Change = Change(), observe: (@Sendable (TransportEvent) -> Void)? = nil
    ) async -> TransportError? {
        await #expect(throws: TransportError.self) {
            let connection = try await connect(port, change, observe: observe)
            _ = try await connection.run(["ping": 1, "$db": "admin"], by: farAway)
        }
    }
}
