import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// `authcheck` against a server whose SASL side is Cyrus libsasl2, in a private realm.
@Suite struct SuccessTests {
    private static let roles = ["readWrite@app", "read@reports"]

    private func server(_ realm: SharedRealm) async throws -> ServerProcess {
        try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab,
            users: ["\(realm.ann)=\(Self.roles.joined(separator: ","))", realm.bob])
    }

    @Test(arguments: Family.allCases)
    func theReportNamesTheIdentityAndItsRoles(_ family: Family) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(realm.ann, family.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.schema == "authcheck.check/1")
        #expect(outcome.report.result == "ok")
        #expect(outcome.report.exitStatus == 0)
        #expect(outcome.failure == nil)
        let host = try #require(outcome.report.hosts.first)
        #expect(outcome.report.hosts.count == 1)
        #expect(host.host == family.rawValue)
        #expect(host.port == server.port)
        #expect(host.result == "ok")
        #expect(
            host.identity
                == CheckJSON.Identity(
                    user: realm.ann, database: "$external",
                    roles: [.init(role: "readWrite", database: "app"), .init(role: "read", database: "reports")]))
        #expect(host.phases.map(\.name) == ["dns", "tcp", "tls", "hello", "kerberos", "sasl", "identity"])
        for phase in host.phases {
            #expect(phase.result == (phase.name == "tls" ? "skipped" : "ok"), "\(phase.name)")
            #expect((phase.milliseconds != nil) == (phase.name != "tls"), "\(phase.name)")
            #expect(phase.detail?.isEmpty == false, "\(phase.name)")
        }
        try await server.stop()
    }

    /// Readers of JSON look keys up: none may be missing, also where its value is null.
    @Test func everyDocumentedKeyIsThere() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let good = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let bad = gssapiURI(realm.bob, Family.ipv4.authority(server.port))
        for (uri, succeeds) in [(good, true), (bad, false)] {
            let result = try await AuthCheck.run(
                ["check", uri, "--format", "json"], environment: realm.realm.environment(cache: realm.annCache))
            let object = try JSONSerialization.jsonObject(with: Data(result.stdout.utf8))
            let report = try #require(object as? [String: Any])
            #expect(Set(report.keys).isSuperset(of: ["schema", "result", "exitStatus", "failure", "hosts"]))
            let failure = report["failure"] as? [String: Any]
            #expect(succeeds == (report["failure"] is NSNull))
            if !succeeds {
                let keys = try #require(failure).keys
                #expect(Set(keys).isSuperset(of: ["class", "phase", "host", "message", "hint"]))
            }
            let host = try #require((report["hosts"] as? [[String: Any]])?.first)
            #expect(Set(host.keys).isSuperset(of: ["host", "port", "result", "phases", "identity"]))
            let phases = try #require(host["phases"] as? [[String: Any]])
            #expect(phases.count == 7)
            for phase in phases {
                #expect(Set(phase.keys).isSuperset(of: ["name", "result", "milliseconds", "detail"]))
            }
            let identity = host["identity"] as? [String: Any]
            #expect(succeeds == (identity != nil))
            if succeeds {
                let keys = try #require(identity).keys
                #expect(Set(keys).isSuperset(of: ["user", "database", "roles"]))
            }
        }
        try await server.stop()
    }

    @Test(arguments: Family.allCases)
    func theTextNamesTheIdentityToo(_ family: Family) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let result = try await AuthCheck.run(
            [gssapiURI(realm.ann, family.authority(server.port)), "--details"],
            environment: realm.realm.environment(cache: realm.annCache))
        #expect(result.status == 0, "\(result)")
        #expect(result.stdout.contains("\(realm.ann) on $external"), "\(result)")
        for role in Self.roles { #expect(result.stdout.contains(role), "\(result)") }
        for phase in ["dns", "tcp", "hello", "kerberos", "sasl", "identity"] {
            #expect(result.stdout.contains(phase), "\(result)")
        }
        #expect(result.stderr.isEmpty, "\(result)")
        try await server.stop()
    }

    /// By name, as operators do it: both families are behind it, and the service's host is that name.
    @Test func aHostNameIsEnough() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(realm.ann, "localhost:\(server.port)", properties: "")
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.map(\.identity?.user) == [realm.ann], "\(outcome)")
        try await server.stop()
    }

    @Test func aUserNameWithoutRealmIsInTheDefaultRealm() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI("ann", Family.ipv4.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.map(\.identity?.user) == [realm.ann], "\(outcome)")
        try await server.stop()
    }

    @Test func aServiceRealmCanBeNamed() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(
            realm.ann, Family.ipv4.authority(server.port),
            properties: "SERVICE_HOST:localhost,SERVICE_REALM:\(realm.realm.name),SERVICE_NAME:mongodb")
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        try await server.stop()
    }

    /// The exit status is the report's, whatever the process still has to clean up.
    @Test func theExitStatusIsTheReportsEveryTime() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ScriptedServer.start("tampered-token", in: realm)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        var statuses: [Int32: Int] = [:]
        try await withThrowingTaskGroup(of: [Int32].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var statuses: [Int32] = []
                    for _ in 0..<15 {
                        statuses.append(try await AuthCheck.check(uri, in: realm, cache: realm.annCache).status)
                    }
                    return statuses
                }
            }
            for try await some in group { for status in some { statuses[status, default: 0] += 1 } }
        }
        #expect(statuses == [32: 120])
        try await server.stop()
    }
}
