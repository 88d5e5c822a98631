import KerberosTestKit
import TestSupport
import Testing

/// What a realm can be told to grant and to refuse.
@Suite struct TraitTests {
    @Test(
        "A trait has the KDC refuse a user for its reason",
        arguments: [
            (PrincipalTrait.expired, KDCEvent.Outcome.clientExpired, "Client's entry in database has expired"),
            (.passwordExpired, .passwordExpired, "Password has expired"),
            (.needsPasswordChange, .passwordChangeNeeded, "Password has expired"),
            (.locked, .clientLocked, "Client's credentials have been revoked"),
        ])
    func refused(trait: PrincipalTrait, outcome: KDCEvent.Outcome, reason: String) async throws {
        let realm = try await SharedRealm.shared.realm
        let name = "trait\(UInt64.random(in: .min ... .max))"
        try await realm.addPrincipals([NewPrincipal(name, password: "secret", traits: [trait])])
        let error = await #expect(throws: KerberosTestKitError.self) {
            // The password's change, which kinit asks for at once, fails for lack of a server.
            try await realm.makeCache(name, password: "secret")
        }
        #expect(error?.code == .toolFailed)
        let event = try await realm.waitForEvent { $0.client == "\(name)@EXAMPLE.TEST" && !$0.issued }
        #expect(event.outcome == outcome && event.error == reason, "\(event)")
    }

    @Test("A locked user gets tickets again once unlocked")
    func unlocked() async throws {
        let realm = try await SharedRealm.shared.realm
        let name = "unlocked\(UInt64.random(in: .min ... .max))"
        try await realm.addPrincipals([NewPrincipal(name, password: "secret", traits: [.locked])])
        try await realm.modifyPrincipal(name, traits: [.unlocked])
        #expect(try await realm.makeCache(name, password: "secret").hasPrefix("FILE:"))
    }

    @Test("A policy locks a user out after wrong passwords")
    func lockedOut() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPolicy("strict", options: ["-maxfailure", "1", "-lockoutduration", "1 hour"])
            try await realm.addPrincipals([
                NewPrincipal("ann", password: "secret", traits: [.policy("strict"), .requiresPreauthentication])
            ])
            await #expect(throws: KerberosTestKitError.self) { try await realm.makeCache("ann", password: "wrong") }
            await #expect(throws: KerberosTestKitError.self) { try await realm.makeCache("ann", password: "secret") }
            let event = try await realm.waitForEvent { $0.error == "Client's credentials have been revoked" }
            #expect(event.outcome == .clientLockedOut)
            #expect(try await realm.events().contains { $0.outcome == .preauthenticationFailed })
        }
    }

    @Test(
        "A realm uses the encryption types that it was given, and no other",
        arguments: ["aes256-cts-hmac-sha384-192", "aes128-cts-hmac-sha1-96"])
    func encryptionTypes(type: String) async throws {
        let configuration = KerberosRealm.Configuration(encryptionTypes: [type])
        try await KerberosRealm.withRealm(configuration) { realm in
            try await realm.addPrincipals([NewPrincipal("ann", password: "secret"), NewPrincipal("svc/localhost")])
            let cache = try await realm.makeCache("ann", password: "secret")
            let environment = realm.environment(cache: cache).merging(["LC_ALL": "C"]) { $1 }
            let kvno = try await Child.run(
                BuiltExecutable.system("kvno", package: "krb5-user"), ["svc/localhost"], environment: environment)
            #expect(kvno.status == 0, "\(kvno)")
            let klist = try await Child.run(
                BuiltExecutable.system("klist", package: "krb5-user"), ["-e"], environment: environment)
            let used = klist.stdout.matches(of: /Etype \(skey, tkt\): (\S+), (\S+)/).flatMap {
                [String($0.output.1), String($0.output.2)]
            }
            #expect(used == [type, type, type, type], "\(klist)")
        }
    }

    @Test("Waiting for an event ends at its deadline, with what the KDC said last")
    func noEvent() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipal("ann", password: "secret")
            _ = try await realm.makeCache("ann", password: "secret")
            let seen = try await realm.events().count
            let error = await #expect(throws: KerberosTestKitError.self) {
                try await realm.waitForEvent(after: seen, by: .now + .milliseconds(20)) { $0.issued }
            }
            #expect(error?.code == .deadline && error?.standardError.contains("ann@EXAMPLE.TEST") == true)
        }
    }

    @Test("Waiting for an event sees one that comes later")
    func laterEvent() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipal("ann", password: "secret")
            async let event = realm.waitForEvent { $0.client == "ann@EXAMPLE.TEST" && $0.issued }
            _ = try await realm.makeCache("ann", password: "secret")
            #expect(try await event.kind == .authentication)
        }
    }
}
