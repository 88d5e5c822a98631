import ArgumentParser
import Glibc
import MongoTestServer
import SaslBSON

/// The test server as a program.
@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mongo-test-server",
        abstract: "A server that speaks MongoDB's wire protocol and demands authentication, for tests.",
        discussion: """
            Once it listens it prints one line of JSON with the addresses and ports that it got, and serves until \
            SIGTERM or SIGINT. The result of each attempt to authenticate goes to standard error.
            """)

    @Option(
        name: .customLong("listen"),
        help: """
            HOST:PORT, where HOST is an address, [IPv6], or localhost for both loopback addresses. Repeatable. By default \
            a free port of 127.0.0.1, and of [::1] where the machine has it.
            """)
    var listen: [ListenOption] = []

    @Option(help: "The path of the keytab with the service's keys. Default: KRB5_KTNAME.")
    var keytab: String?

    @Option(help: "The service's name, the first part of its principal.")
    var serviceName = "mongodb"

    @Option(help: "The service's host, the second part of its principal.")
    var serviceHost = "localhost"

    @Option(
        name: .customLong("user"),
        help: "PRINCIPAL or PRINCIPAL=ROLE@DATABASE,..: who may log in, with roles. Repeatable.")
    var users: [UserOption] = []

    @Option(
        help:
            "A JSON file with users, [{\"user\", \"db\", \"password\", \"mechanisms\", \"roles\": [{\"role\", \"db\"}]}]."
    )
    var usersFile: String?

    @Option(help: "Which SASL implementation is used: cyrus, as in real servers, or own, that of this package.")
    var sasl = MongoTestServer.SaslLibrary.cyrus

    @Option(
        name: .customLong("mechanism"),
        help: """
            A mechanism that is offered. Repeatable. Default: GSSAPI. With --sasl own also PLAIN, SCRAM-SHA-1 and \
            SCRAM-SHA-256; MONGODB-X509 needs --tls-client-certificates.
            """)
    var mechanisms: [String] = []

    @Option(help: "Seconds by which a refusal is delayed.")
    var authFailureDelay: Double = 0

    @Option(help: "Seconds for which a client may be silent before it has authenticated.")
    var idleTimeout: Double = 60

    @Option(help: "Seconds that a client may take for the rest of a message, and for taking a reply.")
    var messageTimeout: Double = 30

    @Option(help: "How many connections there may be at once; others wait.")
    var maxConnections = 4096

    @Option(
        name: .customLong("tls-certificate-key-file"),
        help: "A PEM file with the server's certificate chain and its key. With it the server accepts only TLS.")
    var tlsCertificateKeyFile: String?

    @Option(
        name: .customLong("tls-ca-file"),
        help: "A PEM file with the authorities that clients' certificates must come from.")
    var tlsAuthoritiesFile: String?

    @Option(name: .customLong("tls-client-certificates"), help: "Whether clients show certificates.")
    var tlsClientCertificates = MongoTestServer.TLS.ClientCertificates.none

    @Flag(help: "Also end when standard input ends.")
    var exitWithParent = false

    func validate() throws {
        guard authFailureDelay >= 0, authFailureDelay <= 3600 else {
            throw ValidationError("--auth-failure-delay must be from 0 to 3600 seconds.")
        }
        let timeouts = [("--idle-timeout", idleTimeout), ("--message-timeout", messageTimeout)]
        for (name, value) in timeouts where !(value > 0 && value <= 86_400) {
            throw ValidationError("\(name) must be more than 0 and at most 86400 seconds.")
        }
        guard maxConnections > 0 else { throw ValidationError("--max-connections must be at least 1.") }
        guard tlsCertificateKeyFile != nil || (tlsAuthoritiesFile == nil && tlsClientCertificates == .none) else {
            throw ValidationError("--tls-ca-file and --tls-client-certificates need --tls-certificate-key-file.")
        }
        guard tlsAuthoritiesFile != nil || tlsClientCertificates == .none else {
            throw ValidationError("--tls-client-certificates \(tlsClientCertificates) needs --tls-ca-file.")
        }
    }

    func run() async throws {
        // Before anything listens: a signal that comes early must not be lost.
        let ending = Ending(standardInput: exitWithParent)
        let server = try await MongoTestServer.start(
            MongoTestServer.Configuration(
                addresses: listen.isEmpty
                    ? MongoTestServer.Address.loopback(port: 0) : listen.flatMap(\.addresses),
                serviceName: serviceName, serviceHost: serviceHost, keytab: keytab,
                sasl: sasl, mechanisms: mechanisms.isEmpty ? ["GSSAPI"] : mechanisms,
                users: try UserOption.together(users) + (usersFile.map(UsersFile.read) ?? []),
                authenticationFailureDelay: .seconds(authFailureDelay), idleTimeout: .seconds(idleTimeout),
                messageTimeout: .seconds(messageTimeout), maximumConnections: maxConnections,
                tls: tlsCertificateKeyFile.map {
                    MongoTestServer.TLS(
                        certificateKeyFile: $0, authoritiesFile: tlsAuthoritiesFile,
                        clientCertificates: tlsClientCertificates)
                },
                onAuthentication: { authentication in
                    let who = authentication.principal ?? "an unknown client"
                    let line = authentication.failure.map { "refused \(who): \($0)" } ?? "authenticated \(who)"
                    // A certificate may have any name.
                    write("\(BoundedText.ofPeer(line))\n", to: 2)
                }))
        let places = server.addresses.map { #"{"host": "\#($0.host)", "port": \#($0.port)}"# }
        write("{\"listening\": [\(places.joined(separator: ", "))]}\n", to: 1)
        await ending.wait()
        await server.stop()
    }
}

/// Writes all of a text, or stops once the reader has gone.
private func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written > 0 else { return }
        bytes = bytes.dropFirst(written)
    }
}
