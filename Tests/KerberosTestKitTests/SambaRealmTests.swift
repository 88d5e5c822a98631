import Foundation
import Glibc
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// A realm whose KDC is that of an Active Directory domain controller. Needs Samba, so the environment enables it.
@Suite(.enabled(if: KerberosRealm.Backend.isSambaChosen, "KERBEROS_REALM=samba runs these"))
struct SambaRealmTests {
    private func run(_ tool: String, _ arguments: [String], in environment: [String: String]) async throws
        -> Child.Result
    {
        try await Child.run(
            BuiltExecutable.system(tool, package: "krb5-user"), arguments,
            environment: environment.merging(["LC_ALL": "C"]) { $1 })
    }

    /// A name that no other test uses.
    private func unique(_ name: String) -> String { "\(name)-\(UInt32.random(in: 0 ... .max))" }

    @Test("It gives tickets; it can be paused, stopped and restarted; nothing is left of it")
    func life() async throws {
        let realm = try await KerberosRealm.start(KerberosRealm.Configuration(backend: .chosen))
        let kdc = try #require(await realm.processIdentifier)
        try await realm.addPrincipals([NewPrincipal("ann", password: "secret"), NewPrincipal("svc/localhost")])
        let cache = try await realm.makeCache("ann", password: "secret")
        let keytab = try await realm.makeKeytab(for: ["svc/localhost"])
        let ticket = try await run("kvno", ["-k", keytab, "svc/localhost"], in: realm.environment(cache: cache))
        #expect(ticket.status == 0 && ticket.stdout.contains("keytab entry valid"), "\(ticket)")
        let event = try await realm.waitForEvent { $0.issued && $0.kind == .ticketGranting }
        #expect(event.client == "ann@EXAMPLE.TEST" && event.server == "svc/localhost@EXAMPLE.TEST")

        try await realm.pause()
        await #expect(throws: TestSupportError.self) {
            try await Child.run(
                BuiltExecutable.system("kinit", package: "krb5-user"), ["ann"], environment: realm.environment(),
                standardInput: "secret\n", timeout: .milliseconds(500))
        }
        try await realm.resume()
        _ = try await realm.makeCache("ann", password: "secret")

