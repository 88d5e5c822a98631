import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Our own server side of SASL, tested with independent clients.
@Suite struct OwnSaslTests {
    /// What a user does, as the options of a connection string.
    struct Attempt: Sendable, CustomTestStringConvertible {
        var name: String
        var userInfo: String
        var options: String
        /// Who is logged in afterwards, `user@database`; `nil` for a refusal.
        var user: String?

        var testDescription: String { name }
    }

    private static let everything = [
        "--sasl", "own", "--mechanism", "GSSAPI", "--mechanism", "PLAIN", "--mechanism", "SCRAM-SHA-1", "--mechanism",
        "SCRAM-SHA-256",
    ]

    private static let users = """
        [
            {"user": "ann@EXAMPLE.TEST", "roles": [{"role": "read", "db": "shop"}]},
            {"user": "lea", "password": "p\\u0000w"},
            {"user": "eve", "password": "pw", "mechanisms": ["GSSAPI"]},
            {"user": "lea é", "password": "pa:ss, wörd"},
            {"user": "bob", "db": "admin", "password": "hunter2", "roles": [{"role": "read", "db": "shop"}]},
            {"user": "b,o=b", "db": "admin", "password": "hunter2"},
            {"user": "old", "db": "shop", "password": "hunter2", "mechanisms": ["SCRAM-SHA-1"]},
            {"user": "new", "db": "shop", "password": "hunter\\u00aa", "mechanisms": ["SCRAM-SHA-256"]}
        ]
        """

    private static let attempts = [
        Attempt(
            name: "GSSAPI", userInfo: "ann%40EXAMPLE.TEST", options: "authMechanism=GSSAPI",
            user: "ann@EXAMPLE.TEST on $external"),
        Attempt(name: "GSSAPI, no user here", userInfo: "bob%40EXAMPLE.TEST", options: "authMechanism=GSSAPI"),
        Attempt(
            name: "PLAIN", userInfo: "lea%20%C3%A9:pa%3Ass%2C%20w%C3%B6rd", options: "authMechanism=PLAIN",
            user: "lea é on $external"),
        Attempt(name: "PLAIN, wrong password", userInfo: "lea%20%C3%A9:pass", options: "authMechanism=PLAIN"),
        Attempt(name: "PLAIN, no password", userInfo: "ann%40EXAMPLE.TEST:x", options: "authMechanism=PLAIN"),
        Attempt(name: "PLAIN, not for this user", userInfo: "eve:pw", options: "authMechanism=PLAIN"),
        Attempt(name: "chosen by the server", userInfo: "bob:hunter2", options: "", user: "bob on admin"),
        Attempt(name: "chosen, SHA-1 only", userInfo: "old:hunter2", options: "authSource=shop", user: "old on shop"),
        Attempt(
            name: "SCRAM-SHA-1", userInfo: "bob:hunter2", options: "authMechanism=SCRAM-SHA-1", user: "bob on admin"),
        Attempt(
            name: "SCRAM-SHA-256", userInfo: "bob:hunter2", options: "authMechanism=SCRAM-SHA-256",
            user: "bob on admin"),
        Attempt(
            name: "a name to escape", userInfo: "b%2Co%3Db:hunter2", options: "authMechanism=SCRAM-SHA-256",
            user: "b,o=b on admin"),
        // SASLprep makes `ª` an `a`.
        Attempt(
            name: "a prepared password", userInfo: "new:huntera",
            options: "authSource=shop&authMechanism=SCRAM-SHA-256", user: "new on shop"),
        Attempt(name: "wrong password", userInfo: "bob:hunter3", options: "authMechanism=SCRAM-SHA-256"),
        Attempt(name: "wrong password, SHA-1", userInfo: "bob:hunter3", options: "authMechanism=SCRAM-SHA-1"),
        Attempt(name: "unknown user", userInfo: "eve:hunter2", options: "authMechanism=SCRAM-SHA-256"),
        Attempt(name: "another database", userInfo: "bob:hunter2", options: "authSource=shop"),
        Attempt(
            name: "a mechanism that the user lacks", userInfo: "old:hunter2",
            options: "authSource=shop&authMechanism=SCRAM-SHA-256"),
    ]

