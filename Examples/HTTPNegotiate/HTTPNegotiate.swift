import ExampleSupport
import GSSCore
import GSSKerberos

/// Kerberos over HTTP (RFC 4559), as in browsers and curl: a server, and a client.
@main
enum HTTPNegotiate {
    static let usage = """
        http-negotiate serve PORT [--keytab FILE]
               http-negotiate get HOST:PORT/PATH
        """

    static func main() async {
        await run {
            let options = try Options(names: ["--keytab"], count: 2, usage: usage)
            switch options.arguments[0] {
            case "serve":
                guard let port = Int(options.arguments[1]) else { throw UsageError(description: usage) }
                // Any name in the keytab, with SPNEGO, which browsers and curl use.
                let credential = try KerberosCredential(
                    usage: .accept, store: KerberosCredentialStore(keytab: options["--keytab"]), mechanisms: [.spnego])
                try await Server(provider: KerberosProvider(credential: credential)).run(port: port)
            case "get":
                let parts = options.arguments[1].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
                let authority = parts[0].split(separator: ":")
                guard authority.count == 2, let port = Int(authority[1]) else { throw UsageError(description: usage) }
                let path = "/" + (parts.dropFirst().first ?? "")
                say(try await Client(host: String(authority[0]), port: port, path: path).get())
            default: throw UsageError(description: usage)
            }
        }
    }
}
