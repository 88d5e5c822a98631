import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// `authcheck keytab` with real keytabs and a real KDC: each possible problem of a server's keytab, really produced.
@Suite struct KeytabTests {
    /// A service of one test alone, on a host whose names lead nowhere else.
    struct Service {
        var name: String
        var realm: SharedRealm
        var keytab: String

        var short: String { "\(name)/localhost" }
        var principal: String { "\(short)@\(realm.realm.name)" }
        var options: [String] { ["--service", name, "--host", "localhost"] }

        init(in given: SharedRealm? = nil, traits: [PrincipalTrait] = []) async throws {
            let realm = if let given { given } else { try await SharedRealm.shared }
            self.realm = realm
            name = "svc\(UInt32.random(in: 0 ... .max))"
            try await realm.realm.addPrincipals([NewPrincipal("\(name)/localhost", traits: traits)])
            keytab = try await realm.realm.makeKeytab(for: ["\(name)/localhost"])
        }

        /// With `ann`'s tickets, or without any.
        func environment(hasCache: Bool = true) async throws -> [String: String] {
            realm.realm.environment(cache: hasCache ? try await realm.freshCache() : realm.absentCache())
        }

        func check(_ options: [String] = [], hasCache: Bool = true, path: String? = nil) async throws -> KeytabOutcome {
            try await AuthCheck.keytab(
                path ?? keytab, self.options + options, environment: environment(hasCache: hasCache))
        }
    }

    private func newPath(_ realm: SharedRealm) -> String { "\(realm.realm.folder)/keytab-\(UUID().uuidString)" }

    // MARK: - Success

    @Test func aGoodKeytabIsProvenWithTheUsersTicket() async throws {
        let service = try await Service()
        let outcome = try await service.check(["--fail-on-warning"])
        #expect(outcome.status == 0 && outcome.codes.isEmpty, "\(outcome)")
        #expect(outcome.report.result == "ok")
        #expect(outcome.report.verdict == "the keytab is good for \(service.principal)")
        let proof = outcome.report.proof
        #expect(proof.result == "ok" && proof.ticketFrom == "cache" && proof.client == service.realm.ann, "\(outcome)")
        #expect(proof.keyVersion == 1 && proof.encryptionType?.hasPrefix("aes") == true, "\(outcome)")
        #expect(outcome.report.entries.count >= 1)
        for entry in outcome.report.entries {
            #expect(entry.principal == service.principal && entry.keyVersion == 1 && entry.isExpected && entry.isNewest)
            #expect(entry.date?.hasSuffix("Z") == true)
        }
        let file = try #require(outcome.report.file)
        #expect(file.mode == "0600" && file.size > 0)
        #expect(outcome.report.expected?.realm == service.realm.realm.name)
        #expect(outcome.report.names?.addresses.contains { $0.address == "127.0.0.1" } == true, "\(outcome)")
        // The KDC was asked for a ticket, and that is all.
        let events = try await service.realm.realm.events()
        #expect(events.contains { $0.client == service.realm.ann && "\($0)".contains(service.principal) })
    }

    @Test func aGoodKeytabIsProvenByItself() async throws {
        for traits in [[], [PrincipalTrait.requiresPreauthentication]] {
            let service = try await Service(traits: traits)
            let outcome = try await service.check(hasCache: false)
            #expect(outcome.status == 0 && outcome.codes.isEmpty, "\(outcome)")
            let proof = outcome.report.proof
            #expect(proof.result == "ok" && proof.ticketFrom == "keytab", "\(outcome)")
            #expect(proof.client == service.principal && proof.cacheProblem?.isEmpty == false, "\(outcome)")
        }
    }

    /// What `kinit` and `kvno` have left in a cache is as it was; nothing else is written either.
    @Test func nothingIsWritten() async throws {
        let service = try await Service()
        let cache = try await service.realm.freshCache()
        let path = String(cache.dropFirst("FILE:".count))
        let before = try [path, service.keytab].map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
        let environment = service.realm.realm.environment(cache: cache)
        let outcome = try await AuthCheck.keytab(service.keytab, service.options, environment: environment)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(try [path, service.keytab].map { try Data(contentsOf: URL(fileURLWithPath: $0)) } == before)
    }

