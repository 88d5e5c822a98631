import Foundation
import GSSCore
import GSSKerberos
import NameResolution
import TestSupport
import Testing

@testable import AuthCheckKit

/// The rules alone, with fictitious evidence; `KeytabTests` has the real cases.
@Suite struct KeytabReportTests {
    private static let principal = "mongodb/db.example.com@EXAMPLE.COM"

    private static func entry(
        _ service: String = "mongodb", _ host: String = "db.example.com", realm: String = "EXAMPLE.COM",
        version: UInt32 = 3,
        type: String = "aes256-cts-hmac-sha1-96", key: Int = 1
    ) -> KerberosKeytab.Entry {
        var entry = KerberosKeytab.Entry(
            principal: "\(service)/\(host)@\(realm)", components: [service, host], realm: realm, keyVersion: version,
            encryptionType: type, date: 1_700_000_000)
        entry.fingerprint = key
        return entry
    }

    private static func ticket(version: UInt32 = 3, type: String = "aes256-cts-hmac-sha1-96") -> KeytabEvidence.Ticket {
        KeytabEvidence.Ticket(
            origin: .cache, client: "ann@EXAMPLE.COM", cache: "FILE:/tmp/krb5cc_1",
            ticket: KerberosTicket(
                client: "ann@EXAMPLE.COM", server: principal, startTime: 0, endTime: 1, encryptionType: type,
                keyVersion: version, sessionEncryptionType: type))
    }

    private static func trouble(_ code: Int32, _ message: String = "no", call: String = "call")
        -> KeytabEvidence.Trouble
    {
        KeytabEvidence.Trouble(
            message: message,
            error: GSSError(
                call: call, major: GSSMajorStatus(.failure), minor: UInt32(bitPattern: code), minorMessages: [message]))
    }

    /// A good keytab.
    private static func good(_ entries: [KerberosKeytab.Entry] = [entry()]) throws -> KeytabEvidence {
        var evidence = KeytabEvidence(path: "/etc/mongod.keytab", host: .init(value: "db.example.com", source: .option))
        evidence.ownership = FileOwnership(user: 0, group: 0, mode: 0o400, size: 100)
        evidence.keytab = KerberosKeytab(entries: entries)
        evidence.configuredRealm = "EXAMPLE.COM"
        evidence.ticket = ticket()
        evidence.proof = .accepted
        let address = try #require(IPAddress("192.0.2.1"))
        evidence.names = .init(
            canonicalName: "db.example.com", addresses: [.init(address: address, name: "DB.example.com")])
        return evidence
    }

    private func codes(_ evidence: KeytabEvidence) -> [KeytabFindingCode] {
        KeytabReport(evidence).findings.map(\.code)
    }

    // MARK: - Success

    @Test func nothingIsWrong() throws {
        let report = KeytabReport(try Self.good(), failsOnWarning: true)
        #expect(report.findings.isEmpty && report.exitStatus == 0 && report.result == .ok)
        #expect(report.text(TextStyle()).hasPrefix("OK: the keytab is good for \(Self.principal)\n"))
        #expect(report.text(TextStyle()).contains("version 3 aes256-cts-hmac-sha1-96 of 2023-11-14T22:13:20Z"))
    }

    /// Old files have one byte for a version: 259 is 3 there.
    @Test func aVersionOfOneByte() throws {
        var evidence = try Self.good()
        evidence.ticket = Self.ticket(version: 259)
        evidence.proof = .refused(Self.trouble(-1_765_328_353))
        #expect(codes(evidence) == [.wrongKey])
        evidence.ticket = Self.ticket(version: 260)
        #expect(codes(evidence) == [.oldKeyVersion])
    }

    // MARK: - The principal

    /// By bytes: names that look the same are two principals.
    @Test func namesThatLookTheSame() throws {
        var evidence = try Self.good([Self.entry("mongodb", "caf\u{E9}.example")])
        evidence.host.value = "cafe\u{301}.example"
        evidence.ticket = nil
        evidence.proof = .notMade
        #expect(codes(evidence).first == .wrongHost)
        evidence.host.value = "caf\u{E9}.example"
        evidence.ticket = Self.ticket()
        evidence.proof = .accepted
        #expect(KeytabReport(evidence).findings.allSatisfy { $0.severity != .error })
    }

