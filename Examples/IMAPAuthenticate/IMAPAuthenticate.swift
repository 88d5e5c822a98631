import ExampleSupport
import KerberosCredentials
import NIOCore
import NIOPosix
import SASL
import SASLGSSAPI

/// Authenticates to an IMAP server with Kerberos, and selects INBOX.
@main
enum IMAPAuthenticate {
    static let usage = "imap-authenticate HOST PORT [--size-without-layer accept|refuse]"

    static func main() async {
        await run {
            let options = try Options(names: ["--size-without-layer"], count: 2, usage: usage)
            guard let port = Int(options.arguments[1]) else { throw UsageError(description: usage) }
            let host = options.arguments[0]

            let ticket = try await KerberosCredentialManager().serviceCredential(
                of: .system(), for: ServicePrincipal(service: "imap", host: host), by: .now + .seconds(10))
            // IMAP uses TLS for protection, so no layer. Dovecot offers none either, but states a maximum size for
            // it, which RFC 4752 requires a client to refuse: known servers of this kind can be tolerated.
            let mechanism = GSSAPIMechanism(
                provider: ticket, target: ticket.target,
                securityLayer: .init(
                    preference: [.none], toleratesSizeWithoutLayer: options["--size-without-layer"] != "refuse"))

            let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
            let executor = executor(forStepsThatMayBlock: ticket.mayBlock, on: eventLoop)
            try await withTaskExecutorPreference(executor) {
                let channel: NIOAsyncChannel<String, ByteBuffer> = try await connect(host, port, on: eventLoop) {
                    try $0.pipeline.syncOperations.addHandler(ByteToMessageHandler(LineDecoder()))
                }
                let timeout = channel.channel.closing(after: .seconds(20))
                defer { timeout.cancel() }
                try await channel.executeThenClose { inbound, outbound in
                    var connection = IMAPConnection(inbound, outbound)
                    let capabilities = try await connection.begin()
                    guard capabilities.contains("AUTH=GSSAPI") else {
                        throw IMAPError.refused("GSSAPI is not among \(capabilities.sorted())")
                    }
                    let hasInitialResponse = capabilities.contains("SASL-IR")
                    try await connection.authenticate(mechanism, sendsInitialResponse: hasInitialResponse)
                    let initially = hasInitialResponse ? "with" : "without"
                    say("authenticated as \(ticket.clientPrincipal), \(initially) SASL-IR")
                    for line in try await connection.command("SELECT INBOX") { say(line) }
                    _ = try await connection.command("LOGOUT")
                }
            }
        }
    }
}
