import ExampleSupport
import GSSKerberos
import LDAP
import NIOCore
import SASL
import SASLGSSAPI

/// An LDAP server with SASL and "Who am I?" (RFC 4532), for ldapwhoami.
@main
enum LDAPServer {
    static let usage = """
        ldap-server PORT [--keytab FILE] [--user NAME:PASSWORD]... [--tls yes|no] [--channel-binding-hex HEX]
        """

    static func main() async {
        await run {
            let options = try Options(
                names: ["--keytab", "--user", "--tls", "--channel-binding-hex"], count: 1, usage: usage)
            guard let port = Int(options.arguments[0]) else { throw UsageError(description: usage) }
            let credential = try KerberosCredential(
                usage: .accept, store: KerberosCredentialStore(keytab: options["--keytab"]))
            let spnego = try KerberosCredential(
                usage: .accept, store: KerberosCredentialStore(keytab: options["--keytab"]), mechanisms: [.spnego])
            // Behind TLS a server can require channel binding.
            let binding =
                try options.channelBinding("--channel-binding-hex")
                .map(GSSAPIServerMechanism.ChannelBinding.required) ?? GSSAPIServerMechanism.ChannelBinding.none
            let users = try users(options.all("--user"))
            let mechanisms: [any SaslServerMechanism] = [
                GSSAPIServerMechanism(
                    provider: KerberosProvider(credential: credential), layers: .all, channelBinding: binding),
                SPNEGOServerMechanism(
                    provider: KerberosProvider(credential: spnego), layers: .all, channelBinding: binding),
                PlainServerMechanism { name, password in users[Array(name.utf8)] == password },
            ]
            let isBehindTLS = options["--tls"] == "yes"
            try await listen(on: port) { (connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>) in
                try await serve(connection, LDAPSession(mechanisms, isBehindTLS: isBehindTLS))
            }
        }
    }

    private static func serve(
        _ connection: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ session: consuming LDAPSession
    ) async throws {
        var session = session
        let timeout = connection.channel.closing(after: .seconds(30))
        defer { timeout.cancel() }
        try await connection.executeThenClose { inbound, outbound in
            for try await bytes in inbound {
                let answers = try session.receive(Array(bytes.readableBytesView))
                if !answers.isEmpty { try await outbound.write(ByteBuffer(bytes: answers)) }
                if session.isOver { return }
            }
        }
    }

    /// Names are compared byte by byte.
    private static func users(_ words: [String]) throws -> [[UInt8]: Secret] {
        try words.reduce(into: [:]) { users, word in
            let parts = word.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { throw UsageError(description: usage) }
            users[Array(parts[0].utf8)] = Secret(String(parts[1]))
        }
    }
}
