import ExampleSupport
import GSSKerberos
import SASL
import SASLGSSAPI

/// A server that accepts Kerberos with any security layer, as a proxy would, and echoes messages.
@main
enum GSSAcceptor {
    static let usage = """
        gss-acceptor PORT [--keytab FILE] [--layers none|integrity|confidentiality]... [--may-act USER=OTHER]...
                     [--delegated-cache CACHE] [--channel-binding-hex HEX]
        """

    static func main() async {
        await run {
            let options = try Options(
                names: ["--keytab", "--layers", "--may-act", "--delegated-cache", "--channel-binding-hex"], count: 1,
                usage: usage)
            guard let port = Int(options.arguments[0]) else { throw UsageError(description: usage) }
            // Without a name: any service in the keytab.
            let credential = try KerberosCredential(
                usage: .accept, store: KerberosCredentialStore(keytab: options["--keytab"]))
            let acceptor = Acceptor(
                mechanism: GSSAPIServerMechanism(
                    provider: KerberosProvider(credential: credential), layers: try layers(options.all("--layers")),
                    channelBinding: try options.channelBinding("--channel-binding-hex")
                        .map(GSSAPIServerMechanism.ChannelBinding.required) ?? GSSAPIServerMechanism.ChannelBinding.none
                ),
                mayAct: try mayAct(options.all("--may-act")), delegatedCache: options["--delegated-cache"])
            try await listen(on: port) { try await acceptor.serve($0) }
        }
    }

    private static func layers(_ names: [String]) throws -> SaslSecurityLayers {
        guard !names.isEmpty else { return .all }
        return try names.reduce(into: []) { layers, name in
            switch name {
            case "none": layers.insert(.none)
            case "integrity": layers.insert(.integrity)
            case "confidentiality": layers.insert(.confidentiality)
            default: throw UsageError(description: usage)
            }
        }
    }

    private static func mayAct(_ rules: [String]) throws -> [(user: String, other: String)] {
        try rules.map { rule in
            let names = rule.split(separator: "=").map(String.init)
            guard names.count == 2 else { throw UsageError(description: usage) }
            return (names[0], names[1])
        }
    }
}
