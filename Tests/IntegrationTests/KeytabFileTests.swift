import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// `authcheck keytab` with problems of the file, the configuration, the KDC, the clock or the names.
@Suite struct KeytabFileTests {
    private typealias Service = KeytabTests.Service

    private func newPath(_ realm: SharedRealm) -> String { "\(realm.realm.folder)/file-\(UUID().uuidString)" }

    private func check(
        _ path: String, _ realm: SharedRealm, _ options: [String] = [], wrapper: [String] = []
    ) async throws -> KeytabOutcome {
        try await AuthCheck.keytab(
            path, ["--host", "localhost"] + options, environment: realm.realm.environment(cache: realm.annCache),
            wrapper: wrapper)
    }

    // MARK: - The file

    @Test func aFileThatIsNotThere() async throws {
        let realm = try await SharedRealm.shared
        let path = newPath(realm)
        let outcome = try await check(path, realm)
        #expect(outcome.status == 20 && outcome.codes == ["file-missing"], "\(outcome)")
        #expect(outcome.report.verdict == "the keytab \(path) does not exist")
        #expect(outcome.report.file == nil && outcome.report.entries.isEmpty)
        #expect(
            outcome.commands("file-missing") == ["kadmin -q 'ktadd -k \(path) mongodb/localhost@\(realm.realm.name)'"],
            "\(outcome)")
        // By its full name, as Kerberos has it.
        #expect(try await check("FILE:\(path)", realm).report.keytab == path)
    }

    @Test(arguments: ["file", "folder"])
    func aFileThatMayNotBeRead(what: String) async throws {
        let realm = try await SharedRealm.shared
        let folder = newPath(realm)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let path = "\(folder)/mongod.keytab"
        try FileManager.default.copyItem(atPath: realm.serviceKeytab, toPath: path)
        chmod(what == "file" ? path : folder, 0)
        let outcome = try await check(path, realm, wrapper: AuthCheck.obeyingFileModes())
        #expect(outcome.status == 20 && outcome.codes == ["file-unreadable"], "\(outcome)")
        #expect(outcome.report.verdict == "the keytab \(path) is not readable by this user")
        #expect((outcome.report.file?.mode == "0000") == (what == "file"), "\(outcome)")
        let command = try #require(outcome.commands("file-unreadable").first)
        #expect(command == "namei -l \(path)")
        // It shows what forbids it.
        let shown = try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", command])
        #expect(shown.stdout.contains(what == "file" ? "----------" : "d---------"), "\(shown)")
        chmod(folder, 0o700)
    }

    @Test(arguments: ["text", "nothing", "folder", "pipe", "large", "only a header"])
    func whatIsNoKeytab(what: String) async throws {
        let realm = try await SharedRealm.shared
        let path = newPath(realm)
        let file = URL(fileURLWithPath: path)
        switch what {
        case "text": try Data("BEGIN KEYTAB\n".utf8).write(to: file)
        case "nothing": try Data().write(to: file)
        case "folder": try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
        case "pipe": try #require(mkfifo(path, 0o600) == 0)
        case "large": try Data(count: 1 << 20 + 1).write(to: file)
        default: try Data([5, 2]).write(to: file)
        }
        chmod(path, 0o700)
        let start = ContinuousClock.now
        let outcome = try await check(path, realm)
        #expect(outcome.status == 20, "\(outcome)")
        #expect(outcome.codes == [what == "only a header" ? "keytab-empty" : "not-a-keytab"], "\(outcome)")
        #expect(outcome.report.verdict.contains(path), "\(outcome)")
        // The pipe has no writer, and the program does not wait for one.
        #expect(ContinuousClock.now - start < .seconds(30))
        if what == "text" {
            #expect(outcome.finding("not-a-keytab")?.kerberos?.symbolicName == "KRB5_KEYTAB_BADVNO", "\(outcome)")
        }
    }

    /// To the C library such a file has fewer entries, and that is all.
    @Test func aFileThatWasCutOff() async throws {
        let realm = try await SharedRealm.shared
        let path = newPath(realm)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: realm.serviceKeytab))
        let records = try KeytabRecords(realm.serviceKeytab).records
        try #require(records.count > 1)
        try bytes.dropLast(9).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o600)
        let most = try await check(path, realm)
        #expect(most.status == 0 && most.codes == ["keytab-damaged"], "\(most)")
        #expect(most.report.entries.count == records.count - 1, "\(most)")
        try bytes.prefix(2 + 4 + records[0].count - 9).write(to: URL(fileURLWithPath: path))
        let nothing = try await check(path, realm)
        #expect(nothing.status == 20 && nothing.codes == ["keytab-empty"], "\(nothing)")
        #expect(nothing.report.verdict.contains("damaged or truncated"), "\(nothing)")
    }

    @Test(arguments: [
        (0o600, []), (0o400, []), (0o640, ["readable-by-others"]), (0o644, ["readable-by-others"]),
        (0o620, ["writable-by-others"]), (0o666, ["writable-by-others", "readable-by-others"]),
    ])
    func whoMayReadIt(mode: Int, codes: [String]) async throws {
        let realm = try await SharedRealm.shared
        let path = newPath(realm)
        try FileManager.default.copyItem(atPath: realm.serviceKeytab, toPath: path)
        chmod(path, mode_t(mode))
        let outcome = try await check(path, realm, ["--fail-on-warning"])
        #expect(outcome.codes == codes, "\(outcome)")
        #expect(outcome.status == (codes.isEmpty ? 0 : 3), "\(outcome)")
        #expect(outcome.report.file?.mode == "0\(String(mode, radix: 8))")
        // The steps' commands leave nothing to warn of.
        for code in codes {
            for command in outcome.commands(code) {
                let shell = try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", command])
                #expect(shell.status == 0, "\(command): \(shell)")
            }
        }
        let mended = try await check(path, realm)
        #expect(mended.codes.filter { $0 != "readable-by-others" || mode & 0o004 == 0 } == [], "\(mended)")
    }

    /// Those that are not shown count like the others.
    @Test func manyEntries() async throws {
        let realm = try await SharedRealm.shared
        let path = newPath(realm)
        var records = try KeytabRecords(realm.serviceKeytab)
        let once = records.records
        let other = try await Service().keytab
        records.records = try (0..<600).flatMap { _ in try KeytabRecords(other).records } + once
        let count = records.records.count
        try records.write(to: path)
        let outcome = try await check(path, realm)
        #expect(outcome.status == 0 && outcome.codes == ["duplicate-keys"], "\(outcome.codes)")
        #expect(outcome.report.entries.count == 1000 && outcome.report.moreEntries == count - 1000)
        let text = try await AuthCheck.run(
            ["keytab", path, "--host", "localhost"], environment: realm.realm.environment(cache: realm.annCache))
        #expect(text.stdout.contains("    and \(count - 1000) more\n"))
    }

    /// Nothing in a path or a name can control a terminal.
    @Test func aPathWithControlCharacters() async throws {
        let realm = try await SharedRealm.shared
        let path = newPath(realm) + "\u{1B}[31m\u{202E}"
        for format in ["text", "json"] {
            let result = try await AuthCheck.run(
                ["keytab", path, "--host", "local\u{1B}host", "--format", format],
                environment: realm.realm.environment(cache: realm.annCache))
            #expect(result.status == 20, "\(result)")
            #expect(!result.stdout.unicodeScalars.contains { ["\u{1B}", "\u{202E}"].contains($0) })
        }
    }

    // MARK: - mongod.conf

    @Test(arguments: [
        "setParameter:\n   saslHostName: localhost\n   saslServiceName: NAME\n",
        "setParameter = saslServiceName=NAME\nsetParameter = saslHostName=localhost\n",
        "security:\n  sasl:\n    hostName: localhost\n    serviceName: \"NAME\"\n",
    ])
    func theConfigurationNamesTheServer(text: String) async throws {
        let service = try await Service()
        let file = try service.realm.newFile("mongod.conf", text.replacing("NAME", with: service.name))
        let environment = try await service.environment()
        let outcome = try await AuthCheck.keytab(service.keytab, ["--mongod-conf", file], environment: environment)
        #expect(outcome.status == 0 && outcome.codes.isEmpty, "\(outcome)")
        let expected = try #require(outcome.report.expected)
        #expect(expected.principal == service.principal)
        #expect(expected.host == .init(value: "localhost", source: "mongod.conf"))
        #expect(expected.service == .init(value: service.name, source: "mongod.conf"))
        #expect(outcome.report.configuration?.saslHostName == "localhost")

        // A name that differs from the file's is checked as requested, and reported.
        let other = try await AuthCheck.keytab(
            service.keytab, ["--mongod-conf", file, "--service", "mongodb"], environment: environment)
        #expect(other.status == 20 && other.codes == ["service-missing", "names-differ"], "\(other)")
        #expect(other.finding("names-differ")?.diagnosis.cause.contains("uses \(service.name)") == true, "\(other)")
    }

    @Test func aConfigurationThatCannotBeRead() async throws {
        let realm = try await SharedRealm.shared
        let path = newPath(realm)
        let outcome = try await check(realm.serviceKeytab, realm, ["--mongod-conf", path])
        #expect(outcome.status == 64 && outcome.codes == ["configuration-unreadable"], "\(outcome)")
        #expect(outcome.report.verdict.contains("\(path) does not exist"), "\(outcome)")
        // The rest is still checked.
        #expect(outcome.report.proof.result == "ok", "\(outcome)")

        let external = try realm.newFile("mongod.conf", "setParameter:\n  saslHostName:\n    __exec: hostname -f\n")
        let unread = try await check(realm.serviceKeytab, realm, ["--mongod-conf", external])
        #expect(unread.status == 0 && unread.codes == ["configuration-partly-read"], "\(unread)")
        #expect(unread.report.configuration?.unread == ["line 3: setParameter.saslHostName.__exec"], "\(unread)")
    }

    /// Without any name it is this machine's, as mongod has it.
    @Test func withoutANameItIsTheMachines() async throws {
        let realm = try await SharedRealm.shared
        let outcome = try await AuthCheck.keytab(
            realm.serviceKeytab, environment: realm.realm.environment(cache: realm.annCache))
        let host = try #require(outcome.report.expected?.host)
        #expect(host.source == "default" && !host.value.isEmpty, "\(outcome)")
        #expect(outcome.report.expected?.service == .init(value: "mongodb", source: "default"))
        try #require(host.value != "localhost")
        #expect(outcome.status == 20 && outcome.codes.first == "wrong-host", "\(outcome)")
        let steps = outcome.finding("wrong-host")?.diagnosis.steps.map(\.text) ?? []
        #expect(steps.contains { $0.contains("--host") && $0.contains(host.value) }, "\(outcome)")
    }

    @Test(arguments: [[], [""], ["/etc/krb5.keytab", "--host", ""], ["/etc/krb5.keytab", "--timeout", "soon"]])
    func argumentsThatCannotBe(_ arguments: [String]) async throws {
        let result = try await AuthCheck.run(["keytab"] + arguments)
        #expect(result.status == 64 && result.stderr.contains("Error: "), "\(result)")
    }

    // MARK: - The KDC

    @Test func noKDC() async throws {
        let service = try await Service()
        let port = try ClosedPort(.ipv4)
        let path = try service.realm.changedConfiguration { text in
            text.replacing(/kdc = .*/, with: "kdc = 127.0.0.1:\(port.number)")
        }
        for hasCache in [true, false] {
            let environment = try await service.environment(hasCache: hasCache).merging(["KRB5_CONFIG": path]) { $1 }
            let outcome = try await AuthCheck.keytab(service.keytab, service.options, environment: environment)
            #expect(outcome.status == 21 && outcome.codes == ["kdc-unreachable"], "\(outcome)")
            #expect(outcome.finding("kdc-unreachable")?.kerberos?.symbolicName == "KRB5_KDC_UNREACH", "\(outcome)")
            #expect(outcome.report.verdict.contains(service.realm.realm.name), "\(outcome)")
            #expect(outcome.report.entries.isEmpty == false)
        }
        withExtendedLifetime(port) {}
    }

    @Test func aKDCThatDoesNotAnswer() async throws {
        let realm = try await SharedRealm.start(backend: .processes)
        try await realm.realm.pause()
        let start = ContinuousClock.now
        let outcome = try await AuthCheck.keytab(
            realm.serviceKeytab, ["--host", "localhost"], environment: realm.realm.environment(cache: realm.annCache),
            timeout: "2s")
        // The C library alone would wait for half a minute.
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(outcome.status == 40 && outcome.codes == ["deadline"], "\(outcome)")
        #expect(outcome.report.verdict.contains("a KDC of \(realm.realm.name)"), "\(outcome)")
        #expect(outcome.report.entries.isEmpty == false && outcome.report.file != nil)
        try await realm.realm.resume()
        await realm.realm.stop()
    }

    @Test(arguments: [-3600, 3600])
    func aClockThatIsWrong(seconds: Int) async throws {
        let service = try await Service()
        for hasCache in [true, false] {
            let outcome = try await AuthCheck.keytab(
                service.keytab, service.options, environment: service.environment(hasCache: hasCache),
                wrapper: FakeTime.wrapper(seconds: seconds))
            #expect(outcome.status == 24 && outcome.codes == ["clock-skew"], "\(outcome)")
            let offset = try #require(outcome.report.proof.clockOffsetSeconds, "\(outcome)")
            #expect(abs(offset + Double(seconds)) < 120, "\(outcome)")
        }
    }

    @Test func aMalformedConfiguration() async throws {
        let realm = try await SharedRealm.shared
        let path = try realm.changedConfiguration { $0 + "\n[realms\n}\n" }
        let outcome = try await AuthCheck.keytab(
            realm.serviceKeytab, ["--host", "localhost"],
            environment: realm.realm.environment(cache: realm.annCache).merging(["KRB5_CONFIG": path]) { $1 })
        #expect(outcome.status == 25 && outcome.codes == ["kerberos"], "\(outcome)")
        #expect(outcome.finding("kerberos")?.kerberos?.symbolicName == "KRB5_CONFIG_BADFORMAT", "\(outcome)")
        #expect(outcome.finding("kerberos")?.diagnosis.cause.contains("malformed") == true, "\(outcome)")
    }

    @Test func heimdal() async throws {
        let realm = try await HeimdalRealm.start()
        for cache in [realm.annCache, "FILE:\(realm.folder)/absent.ccache"] {
            let good = try await AuthCheck.keytab(
                realm.serviceKeytab, ["--host", "localhost"], environment: realm.environment(cache: cache))
            #expect(good.status == 0 && good.codes.isEmpty, "\(good)")
            #expect(good.report.proof.ticketFrom == (cache == realm.annCache ? "cache" : "keytab"), "\(good)")
        }
        try await realm.administer(["cpw --random-key mongodb/localhost"])
        let old = try await AuthCheck.keytab(
            realm.serviceKeytab, ["--host", "localhost"], environment: realm.environment(cache: realm.annCache))
        #expect(old.status == 25 && old.codes == ["old-key-version"], "\(old)")
        #expect(old.report.proof.keyVersion == 2, "\(old)")
        let alone = try await AuthCheck.keytab(
            realm.serviceKeytab, ["--host", "localhost"],
            environment: realm.environment(cache: "FILE:\(realm.folder)/absent.ccache"))
        #expect(alone.status == 25 && alone.codes == ["wrong-key"], "\(alone)")
        try await realm.stop()
    }

    // MARK: - Names

    /// Names that lead to an alias, and an address that belongs to another name.
    @Test func namesThatLeadElsewhere() async throws {
        let hosts = try await CanonicalHosts.shared
        let alias = try await hosts.keytab(of: "alias.example.test")
        #expect(alias.status == 0 && alias.codes == ["host-alias"], "\(alias)")
        #expect(alias.finding("host-alias")?.diagnosis.cause.contains("mongodb/") == true, "\(alias)")
        let reverse = try await hosts.keytab(of: "v6.example.test")
        #expect(reverse.status == 0 && reverse.codes == ["reverse-mismatch"], "\(reverse)")
        let cause = reverse.finding("reverse-mismatch")?.diagnosis.cause ?? ""
        #expect(cause.contains("fd00::7") && cause.contains("mongodb/node6.example.test"), "\(reverse)")
        let gone = try await hosts.keytab(of: "gone.example.test")
        #expect(gone.status == 0 && gone.codes == ["host-unresolved"], "\(gone)")
        #expect(gone.commands("host-unresolved") == ["getent ahosts gone.example.test"])
    }
}

