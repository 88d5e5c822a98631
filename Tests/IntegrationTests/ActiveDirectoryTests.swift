import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// `authcheck` against the KDC of an Active Directory domain controller, and a server in its domain.
@Suite(.enabled(if: KerberosRealm.Backend.isSambaChosen, "KERBEROS_REALM=samba runs these"))
struct ActiveDirectoryTests {
    private static let password = "secret"

    private func unique(_ name: String) -> String { "\(name)-\(UInt32.random(in: 0 ... .max))" }

    /// Checks with a password, and no cache.
    private func check(
        _ user: String, _ realm: SharedRealm, _ server: ServerProcess, host: String = "localhost",
        password: String = Self.password, environment: [String: String] = [:]
    ) async throws -> CheckOutcome {
        let file = try realm.newFile("password", "\(password)\n")
        return try await AuthCheck.check(
            gssapiURI(user, Family.ipv4.authority(server.port), properties: "SERVICE_HOST:\(host)"),
            ["--password-file", file],
            environment: realm.realm.environment(cache: realm.absentCache()).merging(environment) { $1 })
    }

    private func withServer<Result>(
        _ users: [String], host: String = "localhost", keytab: String? = nil,
        _ body: (SharedRealm, ServerProcess) async throws -> Result
    ) async throws -> Result {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: keytab ?? realm.serviceKeytab,
            users: users.map { "\($0)@\(realm.realm.name)" }, serviceHost: host)
        let result = try await body(realm, server)
        try await server.stop()
        return result
    }

    @Test func aPasswordIsEnough() async throws {
        try await withServer(["ann"]) { realm, server in
            for user in ["ann@EXAMPLE.TEST", "ann"] {
                let outcome = try await check(user, realm, server, password: realm.annPassword)
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.report.hosts.first?.identity?.user == realm.ann, "\(outcome)")
            }
        }
    }

    /// The KDC ignores case, and writes the requested name into the ticket; the server compares bytes.
    @Test func otherCapitalsAreAnotherUserToTheServer() async throws {
        try await withServer(["ann"]) { realm, server in
            let outcome = try await check("ANN@EXAMPLE.TEST", realm, server, password: realm.annPassword)
            #expect(outcome.status == 30, "\(outcome)")
            #expect(outcome.advice.contains("(\(realm.ann), perhaps"), "\(outcome)")
        }
    }

    @Test(arguments: ["LOCALHOST", "Localhost"])
    func theServicesHostMayHaveCapitals(host: String) async throws {
        try await withServer(["ann"]) { realm, server in
            let outcome = try await check("ann", realm, server, host: host, password: realm.annPassword)
            #expect(outcome.status == 0, "\(outcome)")
        }
    }

    @Test func anEnterpriseNameLogsIn() async throws {
        let name = unique("upn")
        try await withServer([name]) { realm, server in
            try await realm.realm.addUPNSuffix("\(name).example.com")
            try await realm.realm.addPrincipal(name, password: Self.password)
            try await realm.realm.setUserPrincipalName("ann.smith@\(name).example.com", of: name)
            for user in [
                "ann.smith@\(name).example.com@EXAMPLE.TEST", #"ann.smith\@\#(name).example.com@EXAMPLE.TEST"#,
            ] {
                let outcome = try await check(user, realm, server)
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.report.hosts.first?.identity?.user == "\(name)@EXAMPLE.TEST", "\(outcome)")
            }
            // Without its realm it is a principal of a realm that nobody knows, for kinit as well.
            let outcome = try await check("ann.smith@\(name).example.com", realm, server)
            #expect(outcome.status == 21, "\(outcome)")
            #expect(outcome.advice.contains("ann.smith%40\(name).example.com%40REALM"), "\(outcome)")
        }
    }

    /// As after a login by SSSD: the cache has the account's own principal.
    @Test func aCacheOfAnEnterpriseNameIsTheAccounts() async throws {
        let name = unique("upn")
        try await withServer([name]) { realm, server in
            try await realm.realm.addUPNSuffix("\(name).example.com")
            try await realm.realm.addPrincipal(name, password: Self.password)
            try await realm.realm.setUserPrincipalName("ann.smith@\(name).example.com", of: name)
            let cache = try await realm.realm.makeCache(
                "ann.smith@\(name).example.com", password: Self.password, options: ["-E", "-C"])
            let authority = Family.ipv4.authority(server.port)
            let own = try await AuthCheck.check(gssapiURI("\(name)@EXAMPLE.TEST", authority), in: realm, cache: cache)
            #expect(own.status == 0, "\(own)")
            let enterprise = try await AuthCheck.check(
                gssapiURI("ann.smith@\(name).example.com", authority), in: realm, cache: cache)
            #expect(enterprise.status == 20, "\(enterprise)")
            #expect(enterprise.advice.contains("\(name)@EXAMPLE.TEST"), "\(enterprise)")
            for (user, connected) in [
                ("\(name)@EXAMPLE.TEST", [OtherDriver.pyMongo, .libmongoc]),
                ("ann.smith@\(name).example.com", []), ("ann.smith@\(name).example.com@EXAMPLE.TEST", []),
            ] {
                let others = try await OtherDriver.ask(
                    commonURI(user, authority), environment: realm.realm.environment(cache: cache))
                #expect(others.connected == Set(connected), "\(user): \(others)")
            }
        }
    }

    @Test func aWindowsNameIsExplained() async throws {
        try await withServer(["ann"]) { realm, server in
            let outcome = try await check(#"EXAMPLE\ann"#, realm, server, password: realm.annPassword)
            #expect(outcome.status == 64, "\(outcome)")
            #expect(outcome.advice.contains("write ann@REALM"), "\(outcome)")
            #expect(!outcome.advice.contains("EXAMPLEann"), "\(outcome)")
        }
    }

    /// Each group is eight bytes in each ticket, so 200 are too many for UDP, and 1,500 make a token of 13 kB.
    @Test(arguments: [200, 1500])
    func manyGroupsGoOverTCP(count: Int) async throws {
        let name = unique("many")
        try await withServer([name]) { realm, server in
            try await realm.realm.addPrincipal(name, password: Self.password)
            try await realm.realm.addGroups((1...count).map { "\(name)-\($0)" }, to: name)
            let configuration = try realm.changedConfiguration {
                $0.replacing("udp_preference_limit = 1\n", with: "udp_preference_limit = 1465\n")
            }
            let trace = "\(realm.realm.folder)/\(name).trace"
            let outcome = try await check(
                name, realm, server, environment: ["KRB5_CONFIG": configuration, "KRB5_TRACE": trace])
            #expect(outcome.status == 0, "\(outcome)")
            let text = try String(contentsOfFile: trace, encoding: .utf8)
            #expect(text.contains("Response too big for UDP") && text.contains("to stream"), "\(text)")
        }
    }

    @Test(
        "The ticket is encrypted as the service's account says",
        arguments: [(["arcfour-hmac"], "arcfour-hmac"), (["aes256-cts"], "aes256-cts-hmac-sha1-96")])
    func encryptionTypes(types: [String], expected: String) async throws {
        let realm = try await SharedRealm.shared
        let host = unique("types")
        try await realm.realm.addPrincipals([NewPrincipal("mongodb/\(host)", traits: [.encryptionTypes(types)])])
        let keytab = try await realm.realm.makeKeytab(for: ["mongodb/\(host)"])
        try await withServer(["ann"], host: host, keytab: keytab) { realm, server in
            let outcome = try await check("ann", realm, server, host: host, password: realm.annPassword)
            #expect(outcome.status == 0, "\(outcome)")
            let ticket = outcome.report.hosts.first?.kerberos?.serviceTicket
            #expect(ticket?.encryptionType == expected, "\(outcome)")
        }
    }

    @Test func aClientThatRefusesRC4HasNothingInCommonWithARC4Account() async throws {
        let realm = try await SharedRealm.shared
        let host = unique("types")
        try await realm.realm.addPrincipals([
            NewPrincipal("mongodb/\(host)", traits: [.encryptionTypes(["arcfour-hmac"])])
        ])
        try await withServer(["ann"]) { realm, server in
            let configuration = try realm.changedConfiguration {
                $0.replacing("[libdefaults]", with: "[libdefaults]\n    permitted_enctypes = aes256-cts")
            }
            let outcome = try await check(
                "ann", realm, server, host: host, password: realm.annPassword,
                environment: ["KRB5_CONFIG": configuration])
            #expect(outcome.status == 25, "\(outcome)")
            #expect(outcome.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_ETYPE_NOSUPP", "\(outcome)")
            #expect(outcome.advice.contains("permitted_enctypes"), "\(outcome)")
        }
    }

    @Test func aNameThatTwoAccountsHaveIsUnknown() async throws {
        let realm = try await SharedRealm.shared
        let host = unique("twice")
        try await realm.realm.addPrincipals([NewPrincipal("mongodb/\(host)"), NewPrincipal(host)])
        try await realm.realm.addServicePrincipalName("mongodb/\(host)", to: host, allowingDuplicate: true)
        try await withServer(["ann"]) { realm, server in
            let outcome = try await check("ann", realm, server, host: host, password: realm.annPassword)
            #expect(outcome.status == 23, "\(outcome)")
            #expect(outcome.advice.contains("mongodb/\(host)"), "\(outcome)")
            #expect(outcome.advice.contains("`setspn -Q mongodb/\(host)`"), "\(outcome)")
        }
    }

    @Test(
        "An account that may not log in is refused, and the report names it",
        arguments: [
            (PrincipalTrait.locked, "KRB5KDC_ERR_CLIENT_REVOKED", "disabled"),
            (.expired, "KRB5KDC_ERR_CLIENT_REVOKED", "expired"), (.passwordExpired, "KRB5KDC_ERR_KEY_EXP", "expired"),
        ])
    func refusedUsers(trait: PrincipalTrait, symbol: String, word: String) async throws {
        let name = unique("trait")
        try await withServer([name]) { realm, server in
            try await realm.realm.addPrincipals([NewPrincipal(name, password: Self.password, traits: [trait])])
            let outcome = try await check(name, realm, server)
            #expect(outcome.status == 22, "\(outcome)")
            #expect(outcome.failure?.kerberos?.symbolicName == symbol, "\(outcome)")
            #expect(outcome.advice.contains("\(name)@EXAMPLE.TEST"), "\(outcome)")
            #expect(outcome.failure?.hint?.contains(word) == true, "\(outcome)")
        }
    }

    /// Every further attempt with a wrong password is one nearer to the lock-out.
    @Test func aWrongPasswordIsTriedOnce() async throws {
        let name = unique("wrong")
        try await withServer([name]) { realm, server in
            try await realm.realm.addPrincipal(name, password: Self.password)
            let file = try realm.newFile("password", "wrong\n")
            let hosts = "127.0.0.1:\(server.port),127.0.0.2:\(server.port),[::1]:\(server.port)"
            let outcome = try await AuthCheck.check(
                gssapiURI(name, hosts), ["--password-file", file],
                environment: realm.realm.environment(cache: realm.absentCache()))
            #expect(outcome.report.hosts.map(\.result).contains("failed"), "\(outcome)")
            let failed = try await realm.realm.events().filter {
                $0.client == "\(name)@EXAMPLE.TEST" && $0.outcome == .preauthenticationFailed
            }
            #expect(failed.count == 1, "\(failed)")
        }
    }

    @Test func aLockedOutUserIsTold() async throws {
        let realm = try await SharedRealm.start()
        try await realm.realm.setLockout(after: 1)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann])
        let wrong = try await check("ann", realm, server, password: "wrong")
        #expect(wrong.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_PREAUTH_FAILED", "\(wrong)")
        let locked = try await check("ann", realm, server, password: realm.annPassword)
        #expect(locked.status == 22, "\(locked)")
        #expect(locked.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_CLIENT_REVOKED", "\(locked)")
        #expect(locked.failure?.hint?.contains("locked") == true, "\(locked)")
        try await server.stop()
        await realm.realm.stop()
    }

    /// A service principal name is not a name that logs in, unless its account has it as user principal name too.
    @Test func aServiceNameDoesNotLogIn() async throws {
        let name = unique("front")
        try await withServer([name]) { realm, server in
            try await realm.realm.addPrincipal(name)
            try await realm.realm.addServicePrincipalName("http/\(name)", to: name)
            let keytab = try await realm.realm.makeKeytab(for: [name, "http/\(name)"])
            let environment = realm.realm.environment(cache: realm.absentCache())
            let authority = Family.ipv4.authority(server.port)
            let account = try await AuthCheck.check(
                gssapiURI(name, authority), ["--keytab", keytab], environment: environment)
            #expect(account.status == 0, "\(account)")
            let service = try await AuthCheck.check(
                gssapiURI("http/\(name)", authority), ["--keytab", keytab], environment: environment)
            #expect(service.status == 22, "\(service)")
            #expect(service.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", "\(service)")
            #expect(service.failure?.hint?.contains("name the account that has it") == true, "\(service)")
        }
    }

    /// The ticket that a service got in ann's name: the cache holds nothing else.
    @Test func aTicketByConstrainedDelegationAuthenticatesTheUser() async throws {
        try await withServer(["ann"]) { realm, server in
            let front = unique("front")
            try await realm.realm.addPrincipal(front)
            try await realm.realm.addServicePrincipalName("http/\(front)", to: front)
            try await realm.realm.allowDelegation(from: front, to: ["mongodb/localhost"], anyProtocol: true)
            let keytab = try await realm.realm.makeKeytab(for: [front])
            let own = try await realm.realm.makeCache(front, keytab: keytab, options: ["-f"])
            let delegated = realm.absentCache()
            let kvno = try await Child.run(
                BuiltExecutable.system("kvno", package: "krb5-user"),
                ["-U", "ann", "-P", "mongodb/localhost", "--out-cache", delegated],
                environment: realm.realm.environment(cache: own))
            #expect(kvno.status == 0, "\(kvno)")
            let outcome = try await AuthCheck.check(
                gssapiURI(realm.ann, Family.ipv4.authority(server.port)), in: realm, cache: delegated)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.report.hosts.first?.identity?.user == realm.ann, "\(outcome)")
        }
    }
}
