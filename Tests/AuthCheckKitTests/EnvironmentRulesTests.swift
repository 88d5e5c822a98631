import GSSCore
import GSSKerberos
import KerberosCredentials
import NameResolution
import TestSupport
import Testing

@testable import AuthCheckKit

/// The findings from facts about a machine, without a KDC. Other tests produce real facts.
@Suite struct EnvironmentRulesTests {
    private static let now: Int64 = 1_800_000_000

    /// A machine without problems.
    private static func facts(_ change: (inout EnvironmentFacts) throws -> Void = { _ in }) throws -> EnvironmentFacts {
        var facts = EnvironmentFacts(EnvironmentRequest(), now: now)
        var configuration = KerberosConfiguration()
        configuration.files = [.init(path: "/etc/krb5.conf", state: .read)]
        configuration.defaultRealm = "X.TEST"
        configuration.permittedEncryptionTypes = ["aes256-cts-hmac-sha1-96"]
        facts.configuration = configuration
        var inspection = KerberosInspection(looksForTickets: false)
        inspection.problem = nil
        inspection.clientKeytab = nil
        inspection.principal = "ann@X.TEST"
        inspection.cache = .init(name: "FILE:/tmp/cc", type: "FILE", principal: "ann@X.TEST")
        inspection.take([ticket(endsIn: 3600)])
        facts.inspection = inspection
        facts.caches = []
        facts.keytab = .init(name: "FILE:/etc/client.keytab")
        facts.kdcs = try report([
            kdc(.answered(.error(code: 25, name: "KRB5KDC_ERR_PREAUTH_REQUIRED"), clockOffset: .zero))
        ])
        facts.isClockSynchronized = true
        try change(&facts)
        return facts
    }

    private static func ticket(endsIn seconds: Int64, type: String = "aes256-cts-hmac-sha1-96") -> KerberosTicket {
        KerberosTicket(
            client: "ann@X.TEST", server: "krbtgt/X.TEST@X.TEST", startTime: now - 60, endTime: now + seconds,
            encryptionType: type, sessionEncryptionType: type)
    }

    private static func kdc(
        _ udp: KDCReport.Outcome, _ tcp: KDCReport.Outcome? = nil, host: String = "kdc1.x.test", isUsed: Bool = true
    ) throws -> KDCReport.KDC {
        let location = KDCLocation(host: host, port: 88, transport: .any, source: .configuration(entry: host))
        let address = KDCReport.Address(
            address: try #require(IPAddress("192.0.2.1")), udp: .init(udp, after: .milliseconds(1)),
            tcp: .init(tcp ?? udp, after: .milliseconds(1)))
        return KDCReport.KDC(location: location, isUsed: isUsed, addresses: [address])
    }

    private static func report(_ kdcs: [KDCReport.KDC], isAboutUser: Bool = true) -> KDCReport {
        KDCReport(realm: "X.TEST", principal: "ann@X.TEST", isAboutUser: isAboutUser, kdcs: kdcs, asksDNS: false)
    }

    private static func answer(_ code: Int32, offset: Duration = .zero) -> KDCReport.Outcome {
        .answered(
            .error(code: code, name: KerberosFailure.symbolicName(of: KDCReply.statusCode(code))), clockOffset: offset)
    }

    private static func findings(
        _ change: (inout EnvironmentFacts) throws -> Void = { _ in }
    ) throws -> [EnvironmentReport.Finding] {
        EnvironmentRules.findings(try facts(change))
    }

    @Test func whereAllIsWellNothingIsSaid() throws {
        #expect(try Self.findings().isEmpty)
        let report = EnvironmentReport(try Self.facts())
        #expect(report.exitStatus == 0 && report.result == .ok)
        #expect(report.text(TextStyle()).hasPrefix("OK: no problem was found\n"))
    }

    // MARK: - The configuration

    @Test func aMalformedLineIsNamed() throws {
        let found = try Self.findings { facts in
            facts.configuration?.files = [
                .init(path: "/etc/krb5.conf", state: .malformed(line: 7, reason: "there is no \"=\" in the line"))
            ]
            facts.configuration?.problem = GSSError(call: "krb5_init_context", major: GSSMajorStatus(.failure))
        }
        let first = try #require(found.first)
        #expect(first.class == .kerberos && first.severity == .failure)
        #expect(first.diagnosis.cause.hasPrefix("/etc/krb5.conf, line 7, is malformed"))
        #expect(first.diagnosis.steps.first?.command == "sed -n 7p /etc/krb5.conf")
    }

