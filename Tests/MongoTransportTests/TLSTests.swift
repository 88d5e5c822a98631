import ModuleTestSupport
import MongoTransport
import NIOCore
import NIOPosix
import NIOSSL
import NameResolution
import SaslBSON
import TestSupport
import Testing

/// TLS between this package and a server in this process, with certificates made for this run.
@Suite struct TLSTests {
    private let ping: BSONDocument = ["ping": 1, "$db": "admin"]

    // MARK: - Success

    struct Success: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var certificate: String
        var chain: [String] = []
        var maximum: TLSVersion?
        var clients = TestAuthority.Clients.anybody
        var change = TLSClient.Change()
        var address = "127.0.0.1"
        var serverName: String? = "db.test"
    }

    static let successes: [Success] = [
        Success(testDescription: "a name", certificate: "server"),
        Success(
            testDescription: "a name with a dot at its end", certificate: "server", change: .init(host: "db.test.")),
        Success(
            testDescription: "a name in capitals", certificate: "server", change: .init(host: "DB.Test"),
            serverName: "DB.Test"),
        Success(
            testDescription: "a wildcard", certificate: "server", change: .init(host: "a.wild.test"),
            serverName: "a.wild.test"),
        Success(testDescription: "a common name alone", certificate: "common-name"),
        Success(
            testDescription: "a name with an underscore", certificate: "underscore", change: .init(host: "my_mongo"),
            serverName: "my_mongo"),
        Success(
            testDescription: "a common name with an underscore",
            certificate: "underscore-common-name",
            change: .init(host: "my_mongo"), serverName: "my_mongo"),
        Success(
            testDescription: "files with a byte order mark", certificate: "server", clients: .demanded,
            change: .init(authorities: "marked-ca.crt", client: "marked-client.pem")),
        Success(testDescription: "an intermediate authority", certificate: "below", chain: ["intermediate"]),
        Success(
            testDescription: "one authority of several", certificate: "server", change: .init(authorities: "bundle.pem")
        ),
        Success(
            testDescription: "issued by itself, named and not for signing", certificate: "self-signed-no-authority",
            change: .init(authorities: "self-signed-no-authority.crt")),
        Success(testDescription: "TLS 1.2", certificate: "server", maximum: .tlsv12),
        Success(
            testDescription: "an address", certificate: "address", change: .init(host: "127.0.0.1"), serverName: nil),
        Success(
            testDescription: "nothing is verified", certificate: "self-signed",
            change: .init(authorities: nil, verifiesCertificate: false, verifiesHostname: false)),
        Success(
            testDescription: "the certificate is not verified", certificate: "expired",
            change: .init(authorities: nil, verifiesCertificate: false)),
        Success(
            testDescription: "the name is not verified", certificate: "server",
            change: .init(host: "other.test", verifiesHostname: false), serverName: "other.test"),
        Success(
            testDescription: "a client's certificate", certificate: "server", clients: .demanded,
            change: .init(client: "client.pem")),
        Success(
            testDescription: "a client's certificate with TLS 1.2", certificate: "server", maximum: .tlsv12,
            clients: .demanded, change: .init(client: "client.pem")),
        Success(
            testDescription: "an encrypted key", certificate: "server", clients: .demanded,
            change: .init(client: "client-encrypted.pem", password: TestAuthority.password)),
        Success(
            testDescription: "a key in the encryption of old", certificate: "server", clients: .demanded,
            change: .init(client: "client-encrypted-old.pem", password: TestAuthority.password)),
        Success(
            testDescription: "a certificate that nobody asks for", certificate: "server",
            change: .init(client: "client.pem")),
        Success(
            testDescription: "a server that would like a certificate", certificate: "server",
            clients: .asked),
    ]

    @Test(arguments: successes)
    func anEncryptedConnection(_ success: Success) async throws {
        let server = try await TestServer.start(
            tls: try await TestAuthority.shared.server(
                success.certificate, chain: success.chain, maximum: success.maximum, clients: success.clients))
        let log = EventLog()
        let connection = try await TLSClient.connect(server.port, success.change, observe: log.observe)
        #expect(try await connection.run(ping, by: farAway)["ok"] == 1)
        #expect(server.serverNames == [success.serverName])

        let report = try #require(connection.tls)
        #expect(report.version == (success.maximum == .tlsv12 ? "TLSv1.2" : "TLSv1.3"))
        #expect(report.cipherSuite?.hasPrefix(success.maximum == .tlsv12 ? "TLS_ECDHE_ECDSA_WITH_" : "TLS_") == true)
        #expect(report.certificate != nil)
        #expect(log.words.suffix(3) == ["end 0 connected", "begin TLS", "end TLS"])

        // The server's close_notify is not waited for.
        await connection.close()
        try await eventually("nothing is open") { Sockets.descriptors(connectedTo: server.port).isEmpty }
    }

    @Test(.enabled(if: Sockets.hasIPv6, "this machine has no IPv6"))
    func anIPv6Address() async throws {
        let server = try await TestServer.start(on: ["::1"], tls: try await TestAuthority.shared.server("address"))
        let connection = try await TLSClient.connect(server.port, .init(host: "::1"), address: "::1")
        #expect(try await connection.run(ping, by: farAway)["ok"] == 1)
        #expect(server.serverNames == [nil])
    }

    @Test func theReportShowsTheCertificate() async throws {
        let server = try await TestServer.start(tls: try await TestAuthority.shared.server("elaborate"))
        let report = try #require(try await TLSClient.connect(server.port).tls)
        let certificate = try #require(report.certificate)
        #expect(certificate.subject == #"CN=db.test,OU=café,O=A\, \"B\" \+ C\ ,DC=corp,DC=test"#)
        #expect(certificate.issuer == "CN=Test CA,O=Tests")
        #expect(
            certificate.alternativeNames == [
                .dnsName("db.test"), .dnsName("*.wild.test"), .ipAddress(try #require(IPAddress("192.0.2.7"))), .other,
            ])
        #expect(certificate.notBefore == 631_152_000)
        #expect(certificate.notAfter == 4_070_908_800)
        #expect(!certificate.isSelfIssued)
        #expect("\(report)".hasPrefix("TLSv1.3, TLS_"))
        #expect("\(report)".hasSuffix(", issuer CN=Test CA,O=Tests, expires 2099-01-01"))
    }

    @Test func aUnixDomainSocketHasNoName() async throws {
        let path = "/tmp/tls-\(UInt64.random(in: 0 ... .max)).sock"
        let authority = try await TestAuthority.shared
        let server = try await TestServer.start(path: path, tls: authority.server("server"))
        let connector = Connector(resolver: ScriptedResolver(), group: MultiThreadedEventLoopGroup.singleton)
        var options = TLSOptions()
        options.authoritiesFile = authority.path("ca.crt")
        let error = await #expect(throws: TransportError.self) {
            try await WireConnection.connect(
                to: .unixSocket(path: path), connector: connector, tls: options, by: farAway)
        }
        #expect(error?.tlsFailure == .wrongHostname)
        #expect(error?.message.contains("Unix") == true)

        options.verifiesHostname = false
        let connection = try await WireConnection.connect(
            to: .unixSocket(path: path), connector: connector, tls: options, by: farAway)
        #expect(try await connection.run(ping, by: farAway)["ok"] == 1)
        #expect(server.serverNames == [nil, nil])
    }

    // MARK: - The end

    @Test func anEndWithoutCloseNotify() async throws {
        let server = try await TestServer.start(.cutAfter(1), tls: try await TestAuthority.shared.server("server"))
        let connection = try await TLSClient.connect(server.port)
        _ = try await connection.run(ping, by: farAway)
        let error = await #expect(throws: TransportError.self) { try await connection.run(ping, by: farAway) }
        #expect(error?.code == .closed)
        #expect(error?.tlsFailure == nil)
    }
}