/// With the KDC of an Active Directory domain controller.
@Suite(.enabled(if: KerberosRealm.Backend.isSambaChosen, "KERBEROS_REALM=samba runs these"))
struct KeytabActiveDirectoryTests {
    /// `ktpass` makes the service's name the account's user principal name, so that it logs in.
    @Test func aServicesNameThatLogsIn() async throws {
        let service = try await KeytabTests.Service()
        for hasCache in [true, false] {
            let outcome = try await service.check(hasCache: hasCache)
            #expect(outcome.status == 0 && outcome.codes.isEmpty, "\(outcome)")
            #expect(outcome.report.proof.ticketFrom == (hasCache ? "cache" : "keytab"), "\(outcome)")
            #expect(outcome.report.proof.client == (hasCache ? service.realm.ann : service.principal), "\(outcome)")
        }
        try await service.realm.realm.changeKey(service.short)
        let old = try await service.check()
        #expect(old.status == 25 && old.codes.first == "old-key-version", "\(old)")
    }

    /// One that is a service principal name only does not; the account whose key is beside it does.
    @Test func aServicesNameThatDoesNotLogIn() async throws {
        let realm = try await SharedRealm.shared
        let number = UInt32.random(in: 0 ... .max)
        let (account, service) = ("acct\(number)", "svc\(number)/localhost")
        try await realm.realm.addPrincipal(account, password: "secret of \(number)")
        try await realm.realm.addServicePrincipalName(service, to: account)
        func check(_ principals: [String], cache: String) async throws -> KeytabOutcome {
            try await AuthCheck.keytab(
                realm.realm.makeKeytab(for: principals), ["--service", "svc\(number)", "--host", "localhost"],
                environment: realm.realm.environment(cache: cache))
        }
        let good = try await check([service], cache: realm.annCache)
        #expect(good.status == 0 && good.report.proof.ticketFrom == "cache", "\(good)")
        let alone = try await check([service], cache: realm.absentCache())
        #expect(alone.status == 0 && alone.codes == ["proof-not-made"], "\(alone)")
        #expect(
            alone.finding("proof-not-made")?.kerberos?.symbolicName == "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", "\(alone)")
        let both = try await check([service, account], cache: realm.absentCache())
        #expect(both.status == 0 && both.report.proof.result == "ok", "\(both)")
        #expect(both.report.proof.client == "\(account)@\(realm.realm.name)", "\(both)")
    }
}