    /// The library continues without an unreadable file, as long as there is another one.
    @Test func aFileThatMayNotBeReadBesideAnother() throws {
        let found = try Self.findings { facts in
            facts.configuration?.files.append(.init(path: "/etc/other.conf", state: .unreadable(errno: 13)))
        }
        #expect(found.map(\.severity) == [.warning])
    }

    @Test(arguments: [true, false])
    func aFileThatIsNotThere(isAlone: Bool) throws {
        let found = try Self.findings { facts in
            facts.variables = [.init(name: "KRB5_CONFIG", value: "/nowhere")]
            facts.configuration?.files = [.init(path: "/nowhere", state: .missing)]
            if !isAlone { facts.configuration?.files.append(.init(path: "/etc/krb5.conf", state: .read)) }
            if isAlone { facts.kdcs = Self.report([]) }
        }
        #expect(found.first?.severity == (isAlone ? .failure : .warning))
        #expect(found.first?.diagnosis.cause.contains("/nowhere") == true)
        #expect(found.first?.class == (isAlone ? .kerberos : nil))
    }

    // MARK: - KDCs

    @Test func howKDCsFail() throws {
        typealias Row = (udp: KDCReport.Outcome, tcp: KDCReport.Outcome, culprit: Diagnosis.Culprit, word: String)
        let rows: [Row] = [
            (.refused, .refused, .kdc, "UDP refused, TCP refused"),
            (.silent, .silent, .network, "UDP silent, TCP silent"),
            (.silent, .connectedAndSilent, .network, "connected, then silent"),
            (.refused, .malformed, .thisMachine, "not a KDC"),
        ]
        for row in rows {
            let found = try Self.findings { $0.kdcs = Self.report([try Self.kdc(row.udp, row.tcp)]) }
            let first = try #require(found.first)
            #expect(first.class == .kdcUnreachable && first.diagnosis.culprit == row.culprit, "\(first)")
            #expect(first.diagnosis.cause.contains("kdc1.x.test:88: "), "\(first)")
            #expect(first.diagnosis.cause.contains(row.word), "\(first)")
        }
    }

    @Test func oneThatAnswersIsEnough() throws {
        let found = try Self.findings { facts in
            facts.kdcs = Self.report([try Self.kdc(.silent, host: "dead.x.test"), try Self.kdc(Self.answer(25))])
        }
        #expect(found.map(\.severity) == [.warning])
        #expect(found.first?.diagnosis.cause.contains("dead.x.test:88: UDP silent, TCP silent") == true)
    }

    @Test func oneWayOnly() throws {
        let tcp = try Self.findings { $0.kdcs = Self.report([try Self.kdc(.silent, Self.answer(25))]) }
        #expect(tcp.first?.diagnosis.steps.first?.text.contains("udp_preference_limit = 1") == true)
        let refused = try Self.findings { $0.kdcs = Self.report([try Self.kdc(.refused, Self.answer(25))]) }
        #expect(refused.isEmpty)
        let udp = try Self.findings { $0.kdcs = Self.report([try Self.kdc(Self.answer(25), .silent)]) }
        #expect(udp.map(\.severity) == [.warning] && udp[0].diagnosis.cause.contains("UDP only"))
    }

    @Test func aRealmThatNobodyKnows() throws {
        let found = try Self.findings { $0.kdcs = Self.report([]) }
        #expect(found.first?.class == .kdcUnreachable)
        #expect(found.first?.diagnosis.cause.contains("dns_lookup_kdc = false") == true)
        let plugin = try Self.findings { ($0.kdcs, $0.otherKDCClockOffset) = (Self.report([]), .zero) }
        #expect(plugin.isEmpty)
        let elsewhere = try Self.findings { facts in
            facts.kdcs = Self.report([
                try Self.kdc(.refused, host: "old.x.test"),
                try Self.kdc(Self.answer(25), host: "new.x.test", isUsed: false),
            ])
        }
        // A claim, which is not followed: its name is in no step.
        let steps = elsewhere.first?.diagnosis.steps.map(\.text) ?? []
        #expect(steps.first?.contains("the DNS names other KDCs, which proves nothing") == true, "\(steps)")
        #expect(!steps.joined().contains("new.x.test"))
    }

    @Test func aLineThatCannotBeRead() throws {
        let found = try Self.findings { $0.kdcs?.malformedEntries = ["fe80::1"] }
        #expect(found.first?.class == .kdcUnreachable)
        #expect(found.first?.diagnosis.cause.contains("\"kdc = fe80::1\"") == true)
    }

