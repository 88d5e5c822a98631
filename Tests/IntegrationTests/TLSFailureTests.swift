import NIOSSL
import TestSupport
import Testing

/// Every way in which TLS can fail: one class and exit status, the responsible phase, and specific words.
@Suite struct TLSFailureTests {
    /// What a server does, with the certificates of this run.
    enum Server: Sendable {
        case certificate(
            String, maximum: TLSVersion? = nil, clients: TestAuthority.Clients = .anybody,
            endsAfterHandshake: Bool = false)
        case reply([UInt8])

        func start() async throws -> TLSPeer {
            switch self {
            case .certificate(let name, let maximum, let clients, let endsAfterHandshake):
                let tls = try await TestAuthority.shared.server(name, maximum: maximum, clients: clients)
                return try await TLSPeer.start(endsAfterHandshake ? .handshakeAndEnd(tls) : .handshake(tls))
            case .reply(let bytes):
                return try await TLSPeer.start(.reply(bytes))
            }
        }
    }

    struct Failure: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var server: Server
        var options = TLSURIOptions()
        /// Words that the messages of no other kind of failure have.
        var own: String
        /// What the message or the hint names besides.
        var names: [String] = []
        /// Files are checked before any server.
        var reachesServer = true
    }

    static let failures =
        [
            Failure(
                testDescription: "another authority", server: .certificate("localhost"),
                options: .init(authorities: "other-ca.crt"), own: "is not trusted",
                names: ["CN=Test CA", "other-ca.crt", "tlsCAFile"]),
            Failure(
                testDescription: "self-issued", server: .certificate("self-signed"), own: "is not trusted",
                names: ["self-issued", "tlsCAFile"]),
            Failure(
                testDescription: "expired", server: .certificate("expired"), own: "expired on",
                names: ["2000-01-01", "renew"]),
            Failure(
                testDescription: "not yet valid", server: .certificate("future"), own: "is not valid before",
                names: ["2090-01-01", "clock"]),
            Failure(
                testDescription: "another name", server: .certificate("server"), own: " is for ",
                names: ["db.test", "not for 127.0.0.1", "subject alternative names"]),
            Failure(
                testDescription: "a server that hangs up", server: .reply([]), own: "not speak TLS", names: ["tls=true"]
            ),
            Failure(
                testDescription: "HTTP", server: .reply(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
                own: "not speak TLS", names: ["HTTP", "check the port"]),
            Failure(
                testDescription: "TLS 1.1", server: .certificate("localhost", maximum: .tlsv11),
                own: "neither TLS 1.2 nor TLS 1.3", names: ["enable TLS 1.2"]),
            Failure(
                testDescription: "an alert", server: .reply([21, 3, 3, 0, 2, 2, 40]), own: "refused the TLS handshake",
                names: ["handshake_failure", "log"]),
            Failure(
                testDescription: "half a record", server: .reply([22, 3, 3, 0, 42, 2]),
                own: "in the middle of the TLS handshake", names: ["log"]),
            Failure(
                testDescription: "authorities that are not there", server: .certificate("localhost"),
                options: .init(authorities: "missing.pem"), own: "the file of trusted authorities",
                names: ["missing.pem", "No such file", "tlsCAFile"], reachesServer: false),
            Failure(
                testDescription: "authorities that are none", server: .certificate("localhost"),
                options: .init(authorities: "garbage.pem"), own: "the file of trusted authorities",
                names: ["garbage.pem", "PEM"], reachesServer: false),
            Failure(
                testDescription: "a certificate that is not there", server: .certificate("localhost"),
                options: .init(certificateKey: "missing.pem"), own: "a certificate and its key that this user may read",
                names: ["the file with the client's certificate", "missing.pem", "No such file"], reachesServer: false),
            Failure(
                testDescription: "a key of another certificate", server: .certificate("localhost"),
                options: .init(certificateKey: "mismatch.pem"),
                own: "a certificate and its key that this user may read",
                names: ["does not belong", "mismatch.pem", "tlsCertificateKeyFile"], reachesServer: false),
            Failure(
                testDescription: "an encrypted key without password", server: .certificate("localhost"),
                options: .init(certificateKey: "client-encrypted.pem"), own: "tlsCertificateKeyFilePassword",
                names: ["no password is given", "client-encrypted.pem"], reachesServer: false),
            Failure(
                testDescription: "a wrong password", server: .certificate("localhost"),
                options: .init(certificateKey: "client-encrypted.pem", password: "swordfish"),
                own: "tlsCertificateKeyFilePassword", names: ["does not decrypt"], reachesServer: false),
        ]
        + [nil, TLSVersion.tlsv12].flatMap { maximum -> [Failure] in
            let version = maximum == nil ? "TLS 1.3" : "TLS 1.2"
            return [
                Failure(
                    testDescription: "no certificate where one is demanded, \(version)",
                    server: .certificate("localhost", maximum: maximum, clients: .demanded),
                    own: "requires a client certificate", names: ["tlsCertificateKeyFile"]),
                Failure(
                    testDescription: "no certificate where one is asked for, \(version)",
                    server: .certificate("localhost", maximum: maximum, clients: .asked, endsAfterHandshake: true),
                    own: "requires a client certificate", names: ["closed the connection"]),
                Failure(
                    testDescription: "a stranger's certificate, \(version)",
                    server: .certificate("localhost", maximum: maximum, clients: .demanded),
                    options: .init(certificateKey: "stranger.pem"), own: "not accept the client's certificate",
                    names: ["stranger.pem", "another authority issued"]),
            ]
        }

    @Test(arguments: failures)
    func everyFailureIsToldByItself(_ failure: Failure) async throws {
        let realm = try await SharedRealm.shared
        let server = try await failure.server.start()
        let place = Family.ipv4.authority(server.port)
        let uri = gssapiURI(realm.ann, place) + (try await failure.options.uriSuffix)
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)

        #expect(outcome.status == 12, "\(outcome)")
        #expect(outcome.report.exitStatus == 12, "\(outcome)")
        let reported = try #require(outcome.failure, "\(outcome)")
        #expect(reported.class == "tls", "\(outcome)")
        #expect(reported.phase == "tls", "\(outcome)")
        #expect(reported.host == place, "\(outcome)")
        for words in [failure.own] + failure.names { #expect(outcome.advice.contains(words), "\(words): \(outcome)") }
        for other in Self.failures where other.own != failure.own {
            #expect(!outcome.advice.contains(other.own), "\(other.own): \(outcome)")
        }
        if let password = failure.options.password {
            #expect(!outcome.child.stdout.contains(password) && !outcome.child.stderr.contains(password), "\(outcome)")
        }

        // One phase has failed, that one, and its detail is the message; those behind it were not reached.
        let phases = try #require(outcome.report.hosts.first).phases
        #expect(phases.filter { $0.result == "failed" }.map(\.name) == ["tls"], "\(outcome)")
        #expect(phases.first { $0.name == "tls" }?.detail == reported.message, "\(outcome)")
        #expect(phases.drop { $0.name != "tls" }.dropFirst().allSatisfy { $0.result == "skipped" }, "\(outcome)")
        let before = phases.prefix { $0.name != "tls" }.map(\.result)
        #expect(before == (failure.reachesServer ? ["ok", "ok"] : ["skipped", "skipped"]), "\(outcome)")
    }
}