    @Test func aNameWithSeparatorsIsEscaped() throws {
        var evidence = try Self.good([Self.entry("mongodb", "a/b@c\\d")])
        evidence.host.value = "a/b@c\\d"
        #expect(evidence.principal == #"mongodb/a\/b\@c\\d@EXAMPLE.COM"#)
        #expect(evidence.keys.count == 1)
    }

    @Test func aWrongHostNamesAFewOfMany() throws {
        var evidence = try Self.good((0..<500).map { Self.entry("mongodb", "h\($0)") })
        evidence.ticket = nil
        evidence.proof = .notMade
        let report = KeytabReport(evidence)
        #expect(report.findings.first?.code == .wrongHost)
        #expect(report.verdict.contains("mongodb/h2@EXAMPLE.COM and 497 more"))
        #expect(report.exitStatus == 20)
    }

    @Test func withoutARealmNothingIsProven() throws {
        var evidence = try Self.good()
        evidence.configuredRealm = nil
        evidence.ticket = nil
        evidence.proof = .notMade
        // The keytab's own realm serves.
        #expect(evidence.realm == "EXAMPLE.COM")
        #expect(evidence.principal == Self.principal)
    }

    // MARK: - What comes first

    /// Errors first, in the order in which they have to be fixed; the status is that of the first.
    @Test func theFirstErrorDecides() throws {
        var evidence = try Self.good([Self.entry("HTTP")])
        evidence.ownership?.mode = 0o644
        evidence.ticket = nil
        evidence.proof = .notMade
        // Without a key, the KDC's state is not the problem.
        evidence.cacheTrouble = .init(message: "a KDC did not answer before the deadline", isDeadline: true)
        #expect(codes(evidence) == [.serviceMissing, .readableByOthers])
        #expect(KeytabReport(evidence).exitStatus == 20)
        evidence.configurationPath = "/etc/mongod.conf"
        evidence.configurationProblem = "does not exist"
        let report = KeytabReport(evidence)
        #expect(report.findings.map(\.code) == [.configurationUnreadable, .serviceMissing, .readableByOthers])
        #expect(report.exitStatus == 64 && report.findings.first?.class == .usage)
        let lines = report.text(TextStyle()).split(separator: "\n")
        #expect(lines.first == "FAILED: the file /etc/mongod.conf does not exist, so the server's name is a guess")
        #expect(lines.contains { $0.hasPrefix("✗ the keytab has keys of HTTP/db.example.com") })
        #expect(lines.contains { $0.hasPrefix("! everyone on this machine can read") })
    }

    @Test func warningsMakeAStatusOnlyWhereThatIsWanted() throws {
        var evidence = try Self.good()
        evidence.ownership?.mode = 0o604
        #expect(KeytabReport(evidence).exitStatus == 0)
        #expect(KeytabReport(evidence, failsOnWarning: true).exitStatus == 3)
        // A note is no warning.
        let older = try Self.good([Self.entry(), Self.entry(version: 2)])
        #expect(codes(older) == [.olderVersions])
        #expect(KeytabReport(older, failsOnWarning: true).exitStatus == 0)
    }

    // MARK: - Names

