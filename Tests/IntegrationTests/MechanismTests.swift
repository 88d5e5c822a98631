import Foundation
import KerberosTestKit
import MongoAuth
import MongoConnect
import NIOPosix
import SaslConnectionString
import TestSupport
import Testing

/// `authcheck` with each mechanism, against our own server side: what every operator of another mechanism than GSSAPI sees.
@Suite struct MechanismTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var userInfo: String
        var options: String
        var status: Int32
        /// The user, or a part of the cause.
        var words: String

        var testDescription: String { name }
    }

    private static let cases = [
        Case(name: "SCRAM", userInfo: "bob:hunter2", options: "", status: 0, words: "bob"),
        Case(
            name: "SCRAM, a user of SHA-1", userInfo: "old:hunter2", options: "authSource=shop", status: 0,
            words: "old"),
        Case(
            name: "SCRAM-SHA-1", userInfo: "bob:hunter2", options: "authMechanism=SCRAM-SHA-1", status: 0,
            words: "bob"),
        Case(
            name: "SCRAM-SHA-256", userInfo: "bob:hunter2", options: "authMechanism=SCRAM-SHA-256", status: 0,
            words: "bob"),
        Case(
            name: "SCRAM, wrong password", userInfo: "bob:hunter3", options: "", status: 30,
            words: "the user name or the password is wrong"),
        Case(
            name: "SCRAM, unknown user", userInfo: "eve:hunter2", options: "authMechanism=SCRAM-SHA-256", status: 30,
            words: "the user name or the password is wrong"),
        Case(
            name: "SCRAM-SHA-1, wrong password", userInfo: "bob:hunter3", options: "authMechanism=SCRAM-SHA-1",
            status: 30, words: "the user name or the password is wrong"),
        Case(
            name: "SCRAM-SHA-1, unknown user", userInfo: "eve:hunter2", options: "authMechanism=SCRAM-SHA-1",
            status: 30, words: "the user name or the password is wrong"),
        Case(name: "PLAIN", userInfo: "lea:pw", options: "authMechanism=PLAIN", status: 0, words: "lea"),
        Case(
            name: "PLAIN, wrong password", userInfo: "lea:px", options: "authMechanism=PLAIN", status: 30,
            words: "does not accept lea"),
        Case(
            name: "PLAIN, unknown user", userInfo: "eve:pw", options: "authMechanism=PLAIN", status: 30,
            words: "does not accept eve"),
        Case(
            name: "a mechanism that is not offered", userInfo: "ann%40EXAMPLE.TEST", options: "authMechanism=GSSAPI",
            status: 31, words: "GSSAPI"),
    ]

    @Test func eachMechanism() async throws {
        let shared = try await SharedRealm.shared
        let server = try await start(
            shared, mechanisms: ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"],
            users: """
                [{"user": "bob", "db": "admin", "password": "hunter2", "roles": [{"role": "read", "db": "shop"}]},
                 {"user": "old", "db": "shop", "password": "hunter2", "mechanisms": ["SCRAM-SHA-1"]},
                 {"user": "lea", "password": "pw"}]
                """)
        for one in Self.cases {
            let outcome = try await AuthCheck.check(
                "mongodb://\(one.userInfo)@localhost:\(server.port)/?\(one.options)", in: shared,
                cache: shared.annCache)
            #expect(outcome.status == one.status, "\(one.name): \(outcome)")
            let text = one.status == 0 ? outcome.report.hosts.first?.identity?.user : outcome.advice
            #expect(text?.contains(one.words) == true, "\(one.name): \(outcome)")
        }
        try await server.stop()
    }

    @Test func mechanismsThatAreNotOffered() async throws {
        let shared = try await SharedRealm.shared
        let authority = try await TestAuthority.shared
        let server = try await start(
            shared, mechanisms: ["GSSAPI"], users: #"[{"user": "bob", "db": "admin", "password": "hunter2"}]"#,
            arguments: ["--tls-certificate-key-file", authority.path("localhost.pem")])
        let files =
            "tls=true&tlsCAFile=\(authority.path("ca.crt"))&tlsCertificateKeyFile=\(authority.path("client.pem"))"
        for (userInfo, mechanism) in [
            ("bob:hunter2@", "PLAIN"), ("bob:hunter2@", "SCRAM-SHA-1"), ("bob:hunter2@", "SCRAM-SHA-256"),
            ("", "MONGODB-X509"),
        ] {
            let outcome = try await AuthCheck.check(
                "mongodb://\(userInfo)localhost:\(server.port)/?authMechanism=\(mechanism)&\(files)", in: shared,
                cache: nil)
            #expect(outcome.status == 31, "\(mechanism): \(outcome)")
            #expect(outcome.advice.contains(mechanism), "\(mechanism): \(outcome)")
        }
        try await server.stop()
    }

    @Test(arguments: [
        ("", "CN=ann,O=Tests", 0), ("CN%3Dann%2CO%3DTests@", "CN=ann,O=Tests", 0), ("", "CN=eve,O=Tests", 30),
        ("CN%3Deve%2CO%3DTests@", "CN=eve,O=Tests", 30),
    ])
    func certificates(userInfo: String, user: String, status: Int32) async throws {
        let shared = try await SharedRealm.shared
        let authority = try await TestAuthority.shared
        let server = try await start(
            shared, mechanisms: ["MONGODB-X509"], users: #"[{"user": "\#(user)"}]"#,
            arguments: [
                "--tls-certificate-key-file", authority.path("localhost.pem"), "--tls-ca-file",
                authority.path("ca.crt"), "--tls-client-certificates", "demand",
            ])
        let files =
            "tls=true&tlsCAFile=\(authority.path("ca.crt"))&tlsCertificateKeyFile=\(authority.path("client.pem"))"
        let outcome = try await AuthCheck.check(
            "mongodb://\(userInfo)localhost:\(server.port)/?authMechanism=MONGODB-X509&\(files)", in: shared, cache: nil
        )
        #expect(outcome.status == status, "\(outcome)")
        if status == 0 { #expect(outcome.report.hosts.first?.identity?.user == user, "\(outcome)") }
        try await server.stop()
    }

    @Test func aCertificateThatIsNotThereIsSaidBeforeAnybodyIsAsked() async throws {
        let shared = try await SharedRealm.shared
        let outcome = try await AuthCheck.check(
            "mongodb://127.0.0.1:1/?authMechanism=MONGODB-X509&tls=true", in: shared, cache: nil)
        #expect(outcome.status == 64, "\(outcome)")
        #expect(outcome.failure?.message.contains("tls=true and tlsCertificateKeyFile") == true, "\(outcome)")
    }

    /// As after error 391: the same connection, another user, and in between a refusal that closes it.
    @Test func aConnectionIsAuthenticatedAnew() async throws {
        let shared = try await SharedRealm.shared
        let server = try await start(
            shared, mechanisms: ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"],
            users: """
                [{"user": "bob", "db": "admin", "password": "hunter2"}, {"user": "lea", "password": "pw"}]
                """)
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton)
        let string = try MongoConnectionString(parsing: "mongodb://bob:hunter2@127.0.0.1:\(server.port)/")
        let host = try #require(string.hosts.first)
        let deadline = ContinuousClock.now + .seconds(60)
        let session = try await connector.connect(to: host, of: string, by: deadline)
        #expect(try await AuthenticatedIdentity.ask(session.connection, by: deadline).user == "bob")
        let again = try await connector.reauthenticate(session, of: string, by: deadline)
        #expect(again.authentication?.isServerProven == true && again.host == host)
        let lea = MongoCredential.plain(username: "lea", password: "pw")
        _ = try await connector.reauthenticate(session, of: string, as: lea, by: deadline)
        #expect(try await AuthenticatedIdentity.ask(session.connection, by: deadline).user == "lea")
        let wrong = MongoCredential.plain(username: "lea", password: "px")
        let error = await #expect(throws: MongoAuthError.self) {
            _ = try await connector.reauthenticate(session, of: string, as: wrong, by: deadline)
        }
        #expect(error?.code == .refused)
        await #expect(throws: (any Error).self) {
            _ = try await AuthenticatedIdentity.ask(session.connection, by: deadline)
        }
        try await server.stop()
    }

    private func start(
        _ shared: SharedRealm, mechanisms: [String], users: String, arguments: [String] = []
    ) async throws -> ServerProcess {
        let file = URL(fileURLWithPath: shared.realm.folder).appendingPathComponent("users-\(UUID()).json")
        try Data(users.utf8).write(to: file)
        return try await ServerProcess.start(
            realm: shared.realm, keytab: shared.serviceKeytab, listen: ["127.0.0.1:0"],
            arguments: ["--sasl", "own", "--users-file", file.path] + mechanisms.flatMap { ["--mechanism", $0] }
                + arguments)
    }
}