    /// One server for all of a peer's attempts: failed attempts must not affect later ones.
    @Test("A user's outcome is that of a real server", arguments: Peer.allCases)
    func attempts(peer: Peer) async throws {
        let shared = try await SharedRealm.shared
        try await withServer(Self.everything) { server in
            for attempt in Self.attempts {
                let cache = attempt.userInfo.hasPrefix("bob%40") ? shared.bobCache : shared.annCache
                let (report, result) = try await peer.authenticate(
                    uri: "mongodb://\(attempt.userInfo)@localhost:\(server.port)/?\(attempt.options)",
                    environment: shared.realm.environment(cache: cache))
                let users = report.authInfo?.authenticatedUsers.map { "\($0.user) on \($0.db)" }
                #expect(users == attempt.user.map { [$0] }, "\(attempt.name): \(result)")
                if attempt.user == nil {
                    #expect(result.stdout.contains("Authentication failed"), "\(attempt.name): \(result)")
                }
            }
        } log: { log in
            // What begins in hello and fails there is refused once more than the user sees.
            let lines = log.split(separator: "\n").filter { $0.hasPrefix("authenticated ") }
            let users = Self.attempts.compactMap { $0.user?.components(separatedBy: " on ").first }
            #expect(lines.map { String($0.dropFirst("authenticated ".count)) } == users, "\(log)")
            #expect(!log.contains("hunter"), "\(log)")
        }
    }

    @Test("A key that is not the KDC's refuses", arguments: Peer.allCases)
    func wrongServiceKey(peer: Peer) async throws {
        let own = try await SharedRealm.start()
        try await own.realm.changeKey("mongodb/localhost", keepingVersion: true)
        let server = try await ServerProcess.start(
            realm: own.realm, keytab: own.serviceKeytab, users: ["ann@EXAMPLE.TEST"], arguments: ["--sasl", "own"])
        let (report, result) = try await peer.authenticate(
            uri: "mongodb://ann%40EXAMPLE.TEST@localhost:\(server.port)/?authMechanism=GSSAPI",
            environment: own.realm.environment(cache: own.annCache))
        #expect(report.authInfo == nil && result.stdout.contains("Authentication failed."), "\(result)")
        let log = try await server.stop().stderr
        #expect(log.contains("refused an unknown client: the client's token is not accepted"), "\(log)")
        await own.realm.stop()
    }

