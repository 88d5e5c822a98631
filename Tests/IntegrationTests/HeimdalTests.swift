import Foundation
import TestSupport
import Testing

/// Our client against a KDC of the other family: it answers in its own order and with its own messages.
@Suite struct HeimdalTests {
    private func withRealm(_ body: (HeimdalRealm, ServerProcess) async throws -> Void) async throws {
        let realm = try await HeimdalRealm.start()
        let server = try await ServerProcess(
            BuiltExecutable.url(named: "mongo-test-server"),
            [
                "--listen", "127.0.0.1:0", "--keytab", realm.serviceKeytab, "--service-host", "localhost", "--user",
                "\(realm.ann)=read@test", "--exit-with-parent",
            ], environment: realm.environment(keytab: realm.serviceKeytab))
        try await body(realm, server)
        try await server.stop()
        try await realm.stop()
        #expect(!FileManager.default.fileExists(atPath: realm.folder))
    }

    /// The environment of a realm with a setting of `[libdefaults]` in front of the others.
    private func environment(_ realm: HeimdalRealm, setting: String) throws -> [String: String] {
        let file = "\(realm.folder)/setting.conf"
        try "[libdefaults]\n    \(setting)\n".write(toFile: file, atomically: true, encoding: .utf8)
        return realm.environment().merging(["KRB5_CONFIG": "\(file):\(realm.folder)/krb5.conf"]) { $1 }
    }

    private func uri(_ user: String, _ server: ServerProcess, properties: String = "SERVICE_HOST:localhost") -> String {
        gssapiURI(user, Family.ipv4.authority(server.port), properties: properties)
    }