        try await realm.stopKDC()
        let unreachable = await #expect(throws: KerberosTestKitError.self) {
            try await realm.makeCache("ann", password: "secret")
        }
        #expect(unreachable?.standardError.contains("Cannot contact any KDC") == true)
        // The database can be changed meanwhile.
        try await realm.addPrincipal("bob", password: "secret")
        try await realm.restartKDC()
        _ = try await realm.makeCache("bob", password: "secret")

        let last = try #require(await realm.processIdentifier)
        await realm.stop()
        #expect(!isRunning(kdc) && !isRunning(last))
        #expect(!FileManager.default.fileExists(atPath: realm.folder))
    }

    @Test("A ticket is issued over each address and protocol", arguments: ["127.0.0.1", "::1"], [1, 1465])
    func answersOn(address: String, limit: Int) async throws {
        let shared = try await SharedRealm.shared
        let realm = shared.realm
        let configuration = "\(realm.folder)/\(unique("krb5")).conf"
        let host = address == "::1" ? "[::1]" : address
        try """
        [libdefaults]
            default_realm = EXAMPLE.TEST
            dns_lookup_kdc = false
            udp_preference_limit = \(limit)
        [realms]
            EXAMPLE.TEST = {
                kdc = \(host):\(realm.port)
            }

        """.write(toFile: configuration, atomically: true, encoding: .utf8)
        var environment = realm.environment()
        environment["KRB5_CONFIG"] = configuration
        environment["KRB5_TRACE"] = "/dev/stdout"
        environment["KRB5CCNAME"] = "MEMORY:"
        let result = try await Child.run(
            BuiltExecutable.system("kinit", package: "krb5-user"), ["ann"], environment: environment,
            standardInput: "\(shared.annPassword)\n")
        #expect(result.status == 0 && result.stdout.contains(limit == 1 ? "stream" : "dgram"), "\(result)")
    }

    @Test("Two realms from one template have keys of their own")
    func separateKeys() async throws {
        let realms = try await withThrowingTaskGroup(of: KerberosRealm.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    let realm = try await KerberosRealm.start(KerberosRealm.Configuration(backend: .chosen))
                    try await realm.addPrincipals([
                        NewPrincipal("ann", password: "secret"), NewPrincipal("svc/localhost"),
                    ])
                    return realm
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let cache = try await realms[0].makeCache("ann", password: "secret")
        let stranger = try await run("kvno", ["svc/localhost"], in: realms[1].environment(cache: cache))
        #expect(stranger.status != 0, "\(stranger)")
        let own = try await run("kvno", ["svc/localhost"], in: realms[0].environment(cache: cache))
        #expect(own.status == 0, "\(own)")
        for realm in realms { await realm.stop() }
    }

    @Test(
        "A trait has the KDC refuse a user for its reason",
        arguments: [
            (PrincipalTrait.expired, KDCEvent.Outcome.clientExpired, "revoked"),
            (.passwordExpired, .passwordChangeNeeded, "Password"),
            (.needsPasswordChange, .passwordChangeNeeded, "Password"),
            (.locked, .clientLocked, "revoked"),
        ])
    func refused(trait: PrincipalTrait, outcome: KDCEvent.Outcome, words: String) async throws {
        let realm = try await SharedRealm.shared.realm
        let name = unique("trait")
        try await realm.addPrincipals([NewPrincipal(name, password: "secret", traits: [trait])])
        let error = await #expect(throws: KerberosTestKitError.self) {
            try await realm.makeCache(name, password: "secret")
        }
        #expect(error?.code == .toolFailed)
        #expect(error?.standardError.contains(words) == true || error?.standardError.contains("password") == true)
        let event = try await realm.waitForEvent {
            $0.client == "\(name)@EXAMPLE.TEST" && !$0.issued && $0.outcome != .preauthenticationNeeded
        }
        #expect(event.outcome == outcome, "\(event)")
    }

    @Test("Too many wrong passwords lock a user out, until unlocked")
    func lockedOut() async throws {
        try await KerberosRealm.withRealm(KerberosRealm.Configuration(backend: .chosen)) { realm in
            try await realm.setLockout(after: 2)
            try await realm.addPrincipal("ann", password: "secret")
            for _ in 0..<2 {
                await #expect(throws: KerberosTestKitError.self) {
                    try await realm.makeCache("ann", password: "wrong")
                }
            }
            let error = await #expect(throws: KerberosTestKitError.self) {
                try await realm.makeCache("ann", password: "secret")
            }
            #expect(error?.standardError.contains("revoked") == true)
            _ = try await realm.waitForEvent { $0.outcome == .clientLockedOut }
            try await realm.modifyPrincipal("ann", traits: [.unlocked])
            _ = try await realm.makeCache("ann", password: "secret")
        }
    }

    @Test("Names of users and of services do not depend on capitals; tickets keep the client's own")
    func capitals() async throws {
        let shared = try await SharedRealm.shared
        let cache = try await shared.realm.makeCache("ANN", password: shared.annPassword)
        let environment = shared.realm.environment(cache: cache)
        let ticket = try await run("kvno", ["MONGODB/LOCALHOST"], in: environment)
        #expect(ticket.status == 0, "\(ticket)")
        let list = try await run("klist", [], in: environment)
        #expect(list.stdout.contains("Default principal: ANN@EXAMPLE.TEST"), "\(list)")
        // Asked to, the KDC tells the real name.
        let canonical = try await shared.realm.makeCache("ANN", password: shared.annPassword, options: ["-C"])
        let own = try await run("klist", [], in: shared.realm.environment(cache: canonical))
        #expect(own.stdout.contains("Default principal: ann@EXAMPLE.TEST"), "\(own)")
    }

    @Test("A user principal name with a suffix of its own is an enterprise name")
    func enterpriseName() async throws {
        let realm = try await SharedRealm.shared.realm
        let name = unique("upn")
        try await realm.addUPNSuffix("\(name).example.com")
        try await realm.addPrincipal(name, password: "secret")
        try await realm.setUserPrincipalName("ann.smith@\(name).example.com", of: name)
        let cache = try await realm.makeCache(
            "ann.smith@\(name).example.com", password: "secret", options: ["-E", "-C"])
        let list = try await run("klist", [], in: realm.environment(cache: cache))
        #expect(list.stdout.contains("Default principal: \(name)@EXAMPLE.TEST"), "\(list)")
        // The account's own name stays.
        _ = try await realm.makeCache(name, password: "secret")
    }

    @Test(
        "An account's types decide what its tickets are encrypted with",
        arguments: [
            (nil, "aes256-cts-hmac-sha1-96"), (["aes256-cts", "aes128-cts"], "aes256-cts-hmac-sha1-96"),
            (["aes128-cts"], "aes128-cts-hmac-sha1-96"), (["arcfour-hmac"], "arcfour-hmac"), ([], "arcfour-hmac"),
        ] as [([String]?, String)])
    func encryptionTypes(types: [String]?, expected: String) async throws {
        let shared = try await SharedRealm.shared
        let service = "http/\(unique("types"))"
        try await shared.realm.addPrincipals([
            NewPrincipal(service, traits: types.map { [.encryptionTypes($0)] } ?? [])
        ])
        let keytab = try await shared.realm.makeKeytab(for: [service])
        let cache = try await shared.realm.makeCache("ann", password: shared.annPassword)
        let environment = shared.realm.environment(cache: cache)
        let ticket = try await run("kvno", ["-k", keytab, service], in: environment)
        #expect(ticket.stdout.contains("keytab entry valid"), "\(ticket)")
        let list = try await run("klist", ["-e"], in: environment)
        let lines = list.stdout.split(separator: "\n")
        let index = try #require(lines.firstIndex { $0.contains(service) })
        // MIT puts DEPRECATED: before RC4.
        let type = lines[lines.index(after: index)...].first?.split(separator: ", ").last?.split(separator: ":").last
        #expect(type?.trimmingCharacters(in: .whitespaces) == expected, "\(list)")
    }

    @Test("A name that two accounts have is nobody's")
    func duplicate() async throws {
        let shared = try await SharedRealm.shared
        let (service, account) = ("http/\(unique("twice"))", unique("second"))
        try await shared.realm.addPrincipals([NewPrincipal(service), NewPrincipal(account)])
        let refused = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.addServicePrincipalName(service, to: account)
        }
        #expect(refused?.standardError.contains("conflict") == true, "\(String(describing: refused))")
        let cache = try await shared.realm.makeCache("ann", password: shared.annPassword)
        let environment = shared.realm.environment(cache: cache)
        #expect(try await run("kvno", [service], in: environment).status == 0)
        try await shared.realm.addServicePrincipalName(service, to: account, allowingDuplicate: true)
        let other = try await shared.realm.makeCache("ann", password: shared.annPassword)
        let ticket = try await run("kvno", [service], in: shared.realm.environment(cache: other))
        #expect(ticket.status != 0 && ticket.stderr.contains("Server not found"), "\(ticket)")
    }

    @Test("A service gets tickets in a user's name for the services that it may, and for no other")
    func delegation() async throws {
        let realm = try await SharedRealm.shared.realm
        let (front, back, other) = (unique("front"), "http/\(unique("back"))", "http/\(unique("other"))")
        try await realm.addPrincipals([NewPrincipal(front), NewPrincipal(back), NewPrincipal(other)])
        try await realm.addServicePrincipalName("http/\(front)", to: front)
        try await realm.allowDelegation(from: front, to: [back], anyProtocol: true)
        let keytab = try await realm.makeKeytab(for: [front])
        let cache = try await realm.makeCache(front, keytab: keytab, options: ["-f"])
        let environment = realm.environment(cache: cache)
        let allowed = try await run("kvno", ["-U", "ann", "-P", back], in: environment)
        #expect(allowed.status == 0, "\(allowed)")
        let refused = try await run("kvno", ["-U", "ann", "-P", other], in: environment)
        #expect(refused.status != 0 && refused.stderr.contains("constrained delegation failed"), "\(refused)")
    }

    @Test("Keys can be changed, and accounts removed")
    func changes() async throws {
        let shared = try await SharedRealm.shared
        let (user, service) = (unique("gone"), "http/\(unique("key"))")
        try await shared.realm.addPrincipals([NewPrincipal(user, password: "secret"), NewPrincipal(service)])
        let keytab = try await shared.realm.makeKeytab(for: [service])
        try await shared.realm.changeKey(service)
        let cache = try await shared.realm.makeCache("ann", password: shared.annPassword)
        let ticket = try await run("kvno", ["-k", keytab, service], in: shared.realm.environment(cache: cache))
        #expect(ticket.status != 0, "\(ticket)")
        try await shared.realm.deletePrincipal(user)
        let error = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.makeCache(user, password: "secret")
        }
        #expect(error?.standardError.contains("not found in Kerberos database") == true)
        let missing = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.deletePrincipal(user)
        }
        #expect(missing?.standardError == "there is no account \(user)")
    }

    @Test("A killed owner leaves neither KDC nor folder")
    func killedOwner() async throws {
        let result = try await #require(processExitsWith: .signal(SIGKILL), observing: [\.standardOutputContent]) {
            let realm = try await KerberosRealm.start(KerberosRealm.Configuration(backend: .chosen))
            let kdc = try #require(await realm.processIdentifier)
            print("owner \(kdc) \(realm.folder)")
            fflush(nil)
            kill(getpid(), SIGKILL)
        }
        let output = String(decoding: result.standardOutputContent, as: UTF8.self)
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("owner ") })
        let words = line.split(separator: " ").map(String.init)
        let kdc = try #require(Int32(words[1]))
        #expect(await becomesTrue { !isRunning(kdc) && !FileManager.default.fileExists(atPath: words[2]) })
    }

    @Test("What is Active Directory's alone is an error for MIT's KDC, and the other way round")
    func unsupported() async throws {
        let samba = try await SharedRealm.shared.realm
        let attempts: [@Sendable () async throws -> Void] = [
            { try await samba.addPolicy("strict", options: []) },
            { try await samba.modifyPrincipal("ann", options: ["-expire", "yesterday"]) },
            { try await samba.changeKey("mongodb/localhost", keepingVersion: true) },
        ]
        for attempt in attempts {
            let error = await #expect(throws: KerberosTestKitError.self) { try await attempt() }
            #expect(error?.code == .unsupported)
        }
        try await KerberosRealm.withRealm { realm in
            let error = await #expect(throws: KerberosTestKitError.self) { try await realm.addUPNSuffix("x.test") }
            #expect(error?.code == .unsupported)
        }
    }
}