    @Test(
        "An identity that is not the full principal is refused",
        arguments: ["", "ann", "ANN@EXAMPLE.TEST", "bob@EXAMPLE.TEST"])
    func identities(identity: String) async throws {
        let shared = try await SharedRealm.shared
        try await withServer(["--sasl", "own"]) { server in
            let result = try await Peer.rawConversation(
                ["localhost", "\(server.port)", identity],
                environment: shared.realm.environment(cache: shared.annCache))
            #expect(result.status == 1 && result.stderr.contains("'code': 18"), "\(result)")
        } log: { log in
            #expect(
                log
                    == "refused an unknown client: the client is authenticated, but may not act as the identity that it asks for\n"
            )
        }
    }

    // MARK: - Certificates

    @Test("A certificate's user, by name and without one", arguments: Peer.allCases, [false, true])
    func certificate(peer: Peer, isNamed: Bool) async throws {
        try await withTLS(users: #"[{"user": "CN=ann,O=Tests", "roles": [{"role": "read", "db": "shop"}]}]"#) {
            options, port in
            let user = isNamed ? "CN%3Dann%2CO%3DTests@" : ""
            let (report, result) = try await peer.authenticate(
                uri: "mongodb://\(user)localhost:\(port)/?authMechanism=MONGODB-X509\(options)", environment: [:])
            #expect(report.authInfo?.authenticatedUsers.map(\.user) == ["CN=ann,O=Tests"], "\(result)")
        } log: { log in
            #expect(log == "authenticated CN=ann,O=Tests\n")
        }
    }

    @Test("Another name, and a certificate that is no user's, are refused", arguments: Peer.allCases, [false, true])
    func certificateRefused(peer: Peer, isNamed: Bool) async throws {
        try await withTLS(users: #"[{"user": "CN=eve,O=Tests"}]"#) { options, port in
            let user = isNamed ? "CN%3Deve%2CO%3DTests@" : ""
            let (report, result) = try await peer.authenticate(
                uri: "mongodb://\(user)localhost:\(port)/?authMechanism=MONGODB-X509\(options)", environment: [:])
            #expect(report.authInfo == nil && result.stdout.contains("Authentication failed"), "\(result)")
        } log: { log in
            #expect(log.contains(isNamed ? "and not of the user" : "is not a user of this server"), "\(log)")
            #expect(!log.contains("authenticated CN=eve"))
        }
    }

    // MARK: - Starting

    @Test(
        "What cannot be served is said before anybody connects",
        arguments: [
            (["--mechanism", "PLAIN"], "the mechanism PLAIN is not available with cyrus"),
            (["--sasl", "own", "--mechanism", "CRAM-MD5"], "the mechanism CRAM-MD5 is not available with own"),
            (["--sasl", "own", "--keytab", "/dev/null"], "there is no key to accept clients of Kerberos with"),
            (["--users-file", "/nonexistent"], "--users-file /nonexistent cannot be used"),
        ])
    func unusable(arguments: [String], words: String) async throws {
        let shared = try await SharedRealm.shared
        let keytab = arguments.contains("--keytab") ? [] : ["--keytab", shared.serviceKeytab]
        let result = try await Child.run(
            BuiltExecutable.url(named: "mongo-test-server"), arguments + keytab, environment: shared.realm.environment()
        )
        #expect(result.status != 0 && result.stderr.contains(words), "\(result)")
    }

    private func withServer(
        _ arguments: [String], _ body: (ServerProcess) async throws -> Void, log: (String) throws -> Void
    ) async throws {
        let shared = try await SharedRealm.shared
        let file = URL(fileURLWithPath: shared.realm.folder).appendingPathComponent("users-\(UUID()).json")
        try Data(Self.users.utf8).write(to: file)
        let server = try await ServerProcess.start(
            realm: shared.realm, keytab: shared.serviceKeytab, arguments: arguments + ["--users-file", file.path])
        do {
            try await body(server)
        } catch {
            _ = try? await server.stop()
            throw error
        }
        try log(try await server.stop().stderr)
    }

    private func withTLS(
        users: String, _ body: (_ options: String, _ port: Int) async throws -> Void, log: (String) throws -> Void
    ) async throws {
        let shared = try await SharedRealm.shared
        let authority = try await TestAuthority.shared
        let file = URL(fileURLWithPath: shared.realm.folder).appendingPathComponent("users-\(UUID()).json")
        try Data(users.utf8).write(to: file)
        let server = try await ServerProcess.start(
            realm: shared.realm, keytab: shared.serviceKeytab,
            arguments: [
                "--sasl", "own", "--mechanism", "MONGODB-X509", "--users-file", file.path,
                "--tls-certificate-key-file", authority.path("localhost.pem"), "--tls-ca-file",
                authority.path("ca.crt"), "--tls-client-certificates", "ask",
            ])
        let files = try [("tlsCAFile", "ca.crt"), ("tlsCertificateKeyFile", "client.pem")].map { option, name in
            let path = authority.path(name).addingPercentEncoding(withAllowedCharacters: .alphanumerics)
            return "&\(option)=\(try #require(path))"
        }
        do {
            try await body("&tls=true" + files.joined(), server.port)
        } catch {
            _ = try? await server.stop()
            throw error
        }
        try log(try await server.stop().stderr)
    }
}