    @Test func anAuthenticationAndItsReport() async throws {
        try await withRealm { realm, server in
            let outcome = try await AuthCheck.check(
                uri(realm.ann, server), environment: realm.environment(cache: realm.annCache))
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.report.hosts.first?.identity?.user == realm.ann, "\(outcome)")
            let kerberos = try #require(outcome.report.kerberos)
            #expect(kerberos.ticketGrantingTicket?.server == "krbtgt/\(realm.name)@\(realm.name)")
            let ticket = try #require(outcome.report.hosts.first?.kerberos?.serviceTicket, "\(outcome)")
            #expect(ticket.server == "mongodb/localhost@\(realm.name)")
            #expect(ticket.keyVersion == 1)
            #expect(ticket.encryptionType?.hasPrefix("aes") == true)
        }
    }

    @Test func aKeytabIsEnough() async throws {
        try await withRealm { realm, server in
            let keytab = try await realm.addUser("carl")
            let outcome = try await AuthCheck.check(
                uri("carl@\(realm.name)", server), environment: realm.environment(clientKeytab: keytab))
            // The server does not know carl; that it says so means that Kerberos has worked.
            #expect(outcome.status == 30, "\(outcome)")
            try await realm.administer(["delete carl"])
            let gone = try await AuthCheck.check(
                uri("carl@\(realm.name)", server),
                environment: realm.environment(cache: "FILE:\(realm.folder)/another.ccache", clientKeytab: keytab))
            #expect(gone.status == 22, "\(gone)")
            #expect(gone.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", "\(gone)")
            #expect(gone.failure?.hint?.contains("carl@\(realm.name)") == true, "\(gone)")
        }
    }

    /// A web service acts for ann, without a ticket or key from her (S4U2Self, S4U2Proxy). From such a cache only
    /// GSS-API can get a ticket for the server.
    @Test func aCacheOfConstrainedDelegation() async throws {
        try await withRealm { realm, server in
            let keytab = try await realm.addUser("web/localhost")
            try await realm.administer([
                "modify --constrained-delegation=mongodb/localhost@\(realm.name) web/localhost",
                "modify --attributes=+trusted-for-delegation web/localhost",
            ])
            let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("Peers/impersonate.c")
            let program = "\(realm.folder)/impersonate"
            let compilation = try await Child.run(
                BuiltExecutable.system("cc", package: "gcc"),
                ["-Wall", "-Werror", "-o", program, source.path, "-lgssapi_krb5"])
            try #require(compilation.status == 0, "gcc and libkrb5-dev are needed: \(compilation)")
            let cache = "FILE:\(realm.folder)/for-ann.ccache"
            let impersonation = try await Child.run(
                URL(fileURLWithPath: program), [keytab, "FILE:\(realm.folder)/web.ccache", realm.ann, cache],
                environment: environment(realm, setting: "forwardable = true"))
            try #require(impersonation.status == 0, "\(impersonation)")
            // The second time the ticket is in the cache.
            for _ in 0..<2 {
                let outcome = try await AuthCheck.check(
                    uri(realm.ann, server), environment: realm.environment(cache: cache))
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.report.hosts.first?.identity?.user == realm.ann, "\(outcome)")
            }
            let others = try await OtherDriver.ask(
                commonURI(realm.ann, Family.ipv4.authority(server.port)), environment: realm.environment(cache: cache))
            #expect(others.connected(as: realm.ann) == [.pyMongo, .libmongoc], "\(others)")
        }
    }

    /// The KDC gives the ticket to the principal that an alias stands for: that is who we are, and it is said. Other drivers do not
    /// connect by the alias, with the ticket that `kinit` has got for it.
    @Test func anAliasIsItsPrincipal() async throws {
        try await withRealm { realm, server in
            try await realm.administer(["modify --alias=annie@\(realm.name) ann"])
            let password = "\(realm.folder)/password"
            try realm.annPassword.write(toFile: password, atomically: true, encoding: .utf8)
            let outcome = try await AuthCheck.check(
                uri("annie@\(realm.name)", server), ["--password-file", password],
                environment: environment(realm, setting: "canonicalize = true"))
            #expect(outcome.status == 0, "\(outcome)")
            let host = try #require(outcome.report.hosts.first)
            #expect(host.identity?.user == realm.ann, "\(outcome)")
            #expect(host.warnings.count == 1, "\(outcome)")
            #expect(
                host.warnings.first?.hasPrefix("the KDC changed the user's name: the server sees \(realm.ann). ")
                    == true,
                "\(outcome)")

            let cache = "FILE:\(realm.folder)/annie.ccache"
            let kinit = try await Child.run(
                BuiltExecutable.system("kinit", package: "krb5-user"), ["-C", "-c", cache, "annie@\(realm.name)"],
                environment: realm.environment(), standardInput: "\(realm.annPassword)\n")
            try #require(kinit.status == 0, "\(kinit)")
            let authority = Family.ipv4.authority(server.port)
            for (user, connected) in [("annie@\(realm.name)", []), (realm.ann, [OtherDriver.pyMongo, .libmongoc])] {
                let others = try await OtherDriver.ask(
                    commonURI(user, authority), environment: realm.environment(cache: cache))
                #expect(others.connected == Set(connected), "\(user): \(others)")
            }
        }
    }

    @Test func anUnknownServiceAndAnUnknownRealm() async throws {
        try await withRealm { realm, server in
            let environment = realm.environment(cache: realm.annCache)
            let unknown = try await AuthCheck.check(
                uri(realm.ann, server, properties: "SERVICE_HOST:nosuch.localhost"), environment: environment)
            #expect(unknown.status == 23, "\(unknown)")
            #expect(unknown.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN")
            #expect(unknown.failure?.hint?.contains("mongodb/nosuch.localhost") == true, "\(unknown)")
            let foreign = try await AuthCheck.check(
                uri(realm.ann, server, properties: "SERVICE_HOST:localhost,SERVICE_REALM:ELSEWHERE.TEST"),
                environment: environment)
            #expect(foreign.status == 23, "\(foreign)")
            #expect(foreign.failure?.hint?.contains("ELSEWHERE.TEST") == true, "\(foreign)")
            #expect(foreign.failure?.hint?.contains("SERVICE_REALM") == true, "\(foreign)")
        }
    }

    /// This KDC calls the ticket of a client whose clock is behind "not valid yet"; its own time tells the truth.
    @Test(arguments: [-3600, 3600])
    func aClockThatIsWrong(seconds: Int) async throws {
        try await withRealm { realm, server in
            let outcome = try await AuthCheck.check(
                uri(realm.ann, server), environment: realm.environment(cache: realm.annCache),
                wrapper: try FakeTime.wrapper(seconds: seconds))
            #expect(outcome.status == 24, "\(outcome)")
            let offset = try #require(outcome.failure?.clockOffsetSeconds, "\(outcome)")
            #expect(abs(offset + Double(seconds)) < 120, "\(outcome)")
        }
    }
}