    /// For libkrb5 a comment does not end a value.
    @Test func commentsBehindValues() throws {
        let settings = try Self.findings { facts in
            facts.configuration?.settings = [
                .init(name: "default_realm", value: "X.TEST # ours", file: "/etc/krb5.conf", line: 2),
                .init(name: "rdns", value: "false", file: "/etc/krb5.conf", line: 3),
            ]
        }
        #expect(settings.map(\.severity) == [.warning], "\(settings)")
        #expect(
            settings.first?.diagnosis.cause.hasPrefix(
                "/etc/krb5.conf, line 2: the value of default_realm is \"X.TEST # ours\"") == true)
        let kdcs = try Self.findings { facts in
            var kdc = try Self.kdc(Self.answer(25))
            kdc.location.source = .configuration(entry: "kdc1.x.test # the first")
            facts.kdcs = Self.report([kdc])
        }
        #expect(kdcs.first?.diagnosis.cause.contains("\"kdc = kdc1.x.test # the first\"") == true, "\(kdcs)")
    }

    /// Whether Kerberos can use a proxy cannot be determined here.
    @Test(arguments: [KDCReport.Outcome.connected, .refused])
    func aProxyNeedsAPlugin(outcome: KDCReport.Outcome) throws {
        let found = try Self.findings { facts in
            var kdc = try Self.kdc(outcome)
            kdc.location.transport = .https
            kdc.addresses[0].udp = nil
            facts.kdcs = Self.report([kdc])
        }
        #expect(found.first?.severity == (outcome == .connected ? .warning : .failure))
        #expect(
            found.first?.diagnosis.steps.contains { $0.command == "find /usr/lib* -name k5tls.so" } == true, "\(found)")
    }

    // MARK: - What they say

    @Test func clocks() throws {
        func found(_ offsets: [Int64], isSynchronized: Bool = true) throws -> [EnvironmentReport.Finding] {
            try Self.findings { facts in
                facts.isClockSynchronized = isSynchronized
                facts.kdcs = Self.report(
                    try offsets.enumerated().map {
                        try Self.kdc(Self.answer(25, offset: .seconds($1)), host: "kdc\($0).x.test")
                    })
                facts.inspection?.take([Self.ticket(endsIn: 86_400)])
            }
        }
        #expect(try found([0, 3]).isEmpty)
        #expect(try found([0], isSynchronized: false).isEmpty)
        #expect(try found([120]).map(\.severity) == [.warning])
        let wrong = try #require(try found([3600, 3600]).first)
        #expect(wrong.class == .clockSkew && wrong.diagnosis.culprit == .thisMachine)
        #expect(wrong.diagnosis.cause.contains("1 h behind that of the KDC kdc0.x.test:88"), "\(wrong)")
        let other = try #require(try found([3600, 0]).first)
        #expect(other.severity == .warning && other.diagnosis.culprit == .kdc)
    }

    @Test func aUserWhomTheKDCDoesNotTake() throws {
        func found(_ codes: [Int32], hasTicket: Bool) throws -> [EnvironmentReport.Finding] {
            try Self.findings { facts in
                facts.kdcs = Self.report(try codes.map { try Self.kdc(Self.answer($0)) })
                if !hasTicket { facts.inspection?.clientKeytab = "FILE:/etc/k" }
                if !hasTicket { facts.inspection?.ticketGrantingTicket = nil }
            }
        }
        let unknown = try #require(try found([6], hasTicket: false).first)
        #expect(
            unknown.class == .credentialsRejected && unknown.diagnosis.cause.contains("KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN")
        )
        #expect(try found([18], hasTicket: false).first?.class == .credentialsRejected)
        #expect(try found([18], hasTicket: true).map(\.severity) == [.warning])
        let some = try #require(try found([25, 6], hasTicket: false).first)
        #expect(some.severity == .warning && some.diagnosis.cause.contains("do not have the same database"))
        let nobody = try Self.findings { $0.kdcs = Self.report([try Self.kdc(Self.answer(6))], isAboutUser: false) }
        #expect(nobody.isEmpty)
    }

    // MARK: - Credentials

    @Test func tickets() throws {
        let expired = try #require(try Self.findings { $0.inspection?.take([Self.ticket(endsIn: -120)]) }.first)
        #expect(expired.class == .credentialsRejected && expired.diagnosis.cause.contains("expired 2 min ago"))
        #expect(expired.diagnosis.steps.first?.command == "kinit ann@X.TEST")
        let ending = try Self.findings { $0.inspection?.take([Self.ticket(endsIn: 60)]) }
        #expect(ending.map(\.severity) == [.warning])
        // By the KDC's clock it has not expired.
        let behind = try Self.findings { facts in
            facts.kdcs = Self.report([try Self.kdc(Self.answer(25, offset: .seconds(-200)))])
            facts.inspection?.take([Self.ticket(endsIn: -100)])
        }
        #expect(!behind.contains { $0.class == .credentialsRejected })
        let foreign = try #require(
            try Self.findings { facts in
                facts.inspection?.principal = "bob@X.TEST"
                facts.inspection?.ticketGrantingTicket = nil
            }.first)
        #expect(
            foreign.class == .noCredentials && foreign.diagnosis.cause.contains("of ann@X.TEST, and none of bob@X.TEST")
        )
    }

    @Test func aClientKeytabThatIsNotThere() throws {
        let found = try Self.findings { facts in
            var error = GSSError(call: "krb5_cc_get_principal", major: GSSMajorStatus(.noCredential))
            error.minorMessages = ["No credentials cache found"]
            facts.inspection?.problem = error
            facts.variables = [
                .init(
                    name: "KRB5_CLIENT_KTNAME", value: "/nowhere", paths: [.init(path: "/nowhere", state: .missing)])
            ]
        }
        #expect(found.first?.class == .noCredentials)
        #expect(found.last?.diagnosis.cause.contains("KRB5_CLIENT_KTNAME names /nowhere") == true)
        let type = try Self.findings { facts in
            var error = GSSError(call: "krb5_cc_get_principal", major: GSSMajorStatus(.noCredential))
            error.minorMessages = ["No credentials cache found"]
            facts.inspection?.problem = error
            facts.variables = [.init(name: "KRB5_CLIENT_KTNAME", value: "NOSUCH:x")]
        }
        #expect(type.last?.diagnosis.cause.contains("has no keytabs of the type NOSUCH") == true)
    }

    @Test func weakTypes() throws {
        let found = try Self.findings { facts in
            facts.configuration?.settings = [
                .init(name: "allow_weak_crypto", value: "true", file: "/etc/krb5.conf", line: 3)
            ]
            facts.inspection?.take([Self.ticket(endsIn: 3600, type: "arcfour-hmac")])
        }
        #expect(found.count == 2 && found.allSatisfy { $0.severity == .warning })
        #expect(found[0].diagnosis.cause.contains("/etc/krb5.conf:3"))
        let keytab = try Self.findings { facts in
            facts.inspection?.clientKeytab = "FILE:/etc/k"
            facts.keytab?.keys = [.init(principal: "ann@X.TEST", version: 1, encryptionType: "arcfour-hmac")]
        }
        #expect(keytab.first?.class == .kerberos && keytab.first?.severity == .failure)
    }

    // MARK: - Variables and words

    @Test(arguments: [
        ("KRB5_CONFIG", "/a:/b", ["/a", "/b"]), ("KRB5CCNAME", "FILE:/a", ["/a"]), ("KRB5CCNAME", "/a", ["/a"]),
        ("KRB5CCNAME", "DIR::/a/tkt", ["/a/tkt"]), ("KRB5CCNAME", "KCM:", []), ("KRB5_KTNAME", "WRFILE:/a", ["/a"]),
        ("KRB5_CLIENT_KTNAME", "/a:b", ["/a:b"]), ("KRB5RCACHENAME", "none:", []), ("KRB5_SOMETHING", "/a", []),
    ])
    func theFilesOfAVariable(_ name: String, _ value: String, _ paths: [String]) {
        #expect(EnvironmentFacts.Variable.paths(name, value) == paths)
    }

    @Test func othersVariablesAreNobodysBusiness() {
        let found = EnvironmentFacts.Variable.read(["PATH": "/bin", "KRB5_CONFIG": "/nonexistent/a:/dev/null"])
        #expect(found.map(\.name) == ["KRB5_CONFIG"])
        #expect(found.first?.paths.map(\.state) == [.missing, .usable])
    }

    @Test func whatFilesSayCannotSteerATerminal() throws {
        let report = EnvironmentReport(
            try Self.facts { facts in
                facts.variables = [.init(name: "KRB5CCNAME", value: "FILE:/a\u{1B}[2J\u{202E}")]
                facts.kdcs?.malformedEntries = ["\u{7}kdc"]
            })
        for text in [report.text(TextStyle()), try report.json()] {
            #expect(!text.unicodeScalars.contains { ["\u{1B}", "\u{202E}", "\u{7}"].contains($0) })
        }
    }

    @Test func theExitStatusIsThatOfTheFirstFailure() throws {
        let report = EnvironmentReport(
            try Self.facts { facts in
                facts.kdcs = Self.report([try Self.kdc(.refused)])
                facts.inspection?.take([Self.ticket(endsIn: -120)])
            })
        #expect(report.exitStatus == 21 && report.result == .failed)
        #expect(report.findings.compactMap(\.class) == [.kdcUnreachable, .credentialsRejected])
        #expect(report.text(TextStyle()).hasPrefix("FAILED: kdc-unreachable, exit status 21\n✗ none of the KDCs"))
    }
}
