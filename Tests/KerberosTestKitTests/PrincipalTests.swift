import Foundation
import KerberosTestKit
import TestSupport
import Testing

@Suite struct PrincipalTests {
    @Test(
        "Any printable password works",
        arguments: ["a\"b", "a\"\u{301} b", "\"\"", "a b", "-x", "ö€ ß", "\\\"$x`y`", "'quoted'"]
    )
    func passwords(_ password: String) async throws {
        let shared = try await SharedRealm.shared
        let name = "user\(UInt64.random(in: .min ... .max))"
        try await shared.realm.addPrincipal(name, password: password)
        let cache = try await shared.realm.makeCache(name, password: password)
        #expect(try await klist(cache, shared.realm).contains("Default principal: \(name)@EXAMPLE.TEST"))
    }

    @Test("A keytab leaves keys as they are: a password and earlier keytabs stay valid")
    func keytabs() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipals([NewPrincipal("ann", password: "secret"), NewPrincipal("HTTP/localhost")])
            let first = try await realm.makeKeytab(for: ["ann", "HTTP/localhost"])
            let second = try await realm.makeKeytab(for: ["ann"])
            #expect(first != second)
            for cache in [
                try await realm.makeCache("ann", keytab: first), try await realm.makeCache("ann", keytab: second),
                try await realm.makeCache("ann", password: "secret"),
            ] {
                #expect(try await klist(cache, realm).contains("Default principal: ann@EXAMPLE.TEST"))
            }
        }
    }

    @Test("A changed key makes keytabs wrong, by its version or by its value", arguments: [false, true])
    func changedKey(keepingVersion: Bool) async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipals([NewPrincipal("ann", password: "secret"), NewPrincipal("svc/localhost")])
            let keytab = try await realm.makeKeytab(for: ["svc/localhost"])
            let good = try await serviceTicket(realm, keytab)
            #expect(good.status == 0 && good.stdout.contains("keytab entry valid"), "\(good)")

            try await realm.changeKey("svc/localhost", keepingVersion: keepingVersion)
            let bad = try await serviceTicket(realm, keytab)
            #expect(bad.status != 0, "\(bad)")
            let version = try #require(good.stdout.firstMatch(of: /kvno = (\d+)/)?.output.1)
            let versionNow = try #require((bad.stdout + bad.stderr).firstMatch(of: /kvno = (\d+)/)?.output.1)
            #expect((version == versionNow) == keepingVersion, "\(good) \(bad)")

            let fresh = try await serviceTicket(realm, realm.makeKeytab(for: ["svc/localhost"]))
            #expect(fresh.status == 0, "\(fresh)")
        }
    }

    @Test("Options, changes and removal reach the KDC")
    func optionsAndRemoval() async throws {
        try await KerberosRealm.withRealm { realm in
            try await realm.addPrincipal("ann", password: "secret", options: ["+requires_preauth"])
            _ = try await realm.makeCache("ann", password: "secret")
            #expect(try await realm.events().map(\.outcome) == [.preauthenticationNeeded, .issued])

            try await realm.modifyPrincipal("ann", options: ["-expire", "yesterday"])
            let expired = await #expect(throws: KerberosTestKitError.self) {
                try await realm.makeCache("ann", password: "secret")
            }
            #expect(expired?.standardError.contains("expired") == true)

            try await realm.deletePrincipal("ann")
            let unknown = await #expect(throws: KerberosTestKitError.self) {
                try await realm.makeCache("ann", password: "secret")
            }
            #expect(unknown?.standardError.contains("not found in Kerberos database") == true)
            let last = try #require(try await realm.events().last)
            #expect(last.outcome == .clientNotFound && last.error == "Client not found in Kerberos database")
            #expect(last.kind == .authentication && !last.issued)
        }
    }

    @Test("A wrong password is an error that carries the program's words and not the password")
    func wrongPassword() async throws {
        let shared = try await SharedRealm.shared
        let error = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.makeCache("ann", password: "hunter2")
        }
        #expect(error?.code == .toolFailed)
        #expect(error?.description.contains("Password incorrect") == true)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test("What kadmin refuses is an error, although it exits with 0")
    func refusedByKadmin() async throws {
        let shared = try await SharedRealm.shared
        let twice = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.addPrincipal("ann", password: "another")
        }
        #expect(twice?.code == .toolFailed && twice?.standardError.contains("already exists") == true)
        let missing = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.makeKeytab(for: ["nobody"])
        }
        #expect(missing?.code == .toolFailed, "\(String(describing: missing))")
        let option = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.addPrincipal("carol", options: ["-nonsense"])
        }
        #expect(option?.code == .toolFailed, "\(String(describing: option))")
    }

    @Test("Names and passwords that are no single word of a line are refused", arguments: ["", "-x", "a\nb", "a\0b"])
    func refusedNames(_ name: String) async throws {
        let shared = try await SharedRealm.shared
        let error = await #expect(throws: KerberosTestKitError.self) { try await shared.realm.addPrincipal(name) }
        #expect(error?.code == .invalidArgument)
        let password = await #expect(throws: KerberosTestKitError.self) {
            try await shared.realm.makeCache("ann", password: "line\nbreak")
        }
        #expect(password?.code == .invalidArgument)
    }

    /// Gets a service ticket with a fresh cache and decrypts it with the keytab.
    private func serviceTicket(_ realm: KerberosRealm, _ keytab: String) async throws -> Child.Result {
        let cache = try await realm.makeCache("ann", password: "secret")
        let kvno = try BuiltExecutable.system("kvno", package: "krb5-user")
        return try await Child.run(kvno, ["-k", keytab, "svc/localhost"], environment: realm.environment(cache: cache))
    }

    private func klist(_ cache: String, _ realm: KerberosRealm) async throws -> String {
        let klist = try BuiltExecutable.system("klist", package: "krb5-user")
        let outcome = try await Child.run(klist, [cache], environment: realm.environment())
        #expect(outcome.status == 0, "\(outcome)")
        return outcome.stdout
    }
}