    @Test func theTextSaysItToo() async throws {
        let service = try await Service()
        let environment = try await service.environment()
        let good = try await AuthCheck.run(["keytab", service.keytab] + service.options, environment: environment)
        #expect(good.status == 0 && good.stderr.isEmpty, "\(good)")
        #expect(good.stdout.hasPrefix("OK: the keytab is good for \(service.principal)\n"), "\(good)")
        #expect(good.stdout.contains("the ticket was accepted with the keytab"), "\(good)")
        #expect(good.stdout.contains("* \(service.principal) version 1 aes"), "\(good)")
        #expect(good.stdout.contains("mode 0600"), "\(good)")

        try await service.realm.realm.changeKey(service.short)
        let old = try await AuthCheck.run(["keytab", service.keytab] + service.options, environment: environment)
        #expect(old.status == 25, "\(old)")
        let lines = old.stdout.split(separator: "\n")
        #expect(lines.first?.hasPrefix("FAILED: the keytab is old: ") == true, "\(old)")
        #expect(lines.dropFirst().first?.hasPrefix("    ") == true, "\(old)")
        #expect(old.stdout.contains("        kadmin -q 'ktadd -k \(service.keytab) \(service.principal)'\n"), "\(old)")
    }

    /// `klist` shows the keys of a keytab to anyone who may read it; this does not.
    @Test func noKeyIsShown() async throws {
        let service = try await Service()
        let klist = try await Child.run(
            BuiltExecutable.system("klist", package: "krb5-user"), ["-Kk", service.keytab],
            environment: service.environment(hasCache: false))
        let keys = klist.stdout.matches(of: /\(0x([0-9a-f]+)\)/).map { String($0.1) }
        try #require(!keys.isEmpty, "\(klist)")
        try await service.realm.realm.changeKey(service.short, keepingVersion: true)
        for format in ["text", "json"] {
            for hasCache in [true, false] {
                let result = try await AuthCheck.run(
                    ["keytab", service.keytab, "--format", format] + service.options,
                    environment: service.environment(hasCache: hasCache))
                #expect(result.status == 25, "\(result)")
                let output = (result.stdout + result.stderr).lowercased()
                for key in keys { #expect(!output.contains(key)) }
            }
        }
    }

    // MARK: - The key

    /// Also where the user's cache still has a ticket for the key of before: that one would be accepted.
    @Test func anOldVersion() async throws {
        let service = try await Service()
        let environment = try await service.environment()
        let kvno = try await Child.run(
            BuiltExecutable.system("kvno", package: "krb5-user"), [service.short], environment: environment)
        try #require(kvno.status == 0, "\(kvno)")
        try await service.realm.realm.changeKey(service.short)
        let outcome = try await AuthCheck.keytab(service.keytab, service.options, environment: environment)
        #expect(outcome.status == 25 && outcome.codes == ["old-key-version"], "\(outcome)")
        #expect(outcome.report.result == "failed")
        #expect(outcome.report.verdict.contains("key version 2"), "\(outcome)")
        #expect(outcome.report.verdict.contains("no version above 1"), "\(outcome)")
        #expect(outcome.report.proof.result == "failed" && outcome.report.proof.keyVersion == 2, "\(outcome)")
        #expect(outcome.finding("old-key-version")?.diagnosis.culprit == "server")
        #expect(
            outcome.commands("old-key-version").first
                == "kadmin -q 'ktadd -k \(service.keytab) \(service.principal)'", "\(outcome)")
        #expect(outcome.finding("old-key-version")?.kerberos?.symbolicName != nil, "\(outcome)")

        // Without any user's ticket the KDC does not accept the key.
        let alone = try await service.check(hasCache: false)
        #expect(alone.status == 25 && alone.codes == ["wrong-key"], "\(alone)")
        #expect(alone.report.verdict.contains("(version 1)"), "\(alone)")

        // The advice: a recreated keytab. Added to the old one, as ktadd does, it has both.
        let new = try await service.realm.realm.makeKeytab(for: [service.short])
        var both = try KeytabRecords(service.keytab)
        both.records += try KeytabRecords(new).records
        try both.write(to: new)
        let mended = try await service.check(path: new)
        #expect(mended.status == 0 && mended.codes == ["older-versions"], "\(mended)")
        #expect(mended.finding("older-versions")?.severity == "note")
        #expect(mended.report.entries.filter { !$0.isNewest }.map(\.keyVersion).allSatisfy { $0 == 1 })
        #expect(try await service.check(["--fail-on-warning"], path: new).status == 0)
    }

