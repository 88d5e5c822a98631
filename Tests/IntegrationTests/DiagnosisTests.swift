import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Causes that a code alone does not show, each really produced.
@Suite struct DiagnosisTests {
    private func withServer<Result>(
        _ realm: SharedRealm, keytab: String? = nil, _ body: (_ authority: String) async throws -> Result
    ) async throws -> Result {
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: keytab ?? realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let result = try await body(Family.ipv4.authority(server.port))
        try await server.stop()
        return result
    }

    private func check(
        _ realm: SharedRealm, user: String? = nil, _ environment: [String: String]
    ) async throws -> CheckOutcome {
        try await withServer(realm) { authority in
            try await AuthCheck.check(gssapiURI(user ?? realm.ann, authority), environment: environment)
        }
    }

    // MARK: - Nothing to start from

    @Test func aKeytabThatIsNamedAndNotThere() async throws {
        let realm = try await SharedRealm.shared
        var environment = realm.realm.environment(cache: realm.absentCache())
        environment["KRB5_CLIENT_KTNAME"] = "/nonexistent/client.keytab"
        let outcome = try await check(realm, environment)
        #expect(outcome.status == 20, "\(outcome)")
        let hint = outcome.failure?.hint ?? ""
        #expect(
            hint.contains("the keytab that KRB5_CLIENT_KTNAME names, /nonexistent/client.keytab, cannot be used"),
            "\(hint)")
        #expect(hint.contains("it does not exist") && hint.contains("`kinit \(realm.ann)`"), "\(hint)")
    }

    /// Clients do not look into the servers' keytab.
    @Test func theUsersKeyIsInTheServersKeytab() async throws {
        let realm = try await SharedRealm.shared
        var environment = realm.realm.environment(cache: realm.absentCache())
        environment["KRB5_KTNAME"] = realm.annKeytab
        let outcome = try await check(realm, environment)
        #expect(outcome.status == 20, "\(outcome)")
        let hint = outcome.failure?.hint ?? ""
        #expect(hint.contains("its key is in \(realm.annKeytab), which is a server's keytab"), "\(hint)")
        #expect(hint.contains("`kinit -kt \(realm.annKeytab) \(realm.ann)`"), "\(hint)")
        // The advice works.
        environment["KRB5_CLIENT_KTNAME"] = realm.annKeytab
        #expect(try await check(realm, environment).status == 0)
    }

    @Test(arguments: ["KCM:", "FILE:%{nosuch}/cache"])
    func aCacheThatNobodyKeeps(name: String) async throws {
        let realm = try await SharedRealm.shared
        let path = try realm.changedConfiguration {
            $0.replacing(
                "[libdefaults]",
                with: "[libdefaults]\n    default_ccache_name = \(name)\n    kcm_socket = /nonexistent/kcm")
        }
        var environment = realm.realm.environment()
        environment["KRB5CCNAME"] = nil
        environment["KRB5_CONFIG"] = path
        let outcome = try await check(realm, environment)
        #expect(outcome.status == 20, "\(outcome)")
        let words = name == "KCM:" ? "is kept by a daemon (KCM), which does not answer" : "an unknown %{...}"
        #expect(outcome.failure?.hint?.contains(words) == true, "\(outcome)")
    }

    @Test func aRealmInSmallLetters() async throws {
        let realm = try await SharedRealm.shared
        let outcome = try await check(
            realm, user: "ann@\(realm.realm.name.lowercased())", realm.realm.environment(cache: realm.annCache))
        #expect(outcome.status == 20, "\(outcome)")
        #expect(outcome.failure?.hint?.contains("case-sensitive") == true, "\(outcome)")
        #expect(outcome.failure?.hint?.contains("`kinit \(realm.ann)`") == true, "\(outcome)")
    }

    @Test func aConfigurationThatIsNamedAndNotThere() async throws {
        let realm = try await SharedRealm.shared
        var environment = realm.realm.environment(cache: realm.annCache)
        environment["KRB5_CONFIG"] = "/nonexistent/krb5.conf:\(environment["KRB5_CONFIG"] ?? "")"
        let outcome = try await check(realm, environment)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(
            outcome.report.warnings.contains { $0.hasPrefix("KRB5_CONFIG names /nonexistent/krb5.conf,") }, "\(outcome)"
        )
    }

    // MARK: - Refusals

    /// The keytab lacks the key: nothing has been proven, and the user is not blamed first.
    @Test func aServerWithoutTheKey() async throws {
        let realm = try await SharedRealm.start()
        let old = realm.serviceKeytab
        try await realm.realm.changeKey("mongodb/localhost")
        let outcome = try await withServer(realm, keytab: old) { authority in
            try await AuthCheck.check(
                gssapiURI(realm.ann, authority), environment: realm.realm.environment(cache: realm.annCache))
        }
        #expect(outcome.status == 30, "\(outcome)")
        let hint = outcome.failure?.hint ?? ""
        #expect(hint.contains("its keytab lacks the"), "\(hint)")
        #expect(hint.contains("must list mongodb/localhost@\(realm.realm.name) with a key of version 2"), "\(hint)")
        await realm.realm.stop()
    }

    // MARK: - Several hosts

    /// One works, one is down, one refuses: all three are reported, and it takes as long as the slowest.
    @Test func threeHosts() async throws {
        let realm = try await SharedRealm.shared
        let well = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let refusing = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.bob], listen: ["127.0.0.1:0"])
        let closed = try ClosedPort(.ipv4)
        let authority = [well.port, closed.number, refusing.port].map { "127.0.0.1:\($0)" }.joined(separator: ",")
        let arguments = [gssapiURI(realm.ann, authority)]
        let environment = realm.realm.environment(cache: realm.annCache).merging(["LANG": "C.UTF-8", "COLUMNS": "80"]) {
            $1
        }
        let text = try await AuthCheck.run(arguments, environment: environment)
        #expect(text.status == 11, "\(text)")
        let lines = text.stdout.split(separator: "\n")
        #expect(lines.first == "FAILED: connect in phase tcp, exit status 11; 2 of 3 hosts failed", "\(text)")
        #expect(text.stdout.contains("nothing listens on port"), "\(text)")
        #expect(text.stdout.contains("Kerberos has authenticated both sides"), "\(text)")
        // Commands are as long as they are.
        #expect(lines.allSatisfy { $0.count <= 80 || $0.contains("createUser(") }, "\(text)")
        let outcome = try await AuthCheck.check(arguments[0], environment: environment)
        #expect(outcome.report.hosts.map(\.result) == ["ok", "failed", "failed"], "\(outcome)")
        try await well.stop()
        try await refusing.stop()
    }

    /// 200 strings, a third of them dead, 50 at a time: in order, and all of them.
    @Test func manyStrings() async throws {
        let realm = try await SharedRealm.shared
        let closed = try ClosedPort(.ipv4)
        try await withServer(realm) { authority in
            let strings = (0..<200).map { gssapiURI(realm.ann, $0 % 3 == 0 ? "127.0.0.1:\(closed.number)" : authority) }
            let file = try realm.newFile("uris", "# all of them\n\n" + strings.joined(separator: "\n") + "\n")
            let result = try await AuthCheck.run(
                ["--uri-file", file, "--concurrency", "50", "--format", "jsonl", "--timeout", "60s"],
                environment: realm.realm.environment(cache: realm.annCache))
            #expect(result.status == 11, "\(result)")
            let schema = try JSONSchema("authcheck.check")
            let reports = try result.stdout.split(separator: "\n").map {
                try schema.check(String($0))
                return try JSONDecoder().decode(CheckJSON.self, from: Data($0.utf8))
            }
            #expect(reports.map(\.exitStatus) == (0..<200).map { $0 % 3 == 0 ? 11 : 0 })
        }
    }
}
