import Foundation
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// `authcheck environment`: the facts, the problems, and what to do, all on real systems.
@Suite struct EnvironmentTests {
    private func environment(
        _ arguments: [String] = [], _ variables: [String: String], timeout: String = "60s", wrapper: [String] = []
    ) async throws -> EnvironmentOutcome {
        let program = try BuiltExecutable.url(named: "authcheck").path
        let words = wrapper + [program, "environment", "--format", "json", "--timeout", timeout] + arguments
        let result = try await Child.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()), environment: variables)
        return try EnvironmentOutcome(result)
    }

    /// The realm's lines with other KDCs.
    private func configuration(_ realm: SharedRealm, kdcs: [String]) throws -> [String: String] {
        let path = try realm.changedConfiguration { text in
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            return lines.flatMap { line -> [String] in
                guard line.drop(while: { $0 == " " }).hasPrefix("kdc = ") else { return [String(line)] }
                return kdcs.map { "kdc = \($0)" }
            }.joined(separator: "\n")
        }
        return realm.realm.environment(cache: realm.annCache).merging(["KRB5_CONFIG": path]) { $1 }
    }

    // MARK: - No problems

    @Test func whereAllIsWell() async throws {
        let realm = try await SharedRealm.shared
        let variables = realm.realm.environment(cache: realm.annCache, clientKeytab: realm.annKeytab)
        let outcome = try await environment(["--host", "localhost"], variables)
        #expect(outcome.status == 0 && outcome.report.result == "ok", "\(outcome)")
        #expect(outcome.report.findings.isEmpty, "\(outcome)")
        #expect(outcome.child.stderr.isEmpty, "\(outcome)")

        let configuration = try #require(outcome.report.configuration)
        #expect(configuration.files.map(\.path) == [realm.realm.configurationFile])
        #expect(configuration.files.map(\.state) == ["read"])
        let text = try String(contentsOfFile: realm.realm.configurationFile, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (name, value) in [("default_realm", realm.realm.name), ("dns_lookup_kdc", "false"), ("rdns", "false")] {
            let setting = try #require(configuration.settings.first { $0.name == name })
            #expect(setting.value == value && setting.file == realm.realm.configurationFile)
            let line = try #require(setting.line)
            #expect(lines[line - 1].contains("\(name) = \(value)"), "\(setting)")
        }
        #expect(configuration.settings.first { $0.name == "forwardable" }?.value == nil)
        #expect(configuration.permittedEncryptionTypes.contains("aes256-cts-hmac-sha1-96"))

        let kdcs = try #require(outcome.report.kdcs)
        #expect(kdcs.realm == realm.realm.name && kdcs.principal == realm.ann && kdcs.isAboutUser)
        let kdc = try #require(kdcs.list.first)
        #expect(kdc.port == realm.realm.port && kdc.isUsed && kdc.source == "configuration")
        #expect(abs(try #require(kdc.clockOffsetSeconds)) < 60)
        for attempt in kdc.addresses.flatMap({ [$0.udp, $0.tcp] }) {
            #expect(attempt?.outcome == "answered" && attempt?.answer == "ticket", "\(outcome)")
        }
        let cache = try #require(outcome.report.caches?.first)
        #expect(cache.name == realm.annCache && cache.isDefault && cache.principal == realm.ann)
        let ticket = try #require(cache.tickets.first { $0.server.hasPrefix("krbtgt/") })
        #expect(ticket.secondsLeft > 0 && ticket.encryptionType == "aes256-cts-hmac-sha1-96")
        let keytab = try #require(outcome.report.clientKeytab)
        #expect(keytab.isReadable && !keytab.keys.isEmpty)
        #expect(keytab.keys.allSatisfy { $0.principal == realm.ann && $0.keyVersion == 1 })
        let host = try #require(outcome.report.hosts.first)
        #expect(host.addresses.contains { $0.address == "127.0.0.1" || $0.address == "::1" }, "\(outcome)")
        #expect(outcome.report.variables.contains { $0.name == "KRB5_CONFIG" && $0.paths.first?.state == "usable" })
    }

    @Test func theTextBeginsWithTheVerdict() async throws {
        let realm = try await SharedRealm.shared
        let result = try await AuthCheck.run(
            ["environment", "--timeout", "60s", "--host", "localhost"],
            environment: realm.realm.environment(cache: realm.annCache))
        #expect(result.status == 0, "\(result)")
        #expect(
            result.stdout.hasPrefix("OK: no problem was found\n\nConfiguration\n"), "\(result)")
        for word in [
            realm.realm.configurationFile, realm.annCache, realm.ann, "UDP ticket in ", "Client keytab", "Clock\n",
            "localhost: realm ",
        ] {
            #expect(result.stdout.contains(word), "no \(word) in \(result)")
        }
    }

    // MARK: - The configuration

    @Test func aBrokenLineIsNamed() async throws {
        let realm = try await SharedRealm.shared
        let path = try realm.changedConfiguration { $0 + "\n[appdefaults]\n    no sign here\n" }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let number = text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
        let outcome = try await environment([], realm.environment(configuration: path))
        #expect(outcome.status == 25, "\(outcome)")
        let finding = try #require(outcome.failures.first)
        #expect(finding.class == "kerberos" && finding.diagnosis.culprit == "this-machine")
        #expect(finding.diagnosis.cause.contains("\(path), line \(number), "), "\(outcome)")
        let command = try #require(finding.diagnosis.steps.first?.command)
        let shown = try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", command])
        #expect(shown.stdout == "    no sign here\n", "\(shown)")
        #expect(outcome.report.configuration?.files.first?.line == number)
    }

    /// The library ignores a file whose include does not exist; for an included one the line is named, too.
    @Test func includes() async throws {
        let realm = try await SharedRealm.shared
        let missing = try realm.changedConfiguration { "include /nonexistent/part.conf\n" + $0 }
        let without = try await environment([], realm.environment(configuration: missing))
        #expect(without.status == 25, "\(without)")
        #expect(
            without.failures.first?.diagnosis.cause.contains("\(missing), line 1, includes /nonexistent/part.conf")
                == true,
            "\(without)")

        let part = try realm.newFile("part.conf", "[libdefaults]\n    forwardable = true\n")
        let whole = try realm.changedConfiguration { "include \(part)\n" + $0 }
        let good = try await environment([], realm.environment(configuration: whole))
        #expect(good.status == 0, "\(good)")
        let setting = try #require(good.report.configuration?.settings.first { $0.name == "forwardable" })
        #expect(setting.value == "true" && setting.file == part && setting.line == 2, "\(good)")
        #expect(good.report.configuration?.files.map(\.path) == [whole, part])
        #expect(good.report.configuration?.files.last?.includedBy == whole)

        let itself = try realm.changedConfiguration { $0 }
        try "include \(itself)\n".write(toFile: itself, atomically: true, encoding: .utf8)
        let endless = try await environment([], realm.environment(configuration: itself))
        #expect(endless.status == 25, "\(endless)")
        #expect(endless.failures.first?.diagnosis.cause.contains("includes itself") == true, "\(endless)")
    }

    @Test func aFileThatMayNotBeRead() async throws {
        let realm = try await SharedRealm.shared
        let path = try realm.changedConfiguration { $0 }
        let variables = try await realm.environment(configuration: path)
        chmod(path, 0)
        let outcome = try await environment([], variables, wrapper: AuthCheck.obeyingFileModes())
        #expect(outcome.status == 25, "\(outcome)")
        #expect(outcome.failures.first?.diagnosis.cause == "this user has no permission to read \(path)", "\(outcome)")
        #expect(outcome.report.configuration?.files.first?.state == "unreadable")
    }

    @Test func aConfigurationThatIsNowhere() async throws {
        let realm = try await SharedRealm.shared
        let nowhere = try await environment(
            [],
            realm.realm.environment(cache: realm.annCache).merging(["KRB5_CONFIG": "/nonexistent/krb5.conf"]) { $1 },
            timeout: "10s")
        #expect(nowhere.status == 25, "\(nowhere)")
        #expect(nowhere.failures.first?.diagnosis.cause.contains("KRB5_CONFIG names /nonexistent/krb5.conf") == true)
        #expect(nowhere.report.variables.first { $0.name == "KRB5_CONFIG" }?.paths.map(\.state) == ["missing"])

        // With another one as well Kerberos works, and reports nothing.
        let both = try await environment(
            [], try await realm.environment(configuration: "/nonexistent/krb5.conf:\(realm.realm.configurationFile)"))
        #expect(both.status == 0, "\(both)")
        #expect(both.report.findings.map(\.severity) == ["warning"], "\(both)")
        #expect(both.report.findings.first?.diagnosis.cause.contains("/nonexistent/krb5.conf") == true)
    }

    // MARK: - KDCs

    @Test func aDeadKDCBesideALivingOne() async throws {
        let realm = try await SharedRealm.shared
        let closed = try ClosedPort(.ipv4)
        let variables = try configuration(
            realm, kdcs: ["127.0.0.1:\(closed.number)", "127.0.0.1:\(realm.realm.port)"])
        let outcome = try await environment([], variables)
        #expect(outcome.status == 0, "\(outcome)")
        let finding = try #require(outcome.report.findings.first)
        #expect(finding.severity == "warning" && finding.class == nil && outcome.report.findings.count == 1)
        #expect(finding.diagnosis.cause.contains("127.0.0.1:\(closed.number): UDP refused, TCP refused"), "\(outcome)")
        #expect(outcome.report.kdcs?.list.map { $0.addresses.first?.tcp?.outcome } == ["refused", "answered"])
    }

    @Test func noKDCListens() async throws {
        let realm = try await SharedRealm.shared
        let closed = try ClosedPort(.ipv4)
        let outcome = try await environment([], try configuration(realm, kdcs: ["127.0.0.1:\(closed.number)"]))
        #expect(outcome.status == 21, "\(outcome)")
        #expect(
            outcome.failures.first?.class == "kdc-unreachable" && outcome.failures.first?.diagnosis.culprit == "kdc")
    }

    @Test func aSilentKDC() async throws {
        let realm = try await SharedRealm.start()
        try await realm.realm.pause()
        let outcome = try await environment(
            [], realm.realm.environment(cache: realm.annCache), timeout: "6s")
        #expect(outcome.status == 21, "\(outcome)")
        let kdc = try #require(outcome.report.kdcs?.list.first, "\(outcome)")
        #expect(kdc.addresses.allSatisfy { $0.udp?.outcome == "silent" && $0.tcp?.outcome == "connected-and-silent" })
        #expect(outcome.failures.first?.diagnosis.culprit == "network", "\(outcome)")
        try await realm.realm.resume()
        let again = try await environment([], realm.realm.environment(cache: realm.annCache))
        #expect(again.status == 0, "\(again)")
        await realm.realm.stop()
    }

    /// A KDC of the other family, with words of its own.
    @Test func aKDCOfHeimdal() async throws {
        let realm = try await HeimdalRealm.start()
        let outcome = try await environment([], realm.environment(cache: realm.annCache))
        #expect(outcome.status == 0 && outcome.report.findings.isEmpty, "\(outcome)")
        let kdc = try #require(outcome.report.kdcs?.list.first)
        #expect(kdc.addresses.first?.udp?.outcome == "answered" && kdc.addresses.first?.tcp?.outcome == "answered")
        #expect(kdc.addresses.first?.udp?.answer == "KRB5KDC_ERR_PREAUTH_REQUIRED", "\(outcome)")
        #expect(abs(try #require(kdc.clockOffsetSeconds)) < 60)
        let unknown = try await environment(
            ["--principal", "nobody@\(realm.name)"], realm.environment(cache: realm.annCache))
        #expect(
            unknown.failures.contains { $0.diagnosis.cause.contains("KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN") }, "\(unknown)")
        try await realm.stop()
    }

    @Test func aRealmThatIsNotConfigured() async throws {
        let realm = try await SharedRealm.shared
        let outcome = try await environment(
            ["--realm", "ELSEWHERE.TEST"], realm.realm.environment(cache: realm.annCache), timeout: "20s")
        #expect(outcome.status == 21, "\(outcome)")
        #expect(outcome.failures.first?.diagnosis.cause.contains("no KDC of the realm ELSEWHERE.TEST is known") == true)
        #expect(outcome.report.kdcs?.isAboutUser == false)
    }

    @Test(arguments: [-3600, 3600])
    func aWrongClock(seconds: Int) async throws {
        let realm = try await SharedRealm.shared
        let cache = try await realm.freshCache()
        let outcome = try await environment(
            [], realm.realm.environment(cache: cache), wrapper: try FakeTime.wrapper(seconds: seconds))
        #expect(outcome.status == 24, "\(outcome)")
        let finding = try #require(outcome.failures.first)
        #expect(finding.class == "clock-skew" && finding.diagnosis.culprit == "this-machine")
        #expect(finding.diagnosis.cause.contains(seconds < 0 ? "behind" : "ahead of"), "\(outcome)")
        let offset = try #require(outcome.report.clock.kdcOffsetSeconds)
        #expect(abs(offset + Double(seconds)) < 120, "\(outcome)")
    }

    // MARK: - What the KDC says of the user

    @Test func aUserWhomTheKDCDoesNotKnow() async throws {
        let realm = try await SharedRealm.shared
        let outcome = try await environment(
            ["--principal", "nobody@\(realm.realm.name)", "--keytab", realm.annKeytab],
            realm.realm.environment(cache: realm.absentCache()))
        #expect(outcome.status == 22, "\(outcome)")
        let finding = try #require(outcome.failures.first)
        #expect(finding.diagnosis.cause.contains("KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN"), "\(outcome)")
        #expect(
            finding.diagnosis.steps.contains { $0.command == "kadmin -q 'addprinc nobody@\(realm.realm.name)'" },
            "\(outcome)")
        // The keytab has no key of that user, either.
        #expect(outcome.failures.contains { $0.class == "no-credentials" }, "\(outcome)")
    }

    // MARK: - Credentials

    @Test func noCache() async throws {
        let realm = try await SharedRealm.shared
        let cache = realm.absentCache()
        let outcome = try await environment([], realm.realm.environment(cache: cache))
        #expect(outcome.status == 20, "\(outcome)")
        let diagnosis = try #require(outcome.failures.first?.diagnosis)
        #expect(diagnosis.cause.contains(cache) && diagnosis.steps.contains { $0.command?.hasPrefix("kinit ") == true })
        #expect(outcome.report.caches?.first?.problem?.isEmpty == false)
        // A keytab is enough.
        let keytab = try await environment(
            ["--principal", realm.ann],
            realm.realm.environment(cache: realm.absentCache(), clientKeytab: realm.annKeytab))
        #expect(keytab.status == 0, "\(keytab)")
    }

    @Test func aClientKeytabThatIsNotThere() async throws {
        let realm = try await SharedRealm.shared
        let byOption = try await environment(
            ["--keytab", "/nonexistent/keytab"], realm.realm.environment(cache: realm.absentCache()))
        #expect(byOption.status == 20, "\(byOption)")
        #expect(byOption.failures.first?.diagnosis.cause.contains("/nonexistent/keytab") == true)
        #expect(byOption.report.clientKeytab?.isReadable == false, "\(byOption)")
        let byVariable = try await environment(
            [], realm.realm.environment(cache: realm.absentCache(), clientKeytab: "/nonexistent/keytab"))
        #expect(byVariable.status == 20, "\(byVariable)")
        #expect(
            byVariable.report.findings.contains {
                $0.diagnosis.cause.contains("KRB5_CLIENT_KTNAME names /nonexistent/keytab")
            }, "\(byVariable)")
    }

    @Test func anExpiredCache() async throws {
        let realm = try await SharedRealm.shared
        let cache = try await realm.realm.makeCache("ann", password: realm.annPassword, lifetime: .seconds(1))
        var outcome: EnvironmentOutcome?
        let hasExpired = try await becomesTrue {
            let now = try await environment([], realm.realm.environment(cache: cache))
            outcome = now
            return now.status != 0
        }
        #expect(hasExpired)
        let expired = try #require(outcome)
        #expect(expired.status == 22, "\(expired)")
        #expect(expired.failures.first?.diagnosis.cause.contains("ticket of \(realm.ann) expired") == true)
        #expect(expired.failures.first?.diagnosis.steps.first?.command?.contains("kinit") == true)
    }

    @Test func aCacheOfSomebodyElse() async throws {
        let realm = try await SharedRealm.shared
        let outcome = try await environment(
            ["--principal", realm.bob, "--ccache", realm.annCache], realm.realm.environment())
        #expect(outcome.status == 20, "\(outcome)")
        #expect(outcome.failures.first?.diagnosis.cause.contains(realm.bob) == true, "\(outcome)")
    }

    /// A daemon keeps such caches, and none runs: libkrb5 looks for it at the test's own path.
    @Test func aCacheOfADaemonThatDoesNotRun() async throws {
        let realm = try await SharedRealm.shared
        let path = try realm.changedConfiguration {
            $0.replacing("[libdefaults]\n", with: "[libdefaults]\n    kcm_socket = \(realm.realm.folder)/no-socket\n")
        }
        let outcome = try await environment(
            [], realm.realm.environment(cache: "KCM:").merging(["KRB5_CONFIG": path]) { $1 })
        #expect(outcome.status == 20, "\(outcome)")
        #expect(
            outcome.failures.first?.diagnosis.steps.contains { $0.command?.contains("KRB5CCNAME") == true } == true,
            "\(outcome)")
    }

    // MARK: - Hosts

    @Test func aHostThatIsNotThere() async throws {
        let realm = try await SharedRealm.shared
        let outcome = try await environment(
            ["--host", "no-such-host.invalid", "--host", "127.0.0.1"], realm.realm.environment(cache: realm.annCache))
        #expect(outcome.status == 10, "\(outcome)")
        #expect(outcome.report.hosts.map(\.host) == ["no-such-host.invalid", "127.0.0.1"])
        #expect(outcome.report.hosts.first?.problem?.isEmpty == false)
        #expect(outcome.report.hosts.last?.addresses.map(\.address) == ["127.0.0.1"])
    }

    // MARK: - Minimal environments

    /// Without HOME, a terminal, a configuration file, or a file that may be written.
    @Test func withNothingAtAll() async throws {
        let realm = try await SharedRealm.shared
        let program = try BuiltExecutable.url(named: "authcheck").path
        // ThreadSanitizer's runtime writes a file of its own.
        let script = """
            \(isThreadSanitized ? ":" : "ulimit -f 0")
            exec env -i PATH="$PATH" LD_LIBRARY_PATH="$LD_LIBRARY_PATH" KRB5_CONFIG=/nonexistent "$1" environment \
            --realm "$2" --format json --timeout 20s </dev/null
            """
        let words = try AuthCheck.obeyingFileModes() + ["/bin/sh", "-c", script, "sh", program, realm.realm.name]
        let result = try await Child.run(URL(fileURLWithPath: words[0]), Array(words.dropFirst()))
        let outcome = try EnvironmentOutcome(result)
        #expect([20, 21, 25].contains(outcome.status), "\(outcome)")
        #expect(outcome.report.exitStatus == outcome.status && outcome.status == 25, "\(outcome)")
        #expect(outcome.report.caches?.isEmpty == false, "\(outcome)")
    }

    /// On a file system on which nothing can be written, and without the rights of the superuser.
    @Test func onAReadOnlyFileSystem() async throws {
        let realm = try await SharedRealm.shared
        let program = try BuiltExecutable.url(named: "authcheck").path
        let script = """
            set -e
            mount --bind / /
            mount -o remount,ro,bind /
            mount --bind "$2" "$2"
            mount -o remount,ro,bind "$2"
            if touch "$2/written"; then exit 99; fi
            exec setpriv --bounding-set=-all --inh-caps=-all -- env -u HOME "$1" environment --format json --timeout 60s
            """
        let result = try await Child.run(
            BuiltExecutable.system("unshare", package: "util-linux"),
            (getuid() == 0 ? [] : ["--map-root-user"]) + [
                "--mount", "/bin/sh", "-c", script, "sh", program, realm.realm.folder,
            ], environment: realm.realm.environment(cache: realm.annCache))
        let outcome = try EnvironmentOutcome(result)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.child.stderr.contains("Read-only file system"), "\(outcome)")
    }
}
