import ExampleSupport
import KerberosCredentials
import LDAP
import NIOCore
import NIOPosix
import SASL
import SASLGSSAPI

/// Binds to an LDAP server with Kerberos, and reads through the security layer.
@main
enum LDAPBind {
    static let usage = """
        ldap-bind HOST PORT [--mechanism GSSAPI|GSS-SPNEGO] [--layer none|integrity|confidentiality] [--channel-binding-hex HEX]
                  [--service-host HOST] [--base DN] [--attribute NAME]...
        """

    static func main() async {
        await run {
            let options = try Options(
                names: [
                    "--mechanism", "--layer", "--channel-binding-hex", "--service-host", "--base", "--attribute",
                ], count: 2, usage: usage)
            guard let port = Int(options.arguments[1]) else { throw UsageError(description: usage) }
            let host = options.arguments[0]
            let mechanism = try await self.mechanism(options, host: options["--service-host"] ?? host)

            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let bound = eventLoop.makePromise(of: SaslSecurityLayers.self)
            let channel: NIOAsyncChannel<LDAPMessage, ByteBuffer>
            do {
                channel = try await connect(host, port, on: eventLoop) { channel in
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(ByteToMessageHandler(LDAPMessageDecoder()))
                    try pipeline.addHandler(BindHandler(mechanism, bound: bound))
                }
            } catch {
                bound.fail(error)
                throw error
            }
            let timeout = channel.channel.closing(after: .seconds(20))
            defer { timeout.cancel() }
            try await channel.executeThenClose { inbound, outbound in
                say("bound with \(mechanism.name), layer: \(try await bound.futureResult.get())")
                var connection = LDAPConnection(inbound, outbound)
                let found = try await connection.search(
                    base: options["--base"] ?? "", attributes: options.all("--attribute"))
                for name in found.names { say("entry: \(name)") }
                say("\(found.bytes) bytes of entries")
                try await connection.unbind()
            }
        }
    }

    /// The only request to another peer, a KDC, comes first, on the manager's own threads. The
    /// result holds only the ticket for this server, so that no step ever waits.
    private static func mechanism(_ options: Options, host: String) async throws -> any SaslMechanism {
        let ticket = try await KerberosCredentialManager().serviceCredential(
            of: .system(), for: ServicePrincipal(service: "ldap", host: host), by: .now + .seconds(10))
        // Credentials of gssproxy are different.
        guard !ticket.mayBlock else { throw LDAPError.stepsMayBlock }
        var policy = try policy(options["--layer"])
        let binding = try options.channelBinding("--channel-binding-hex")
        // GSS-SPNEGO does not transmit our maximum size.
        if options["--mechanism"] == "GSS-SPNEGO" {
            policy.maximumReceiveLength = SPNEGOMechanism.defaultPolicy.maximumReceiveLength
        }
        return switch options["--mechanism"] {
        case nil, "GSSAPI":
            GSSAPIMechanism(
                provider: ticket, target: ticket.target, securityLayer: policy, channelBinding: binding)
        case "GSS-SPNEGO":
            SPNEGOMechanism(
                provider: ticket, target: ticket.target, securityLayer: policy, channelBinding: binding)
        default: throw UsageError(description: usage)
        }
    }

    private static func policy(_ layer: String?) throws -> GSSAPIMechanism.SecurityLayerPolicy {
        switch layer {
        case nil: .allowed
        case "none": .none
        case "integrity": .init(preference: [.integrity])
        case "confidentiality": .requiredConfidentiality
        default: throw UsageError(description: usage)
        }
    }
}
