import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// What the report shows of Kerberos, and the library's own trace.
@Suite struct KerberosReportTests {
    private func server(_ realm: SharedRealm) async throws -> ServerProcess {
        try await ServerProcess.start(realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann])
    }

    @Test func everythingThatAnOperatorAsksFor() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let cache = try await realm.realm.makeCache(
            "ann", password: realm.annPassword, lifetime: .seconds(3600), options: ["-f", "-r", "2h"])
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port)), in: realm, cache: cache)
        #expect(outcome.status == 0, "\(outcome)")
        let kerberos = try #require(outcome.report.kerberos, "\(outcome)")
        #expect(kerberos.configurationFiles == [realm.realm.configurationFile])
        #expect(kerberos.defaultRealm == realm.realm.name)
        #expect(kerberos.principal == realm.ann)
        #expect(kerberos.cache?.name == cache)
        #expect(kerberos.cache?.type == "FILE")
        #expect(kerberos.cache?.principal == realm.ann)
        #expect(kerberos.clientKeytab == nil)
        let granting = try #require(kerberos.ticketGrantingTicket)
        #expect(granting.server == "krbtgt/\(realm.realm.name)@\(realm.realm.name)")
        #expect((1...3600).contains(granting.secondsLeft), "\(granting)")
        #expect(granting.flags.contains("forwardable"))
        #expect(granting.flags.contains("renewable"))
        #expect(granting.flags.contains("initial"))
        let end = try Date(granting.endTime, strategy: .iso8601)
        let renewable = try Date(#require(granting.renewableUntil), strategy: .iso8601)
        #expect(renewable.timeIntervalSince(end) > 3000, "\(granting)")

        let host = try #require(outcome.report.hosts.first)
        #expect(abs(try #require(host.clockOffsetSeconds)) < 60)
        let here = try #require(host.kerberos)
        #expect(here.service == "mongodb/localhost@\(realm.realm.name)")
        let ticket = try #require(here.serviceTicket)
        #expect(ticket.server == here.service)
        #expect(ticket.encryptionType == "aes256-cts-hmac-sha1-96")
        #expect(ticket.sessionEncryptionType == "aes256-cts-hmac-sha1-96")
        #expect(ticket.keyVersion == 1)
        #expect((1...3600).contains(ticket.secondsLeft), "\(ticket)")
        #expect(here.grantedFlags?.contains("mutual") == true)
        #expect(here.grantedFlags?.contains("integ") == true)
        #expect(here.offeredLayers?.contains("none") == true)
        try await server.stop()
    }

    @Test func theTextHasItToo() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let result = try await AuthCheck.run(
            [gssapiURI(realm.ann, Family.ipv4.authority(server.port)), "--details"],
            environment: realm.realm.environment(cache: realm.annCache))
        #expect(result.status == 0, "\(result)")
        for text in [
            realm.realm.configurationFile, realm.annCache, "default realm  \(realm.realm.name)",
            "mongodb/localhost@\(realm.realm.name): until ", "aes256-cts-hmac-sha1-96, key version 1",
        ] {
            #expect(result.stdout.contains(text), "no \(text) in \(result)")
        }
        try await server.stop()
    }

    /// The server refuses without a reason; the version of the key is what can be compared from here.
    @Test func aRefusalNamesTheKeyThatTheServerMustHave() async throws {
        let realm = try await SharedRealm.start()
        try await realm.realm.changeKey("mongodb/localhost")
        let server = try await server(realm)
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port)), in: realm, cache: realm.annCache)
        #expect(outcome.status == 30, "\(outcome)")
        let hint = outcome.failure?.hint ?? ""
        for word in [realm.ann, "mongodb/localhost@\(realm.realm.name)", "version 2", "klist -ket", "aes256"] {
            #expect(hint.contains(word), "no \(word) in \(outcome)")
        }
        try await server.stop()
        await realm.realm.stop()
    }

    /// Keys are only ever added, and none is ever missing.
    @Test func whatIsAbsentIsNull() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let result = try await AuthCheck.run(
            [gssapiURI(realm.ann, Family.ipv4.authority(server.port)), "--format", "json"],
            environment: realm.realm.environment(cache: realm.absentCache()))
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(result.stdout.utf8)) as? [String: Any], "\(result)")
        let kerberos = try #require(report["kerberos"] as? [String: Any], "\(result)")
        #expect(
            Set(kerberos.keys) == [
                "configurationFiles", "defaultRealm", "principal", "cache", "clientKeytab", "ticketGrantingTicket",
            ])
        #expect(kerberos["ticketGrantingTicket"] is NSNull)
        #expect(kerberos["clientKeytab"] is NSNull)
        let host = try #require((report["hosts"] as? [[String: Any]])?.first)
        let here = try #require(host["kerberos"] as? [String: Any])
        #expect(Set(here.keys) == ["service", "serviceTicket", "grantedFlags", "offeredLayers"])
        #expect(here["service"] as? String == "mongodb/localhost")
        #expect(here["serviceTicket"] is NSNull)
        #expect(here["grantedFlags"] is NSNull)
        #expect(host["clockOffsetSeconds"] is Double)
        let failure = try #require(report["failure"] as? [String: Any])
        #expect(failure["clockOffsetSeconds"] is NSNull)
        let error = try #require(failure["kerberos"] as? [String: Any])
        #expect(
            Set(error.keys) == [
                "call", "major", "majorName", "majorMessages", "minor", "symbolicName", "minorMessages",
            ])
        try await server.stop()
    }

    // MARK: - The trace

    @Test func theTraceIsTheLibrarysOwn() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let cache = try await realm.realm.makeCache("ann", password: realm.annPassword)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        try await withFolder { folder in
            let file = folder.appendingPathComponent("trace").path
            let environment = realm.realm.environment(cache: cache)
            let outcome = try await AuthCheck.check(uri, ["--trace", file], environment: environment)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.child.stderr.isEmpty, "\(outcome)")
            let trace = try String(contentsOfFile: file, encoding: .utf8)
            #expect(trace.contains("mongodb/localhost"), "\(trace)")
            let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
        try await server.stop()
    }

    @Test func aTraceThatCannotBeWrittenIsAMistakeInTheArguments() async throws {
        let result = try await AuthCheck.run(
            ["mongodb://ann@localhost/?authMechanism=GSSAPI", "--trace", "/nonexistent/trace"])
        #expect(result.status == 64, "\(result)")
        #expect(result.stderr.contains("/nonexistent/trace"), "\(result)")
    }
}