    /// The step's command, in a shell, with `kadmin` as whoever administers this KDC has it.
    @Test(.enabled(if: !KerberosRealm.Backend.isContainerChosen, "the database is in the container"))
    func theAdvisedCommandMendsTheKeytab() async throws {
        let service = try await Service()
        // A path that means something to the shell and to kadmin.
        let path = newPath(service.realm) + " it's \"new\""
        try FileManager.default.moveItem(atPath: service.keytab, toPath: path)
        try await service.realm.realm.changeKey(service.short)
        let outcome = try await service.check(path: path)
        #expect(outcome.status == 25, "\(outcome)")
        let command = try #require(outcome.commands("old-key-version").first)
        let folder = service.realm.realm.folder
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder)
        let configuration = try #require(files.first { $0.hasSuffix("kdc.conf") })
        let script = "kadmin() { kadmin.local -r \(service.realm.realm.name) \"$@\"; }; \(command)"
        let shell = try await Child.run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", script],
            environment: service.environment(hasCache: false).merging([
                "KRB5_KDC_PROFILE": "\(folder)/\(configuration)",
                "PATH": "\(ProcessInfo.processInfo.environment["PATH"] ?? ""):/usr/sbin:/sbin",
            ]) { $1 })
        #expect(shell.status == 0, "\(shell)")
        let mended = try await service.check(path: path)
        #expect(mended.status == 0 && mended.codes == ["older-versions"], "\(shell) \(mended)")
    }

    /// A principal that was deleted and recreated begins with version 1 again.
    @Test func aNewerVersionThanTheKDCs() async throws {
        let service = try await Service()
        try await service.realm.realm.changeKey(service.short)
        let keytab = try await service.realm.realm.makeKeytab(for: [service.short])
        try await service.realm.realm.deletePrincipal(service.short)
        try await service.realm.realm.addPrincipal(service.short)
        let outcome = try await service.check(path: keytab)
        #expect(outcome.status == 25 && outcome.codes == ["newer-key-version"], "\(outcome)")
        #expect(outcome.report.verdict.contains("version 1"), "\(outcome)")
        #expect(outcome.report.verdict.contains("version 2"), "\(outcome)")
    }

    @Test func theSameVersionOfAnotherKey() async throws {
        let service = try await Service()
        try await service.realm.realm.changeKey(service.short, keepingVersion: true)
        for hasCache in [true, false] {
            let outcome = try await service.check(hasCache: hasCache)
            #expect(outcome.status == 25 && outcome.codes == ["wrong-key"], "\(outcome)")
            #expect(outcome.report.verdict.contains("version 1"), "\(outcome)")
            #expect(outcome.report.proof.result == (hasCache ? "failed" : "skipped"), "\(outcome)")
            #expect(outcome.commands("wrong-key").contains { $0.contains("ktadd -k \(service.keytab)") }, "\(outcome)")
        }
    }

    @Test func anEncryptionTypeThatTheKeytabLacks() async throws {
        let service = try await Service(
            traits: [.encryptionTypes(["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96"])])
        var records = try KeytabRecords(service.keytab)
        // 17 is aes128; the KDC uses the first one.
        records.records = records.records.filter { KeytabRecords.encryptionType($0) == 17 }
        try #require(records.records.count == 1)
        try records.write(to: service.keytab)
        let outcome = try await service.check()
        #expect(outcome.status == 25 && outcome.codes == ["encryption-type-missing"], "\(outcome)")
        #expect(outcome.report.verdict.contains("with aes256-cts-hmac-sha1-96"), "\(outcome)")
        #expect(outcome.report.verdict.contains("aes128-cts-hmac-sha1-96"), "\(outcome)")
        #expect(outcome.report.proof.encryptionType == "aes256-cts-hmac-sha1-96", "\(outcome)")
    }

    /// In a realm that still has RC4 everything works, and is warned of; a machine that does not permit it says so.
    @Test func onlyRC4() async throws {
        let realm = try await SharedRealm.start(
            .init(encryptionTypes: ["arcfour-hmac"], libdefaults: ["allow_rc4 = true"]), backend: .processes)
        let environment = realm.realm.environment(cache: realm.annCache)
        let outcome = try await AuthCheck.keytab(
            realm.serviceKeytab, ["--host", "localhost"], environment: environment)
        #expect(outcome.status == 0 && outcome.codes == ["weak-encryption"], "\(outcome)")
        #expect(outcome.report.proof.encryptionType == "arcfour-hmac", "\(outcome)")
        #expect(outcome.finding("weak-encryption")?.severity == "warning")
        #expect(outcome.finding("weak-encryption")?.diagnosis.cause.contains("arcfour-hmac") == true, "\(outcome)")
        let strict = try await AuthCheck.keytab(
            realm.serviceKeytab, ["--host", "localhost", "--fail-on-warning"], environment: environment)
        #expect(strict.status == 3 && strict.report.result == "ok", "\(strict)")
        await realm.realm.stop()
    }

    @Test func aTypeThatThisMachineDoesNotPermit() async throws {
        let service = try await Service(traits: [.encryptionTypes(["arcfour-hmac"])])
        let path = try service.realm.changedConfiguration {
            $0.replacing("[libdefaults]", with: "[libdefaults]\n    permitted_enctypes = aes256-cts-hmac-sha1-96")
        }
        let outcome = try await AuthCheck.keytab(
            service.keytab, service.options, environment: service.environment().merging(["KRB5_CONFIG": path]) { $1 })
        #expect(outcome.status == 25, "\(outcome)")
        #expect(outcome.codes == ["encryption-type-not-permitted", "weak-encryption"], "\(outcome)")
        let finding = try #require(outcome.finding("encryption-type-not-permitted"))
        #expect(finding.kerberos?.symbolicName == "KRB5_NOPERM_ETYPE", "\(outcome)")
        #expect(finding.diagnosis.steps.contains { $0.text.contains("permitted_enctypes") }, "\(outcome)")
    }

    @Test func duplicatesAndConflicts() async throws {
        let service = try await Service()
        var records = try KeytabRecords(service.keytab)
        let once = records.records
        let copy = newPath(service.realm)
        records.records += once
        try records.write(to: copy)
        let twice = try await service.check(["--fail-on-warning"], path: copy)
        #expect(twice.status == 0 && twice.codes == ["duplicate-keys"], "\(twice)")
        #expect(twice.report.entries.count == 2 * once.count)

        records.records = once
        records.damageKeys()
        records.records = once + records.records
        try records.write(to: copy)
        let conflict = try await service.check(path: copy)
        #expect(conflict.status == 0 && conflict.codes == ["conflicting-keys"], "\(conflict)")
        // The other way around the server takes the first of them.
        records.records.reverse()
        try records.write(to: copy)
        let wrong = try await service.check(path: copy)
        #expect(wrong.status == 25 && wrong.codes == ["wrong-key", "conflicting-keys"], "\(wrong)")
    }

    // MARK: - The principal

    @Test func aWrongHost() async throws {
        let service = try await Service()
        let outcome = try await AuthCheck.keytab(
            service.keytab, ["--service", service.name, "--host", "127.0.0.1"], environment: service.environment())
        #expect(outcome.status == 20 && outcome.codes == ["wrong-host"], "\(outcome)")
        #expect(outcome.finding("wrong-host")?.class == "no-credentials")
        #expect(outcome.report.verdict.contains(service.principal), "\(outcome)")
        #expect(outcome.report.verdict.contains("\(service.name)/127.0.0.1"), "\(outcome)")
        let steps = outcome.finding("wrong-host")?.diagnosis.steps ?? []
        #expect(steps.contains { $0.text.contains("saslHostName") }, "\(outcome)")
        // The KDC was asked whether it knows the name at all.
        #expect(
            steps.contains { $0.command?.contains("addprinc -randkey \(service.name)/127.0.0.1@") == true },
            "\(outcome)")
        #expect(outcome.report.proof.result == "skipped")
        #expect(outcome.report.entries.allSatisfy { !$0.isExpected })
    }

    @Test func aHostInCapitals() async throws {
        let service = try await Service()
        let outcome = try await AuthCheck.keytab(
            service.keytab, ["--service", service.name, "--host", "LocalHost"], environment: service.environment())
        #expect(outcome.status == 20 && outcome.codes.first == "wrong-host", "\(outcome)")
        #expect(outcome.report.verdict.contains("case-sensitive"), "\(outcome)")
        #expect(outcome.commands("wrong-host").isEmpty, "\(outcome)")
        let steps = outcome.finding("wrong-host")?.diagnosis.steps ?? []
        #expect(steps.count == 1 && steps.first?.text.contains("lower case") == true, "\(outcome)")
    }

    @Test func aMissingServiceAndAMissingPrincipal() async throws {
        let service = try await Service()
        let environment = try await service.environment()
        let missing = try await AuthCheck.keytab(service.keytab, ["--host", "localhost"], environment: environment)
        #expect(missing.status == 20 && missing.codes == ["service-missing"], "\(missing)")
        #expect(missing.report.verdict.contains("none of the service mongodb on localhost"), "\(missing)")
        // That one exists, and its key is what the step adds.
        #expect(
            missing.commands("service-missing").first
                == "kadmin -q 'ktadd -k \(service.keytab) mongodb/localhost@\(service.realm.realm.name)'", "\(missing)")
        let user = try await AuthCheck.keytab(
            service.realm.annKeytab, ["--host", "localhost"], environment: environment)
        #expect(user.status == 20 && user.codes == ["principal-missing"], "\(user)")
        #expect(user.report.verdict.contains(service.realm.ann), "\(user)")
    }

    @Test func theKDCDoesNotKnowThePrincipal() async throws {
        let service = try await Service()
        try await service.realm.realm.deletePrincipal(service.short)
        let outcome = try await service.check()
        #expect(outcome.status == 23 && outcome.codes == ["service-unknown"], "\(outcome)")
        #expect(
            outcome.commands("service-unknown").first == "kadmin -q 'addprinc -randkey \(service.principal)'",
            "\(outcome)")
        #expect(outcome.finding("service-unknown")?.kerberos?.symbolicName == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN")

        // No user's ticket: it may also be a name that cannot log in, as in Active Directory.
        let alone = try await service.check(hasCache: false)
        #expect(alone.status == 0 && alone.codes == ["proof-not-made"], "\(alone)")
        #expect(alone.report.verdict.contains("not proven"), "\(alone)")
        let finding = alone.finding("proof-not-made")
        #expect(finding?.diagnosis.cause.contains("does not let \(service.principal) log in") == true, "\(alone)")
        #expect(finding?.diagnosis.steps.contains { $0.text.contains("kinit") } == true, "\(alone)")
        #expect(try await service.check(["--fail-on-warning"], hasCache: false).status == 3)
    }

    @Test func aServiceThatDoesNotLogIn() async throws {
        let service = try await Service()
        try await service.realm.realm.modifyPrincipal(service.short, traits: [.locked])
        let outcome = try await service.check(hasCache: false)
        #expect(outcome.status == 0 && outcome.codes == ["proof-not-made"], "\(outcome)")
        #expect(outcome.finding("proof-not-made")?.kerberos?.symbolicName == "KRB5KDC_ERR_CLIENT_REVOKED", "\(outcome)")
    }

    @Test func twoRealms() async throws {
        let users = try await SharedRealm.start(.init(realm: "USERS.TEST"), backend: .processes)
        let services = try await KerberosRealm.start(.init(realm: "SERVICES.TEST", backend: .processes))
        try await services.addPrincipal("mongodb/localhost")
        try await services.trust(users.realm)
        let keytab = try await services.makeKeytab(for: ["mongodb/localhost"])
        let environment = users.realm.environment(cache: try await users.freshCache())
        // The key is there in another realm than the machine's own: the ticket comes by the trust.
        let other = try await AuthCheck.keytab(keytab, ["--host", "localhost"], environment: environment)
        #expect(other.status == 0 && other.codes == ["other-realm"], "\(other)")
        #expect(other.report.expected?.principal == "mongodb/localhost@SERVICES.TEST", "\(other)")
        #expect(other.report.proof.client == "ann@USERS.TEST" && other.report.proof.result == "ok", "\(other)")
        // Both: the machine's own is the one that is checked.
        var both = try KeytabRecords(keytab)
        both.records += try KeytabRecords(users.serviceKeytab).records
        try both.write(to: keytab)
        let two = try await AuthCheck.keytab(keytab, ["--host", "localhost"], environment: environment)
        #expect(two.status == 0 && two.codes == ["several-realms"], "\(two)")
        #expect(two.report.expected?.realm == "USERS.TEST", "\(two)")
        let cause = two.finding("several-realms")?.diagnosis.cause ?? ""
        #expect(cause.contains("SERVICES.TEST, USERS.TEST") && cause.contains("the one of USERS.TEST"), "\(two)")
        await users.realm.stop()
        await services.stop()
    }

    /// The user's realm has no trust path to the service's: the keytab's own key works.
    @Test func withoutTrustTheKeytabProvesItself() async throws {
        let users = try await SharedRealm.start(.init(realm: "USERS.TEST"), backend: .processes)
        let services = try await KerberosRealm.start(.init(realm: "SERVICES.TEST", backend: .processes))
        try await services.addPrincipal("mongodb/localhost")
        try await users.realm.addRealm(services, hosts: ["localhost"])
        let keytab = try await services.makeKeytab(for: ["mongodb/localhost"])
        let outcome = try await AuthCheck.keytab(
            keytab, ["--host", "localhost"], environment: users.realm.environment(cache: users.annCache))
        #expect(outcome.status == 0 && outcome.codes.isEmpty, "\(outcome)")
        #expect(outcome.report.proof.ticketFrom == "keytab", "\(outcome)")
        #expect(outcome.report.proof.cacheProblem?.contains("krbtgt/SERVICES.TEST@USERS.TEST") == true, "\(outcome)")
        await users.realm.stop()
        await services.stop()
    }
}
