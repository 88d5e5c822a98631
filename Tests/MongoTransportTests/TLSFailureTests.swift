import ModuleTestSupport
import MongoTransport
import NIOCore
import NIOSSL
import TestSupport
import Testing

/// Servers, certificates and clients that are not accepted: each with its own reason and words.
@Suite struct TLSFailureTests {
    // MARK: - Certificates that are not accepted

    struct Failure: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var certificate: String
        var chain: [String] = []
        var maximum: TLSVersion?
        var clients = TestAuthority.Clients.anybody
        var change = TLSClient.Change()
        var failure: TLSFailure
        var says: [String]
    }

    private static let certificateFailures: [Failure] = [
        Failure(
            testDescription: "no authority of the system", certificate: "server", change: .init(authorities: nil),
            failure: .notTrusted, says: ["CN=Test CA", "no chain leads from"]),
        Failure(
            testDescription: "another authority", certificate: "server", change: .init(authorities: "other-ca.crt"),
            failure: .notTrusted, says: ["CN=Test CA", "other-ca.crt"]),
        Failure(
            testDescription: "a namesake of the authority", certificate: "of-namesake", failure: .notTrusted,
            says: ["did not sign"]),
        Failure(
            testDescription: "self-issued", certificate: "self-signed", failure: .notTrusted, says: ["self-issued"]),
        Failure(
            testDescription: "issued by itself, named beside others and not for signing",
            certificate: "self-signed-no-authority", change: .init(authorities: "no-authority-and-ca.pem"),
            failure: .notTrusted,
            says: ["is among", "no-authority-and-ca.pem", "keyCertSign", "a file that has it alone"]),
        Failure(
            testDescription: "another one issued by itself", certificate: "self-signed",
            change: .init(authorities: "self-signed-no-authority.crt"), failure: .notTrusted,
            says: ["self-issued and is not among"]),
        Failure(
            testDescription: "issued by an authority, and only servers are trusted", certificate: "server",
            change: .init(authorities: "self-signed-no-authority.crt"), failure: .notTrusted,
            says: ["no chain leads from its issuer"]),
        Failure(
            testDescription: "issued by itself and named, for another host", certificate: "self-signed-no-authority",
            change: .init(host: "other.test", authorities: "self-signed-no-authority.crt"), failure: .wrongHostname,
            says: ["not for other.test"]),
        Failure(
            testDescription: "issued by itself and named, expired", certificate: "self-signed-expired",
            change: .init(authorities: "self-signed-expired.crt"), failure: .expired, says: ["expired on 2000-01-01"]),
        Failure(
            testDescription: "an intermediate authority is missing", certificate: "below", failure: .notTrusted,
            says: ["CN=Intermediate CA"]),
        Failure(
            testDescription: "a certificate for clients", certificate: "client-only", failure: .notTrusted,
            says: ["extendedKeyUsage does not have serverAuth"]),
        Failure(
            testDescription: "expired", certificate: "expired", failure: .expired, says: ["expired on 2000-01-01"]),
        Failure(
            testDescription: "expired, with TLS 1.2", certificate: "expired", maximum: .tlsv12, failure: .expired,
            says: ["expired on 2000-01-01"]),
        Failure(
            testDescription: "an expired authority", certificate: "of-expired-ca",
            change: .init(authorities: "expired-ca.crt"), failure: .expired,
            says: ["the authority CN=Expired CA", "expired on 2000-01-01"]),
        Failure(
            testDescription: "not yet valid", certificate: "future", failure: .notYetValid,
            says: ["not valid before 2090-01-01", "clock"]),
        Failure(
            testDescription: "another name", certificate: "server", change: .init(host: "other.test"),
            failure: .wrongHostname, says: ["is for db.test, *.wild.test", "not for other.test"]),
        Failure(
            testDescription: "a wildcard is one label", certificate: "server", change: .init(host: "a.b.wild.test"),
            failure: .wrongHostname, says: ["not for a.b.wild.test"]),
        Failure(
            testDescription: "a wildcard is not nothing", certificate: "server", change: .init(host: "wild.test"),
            failure: .wrongHostname, says: ["not for wild.test"]),
        Failure(
            testDescription: "another common name", certificate: "common-name", change: .init(host: "other.test"),
            failure: .wrongHostname, says: ["is for db.test"]),
        Failure(
            testDescription: "an address that is only there as a name", certificate: "server",
            change: .init(host: "127.0.0.1"), failure: .wrongHostname, says: ["not for 127.0.0.1"]),
        Failure(
            testDescription: "a common name beside alternative names of another kind",
            certificate: "name-beside-address",
            failure: .wrongHostname, says: ["is for 127.0.0.1"]),
        // The name service says where db.test is; it must not say who db.test is.
        Failure(
            testDescription: "a name whose address is in the certificate", certificate: "address-and-name",
            failure: .wrongHostname, says: ["is for other.test, 127.0.0.1"]),
        Failure(
            testDescription: "a name that cannot be in a certificate", certificate: "server",
            change: .init(host: "a_b.test"), failure: .wrongHostname, says: ["not for a_b.test"]),
    ]

    @Test(arguments: certificateFailures)
    func aCertificateThatIsNotAccepted(_ failure: Failure) async throws {
        let log = EventLog()
        let error = try await Self.check(failure, log)
        #expect(error?.tls?.certificate != nil)
        #expect(log.words.suffix(2) == ["end 0 connected", "begin TLS"])
    }

    private static func check(_ failure: Failure, _ log: EventLog? = nil) async throws -> TransportError? {
        let server = try await TestServer.start(
            tls: try await TestAuthority.shared.server(
                failure.certificate, chain: failure.chain, maximum: failure.maximum, clients: failure.clients))
        let error = await TLSClient.failure(server.port, failure.change, observe: log?.observe)
        #expect(error?.code == .tls)
        #expect(error?.phase == .tls)
        #expect(error?.tlsFailure == failure.failure, "\(error?.message ?? "")")
        for text in failure.says { #expect(error?.message.contains(text) == true, "\(error?.message ?? "")") }
        #expect(error?.message.contains("\(failure.change.host):\(server.port)") == true)
        try await eventually("nothing is open") { Sockets.descriptors(connectedTo: server.port).isEmpty }
        // Nothing was sent to a server that is not the right one.
        #expect(server.received == 0)
        return error
    }

    // MARK: - Clients that are not accepted

    private static let clientFailures: [Failure] = [nil, TLSVersion.tlsv12].flatMap { version -> [Failure] in
        let suffix = version == nil ? "TLS 1.3" : "TLS 1.2"
        return [
            Failure(
                testDescription: "no certificate, \(suffix)", certificate: "server", maximum: version,
                clients: .demanded, failure: .certificateRequired,
                says: ["requires a client certificate"]),
            Failure(
                testDescription: "a stranger's certificate, \(suffix)", certificate: "server", maximum: version,
                clients: .demanded, change: .init(client: "stranger.pem"), failure: .certificateRejected,
                says: ["stranger.pem", "unknown_ca"]),
        ]
    }

    @Test(arguments: clientFailures)
    func aClientThatIsNotAccepted(_ failure: Failure) async throws {
        _ = try await Self.check(failure)
    }

    /// Real servers request a certificate, accept its absence in the handshake, and then close the connection.
    @Test(arguments: [nil, TLSVersion.tlsv12])
    func aServerThatHangsUpOnClientsWithoutCertificate(maximum: TLSVersion?) async throws {
        let server = try await TestServer.start(
            .hangUpAfterHandshake,
            tls: try await TestAuthority.shared.server("server", maximum: maximum, clients: .asked))
        let error = await TLSClient.failure(server.port)
        #expect(error?.tlsFailure == .certificateRequired)
        #expect(error?.message.contains("closed the connection") == true)
    }

    /// A server's alert is lost if it resets the connection: only its certificate request is known.
    @Test func aServerThatResetsWhenItHasSeenACertificate() async throws {
        let tls = try await TestAuthority.shared.server("server", clients: .asked)
        let server = try await TestServer.start(.resetOnRequest, tls: tls)
        let error = await TLSClient.failure(server.port, .init(client: "client.pem"))
        #expect(error?.tlsFailure == .certificateRejected)
        #expect(error?.phase == .tls)
        #expect(error?.message.contains("may not accept") == true, "\(error?.message ?? "")")
    }

    /// With TLS 1.2 the certificate was accepted before, and without a request it cannot be refused.
    @Test(arguments: [(TLSVersion.tlsv12, TestAuthority.Clients.asked), (.tlsv13, .anybody)])
    func aServerThatResetsForReasonsOfItsOwn(maximum: TLSVersion, clients: TestAuthority.Clients) async throws {
        let tls = try await TestAuthority.shared.server("server", maximum: maximum, clients: clients)
        let server = try await TestServer.start(.resetOnRequest, tls: tls)
        let error = await TLSClient.failure(server.port, .init(client: "client.pem"))
        #expect(error?.code == .closed)
        #expect(error?.tlsFailure == nil)
    }

    /// Without a certificate request, a missing certificate is not the cause.
    @Test func aServerThatHangsUpForReasonsOfItsOwn() async throws {
        let server = try await TestServer.start(
            .hangUpAfterHandshake, tls: try await TestAuthority.shared.server("server"))
        let error = await TLSClient.failure(server.port)
        #expect(error?.code == .closed)
        #expect(error?.tlsFailure == nil)
        #expect(error?.mayDemandTLS == false)
    }

    // MARK: - Failed handshakes

    struct Broken: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var behaviour: TestServer.Behaviour
        var failure: TLSFailure
        var says: String
    }

    /// A ServerHello of an older version, which chooses TLS_RSA_WITH_AES_128_CBC_SHA.
    private static func serverHello(_ version: UInt8) -> [UInt8] {
        [22, 3, version, 0, 42, 2, 0, 0, 38, 3, version] + [UInt8](repeating: 7, count: 32) + [0, 0, 0x2F, 0]
    }

    @Test(arguments: [
        Broken(
            testDescription: "a MongoDB server without TLS", behaviour: .answer, failure: .notTLS,
            says: "may not speak TLS"),
        Broken(testDescription: "nobody", behaviour: .hangUp, failure: .notTLS, says: "may not speak TLS"),
        Broken(testDescription: "a reset", behaviour: .resetOnRequest, failure: .notTLS, says: "reset"),
        Broken(
            testDescription: "HTTP", behaviour: .reply(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
            failure: .notTLS,
            says: "HTTP server"),
        Broken(
            testDescription: "SSH", behaviour: .greet(Array("SSH-2.0-x\r\n".utf8), thenClose: true), failure: .notTLS,
            says: "SSH server"),
        Broken(
            testDescription: "one byte of something", behaviour: .greet([0], thenClose: false), failure: .notTLS,
            says: "something else"),
        Broken(
            testDescription: "TLS 1.1 chosen", behaviour: .reply(serverHello(2)), failure: .protocolVersion,
            says: "neither TLS 1.2 nor TLS 1.3"),
        Broken(
            testDescription: "TLS 1.0 chosen", behaviour: .reply(serverHello(1)), failure: .protocolVersion,
            says: "neither TLS 1.2 nor TLS 1.3"),
        Broken(
            testDescription: "the version refused", behaviour: .reply([21, 3, 1, 0, 2, 2, 70]),
            failure: .protocolVersion,
            says: "neither TLS 1.2 nor TLS 1.3"),
        Broken(
            testDescription: "no cipher suite in common", behaviour: .reply([21, 3, 3, 0, 2, 2, 40]),
            failure: .handshake,
            says: "handshake_failure"),
        Broken(
            testDescription: "an error of the server's own", behaviour: .reply([21, 3, 3, 0, 2, 2, 80]),
            failure: .handshake, says: "internal_error"),
        Broken(
            testDescription: "half a record", behaviour: .reply([22, 3, 3, 0, 42, 2]), failure: .handshake,
            says: "in the middle"),
        Broken(
            testDescription: "a record of nonsense", behaviour: .reply([22, 3, 3, 0, 4, 99, 0, 0, 0]),
            failure: .handshake, says: "UNEXPECTED_MESSAGE"),
        Broken(
            testDescription: "data before the handshake", behaviour: .reply([23, 3, 3, 0, 1, 0]), failure: .handshake,
            says: "failed"),
    ])
    func aHandshakeThatComesToNothing(_ broken: Broken) async throws {
        let server = try await TestServer.start(broken.behaviour)
        let error = await TLSClient.failure(server.port)
        #expect(error?.code == .tls)
        #expect(error?.phase == .tls)
        #expect(error?.tlsFailure == broken.failure, "\(error?.message ?? "")")
        #expect(error?.message.contains(broken.says) == true, "\(error?.message ?? "")")
        try await eventually("nothing is open") { Sockets.descriptors(connectedTo: server.port).isEmpty }
    }

    @Test func aServerThatIsTooOld() async throws {
        _ = try await Self.check(
            Failure(
                testDescription: "TLS 1.1", certificate: "server", maximum: .tlsv11, failure: .protocolVersion,
                says: ["neither TLS 1.2 nor TLS 1.3"]))
    }
}