    @Test(arguments: [
        ("192.0.2.1", "other.example.com", [KeytabFindingCode.reverseMismatch]),
        ("192.0.2.1", "db.example.com.", []), ("192.0.2.1", nil, []),
        ("2001:db8::1", "other.example.com", [.reverseMismatch]),
        // Other hosts do not see a machine's names of its loopback addresses.
        ("127.0.1.1", "localhost", []), ("::1", "ip6-localhost", []),
    ])
    func addressesAndTheirNames(address: String, name: String?, expected: [KeytabFindingCode]) throws {
        var evidence = try Self.good()
        let address = try #require(IPAddress(address))
        evidence.names?.addresses = [.init(address: address, name: name, problem: name == nil ? "has no name" : nil)]
        #expect(codes(evidence) == expected)
        if !expected.isEmpty {
            #expect(
                KeytabReport(evidence).findings.first?.diagnosis.cause.contains("mongodb/other.example.com") == true)
        }
    }

    @Test func anAliasAndAHostWithoutAddress() throws {
        var evidence = try Self.good()
        evidence.names?.canonicalName = "node7.example.com"
        #expect(codes(evidence) == [.hostAlias])
        evidence.names = .init(problem: "does not exist")
        #expect(codes(evidence) == [.hostUnresolved])
        #expect(KeytabReport(evidence).findings.first?.diagnosis.steps.first?.command == "getent ahosts db.example.com")
    }

    // MARK: - Format

    /// Names of files and principals are words in the commands, whatever they hold.
    @Test func commandsAreReadyForAShell() throws {
        var evidence = try Self.good()
        evidence.path = "/tmp/a b'\"$(reboot)"
        evidence.host.value = "db'.example.com"
        evidence.keytab = KerberosKeytab(entries: [Self.entry("mongodb", "db'.example.com")])
        evidence.proof = .refused(Self.trouble(-1_765_328_353))
        evidence.ticket = Self.ticket(version: 4)
        let steps = KeytabReport(evidence).findings.first?.diagnosis.steps ?? []
        #expect(
            steps.first?.command
                == #"kadmin -q 'ktadd -k "/tmp/a b'\''""$(reboot)" "mongodb/db'\''.example.com@EXAMPLE.COM"'"#)
    }

    @Test func longNamesAreCut() throws {
        let long = String(repeating: "\u{1F600}", count: 10_000)
        var evidence = try Self.good([Self.entry("mongodb", long)])
        evidence.ticket = nil
        evidence.proof = .notMade
        let report = KeytabReport(evidence)
        #expect(report.text(TextStyle()).utf8.count < 20_000)
        #expect(report.entries.first.map { $0.principal.utf8.count < 1100 } == true)
    }

    /// The report of a check that does not end.
    @Test func aCheckThatWasHeldUp() throws {
        let report = KeytabReport.timedOut(path: "/etc/mongod.keytab")
        #expect(report.exitStatus == 40 && report.findings.map(\.code) == [.deadline] && report.expected == nil)
        try JSONSchema("authcheck.keytab").check(report.json())
    }

    /// Every kind of report is what the schema says, and the schema names every kind of finding.
    @Test func reportsFollowTheirSchema() throws {
        let schema = try JSONSchema("authcheck.keytab")
        var all = [try Self.good()]
        var evidence = try Self.good()
        evidence.configurationPath = "/etc/mongod.conf"
        evidence.configuration = MongodConfiguration(
            Array("setParameter:\n saslHostName: db\n saslServiceName: *x\n".utf8))
        evidence.names?.addresses.append(.init(address: try #require(IPAddress("::1")), problem: "has no name"))
        evidence.ticket = Self.ticket(version: 4)
        evidence.proof = .refused(Self.trouble(-1_765_328_353))
        evidence.clockOffset = .milliseconds(1500)
        all.append(evidence)
        evidence = KeytabEvidence(path: "", host: .init(value: "", source: .default))
        all.append(evidence)
        evidence.fileProblem = .missing
        all.append(evidence)
        for evidence in all { try schema.check(KeytabReport(evidence).json()) }
        #expect(schema.names(of: "code", in: "finding") == KeytabFindingCode.allCases.map(\.rawValue))
        // The checker itself notices what is missing, and what is of another kind.
        let json = try KeytabReport(all[0]).json()
        for wrong in [
            json.replacing("\"exitStatus\" : 0", with: "\"exitStatus\" : \"0\""),
            json.replacing("\"moreEntries\"", with: "\"fewerEntries\""),
            json.replacing("authcheck.keytab/1", with: "other/1"),
        ] {
            #expect(throws: JSONSchema.Mismatch.self) { try schema.check(wrong) }
        }
    }
}
