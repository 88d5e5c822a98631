internal import GSSKerberos

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// The result of a check of a server's keytab: the one model for the text and the JSON. It has no keys.
///
/// The JSON's keys are stable: keys are only added.
package struct KeytabReport: Sendable, Hashable, Encodable, Report {
    /// One finding.
    package struct Finding: Sendable, Hashable, Encodable {
        /// How bad it is.
        package enum Severity: String, Sendable, Hashable, CaseIterable, Encodable {
            /// Kerberos does not work with this keytab, or that is unknown.
            case error
            /// It works, or may; but not for all clients, or not safely.
            case warning
            /// Good to know.
            case note
        }

        /// The kind: a stable, hyphenated name.
        package var code: KeytabFindingCode
        /// How bad it is.
        package var severity: Severity
        /// The class of an error, which decides the exit status.
        @NullWhenAbsent package var `class`: FailureClass?
        /// Its cause, and what to do.
        package var diagnosis: Diagnosis
        /// The underlying Kerberos error.
        @NullWhenAbsent package var kerberos: CheckReport.KerberosError?
    }

    /// A part of the server's name.
    package struct Name: Sendable, Hashable, Encodable {
        /// The name.
        package var value: String
        /// Its source: `option`, `mongod.conf` or `default`.
        package var source: String
    }

    /// The server's principal.
    package struct Expected: Sendable, Hashable, Encodable {
        /// The full principal; without a realm where none is known.
        package var principal: String
        /// Its first part.
        package var service: Name
        /// Its second part.
        package var host: Name
        /// Its realm.
        @NullWhenAbsent package var realm: String?
    }

    /// The keytab's file.
    package struct File: Sendable, Hashable, Encodable {
        /// The owner's name, or number where it has none.
        package var owner: String
        /// The group's name, or number.
        package var group: String
        /// The permissions in octal digits, for example `0640`.
        package var mode: String
        /// How many bytes it has.
        package var size: Int64
        /// When it was last written, as ISO 8601 in UTC.
        package var modified: String
    }

    /// One key, without the key itself.
    package struct Entry: Sendable, Hashable, Encodable {
        /// Whose it is.
        package var principal: String
        /// Its version.
        package var keyVersion: UInt32
        /// Its encryption type.
        package var encryptionType: String
        /// When it was written, as ISO 8601 in UTC.
        @NullWhenAbsent package var date: String?
        /// Whether it is a key of the server's principal.
        package var isExpected: Bool
        /// Whether there is none of a higher version of the same principal.
        package var isNewest: Bool
    }

    /// The settings in `mongod.conf`.
    package struct Configuration: Sendable, Hashable, Encodable {
        /// The file.
        package var path: String
        /// The server's host.
        @NullWhenAbsent package var saslHostName: String?
        /// The principal's first part.
        @NullWhenAbsent package var saslServiceName: String?
        /// Lines that may set one of them in a way that is not understood, each as `line N: name`.
        package var unread: [String]
    }

    /// An address of the server's host.
    package struct Address: Sendable, Hashable, Encodable {
        /// The address.
        package var address: String
        /// Its name.
        @NullWhenAbsent package var name: String?
        /// Why there is no name.
        @NullWhenAbsent package var problem: String?
    }

    /// How the server's host name resolves on this machine, forward and reverse.
    package struct HostNames: Sendable, Hashable, Encodable {
        /// The name at the end of the aliases.
        @NullWhenAbsent package var canonicalName: String?
        /// The first sixteen addresses.
        package var addresses: [Address]
        /// How many more there are.
        package var moreAddresses: Int
        /// Why there is no address.
        @NullWhenAbsent package var problem: String?
    }

    /// Whether a new ticket was accepted with the keytab.
    package struct Proof: Sendable, Hashable, Encodable {
        /// `ok`, `failed`, or `skipped` if there is no ticket.
        package var result: CheckReport.Result
        /// How the ticket was obtained: `cache`, with the tickets of the user who runs the check, or `keytab`, with its
        /// own key.
        @NullWhenAbsent package var ticketFrom: String?
        /// Who got it.
        @NullWhenAbsent package var client: String?
        /// With which cache.
        @NullWhenAbsent package var cache: String?
        /// The version of the key that the KDC has encrypted it with.
        @NullWhenAbsent package var keyVersion: UInt32?
        /// The type of that key.
        @NullWhenAbsent package var encryptionType: String?
        /// Why the user's cache gave no ticket.
        @NullWhenAbsent package var cacheProblem: String?
        /// Why the keytab gave none, if that was tried.
        @NullWhenAbsent package var keytabProblem: String?
        /// How far the KDC's clock is ahead of this machine's, if that was measured.
        @NullWhenAbsent package var clockOffsetSeconds: Double?
    }

    /// How many entries are shown.
    static let entryLimit = 1000

    /// The name and version of this format.
    package let schema = "authcheck.keytab/1"
    /// Whether there is no error.
    package var result: CheckReport.Result
    /// The exit status of the process.
    package var exitStatus: Int32
    /// One sentence.
    package var verdict: String
    /// What was found, errors first.
    package var findings: [Finding]
    /// The path.
    package var keytab: String
    /// The server's principal; `nil` if the check did not get that far.
    @NullWhenAbsent package var expected: Expected?
    /// The file's owner; `nil` if unknown.
    @NullWhenAbsent package var file: File?
    /// The first thousand entries, in the file's order.
    package var entries: [Entry]
    /// How many more there are.
    package var moreEntries: Int
    /// The settings in `mongod.conf`, if one was named and can be read.
    @NullWhenAbsent package var configuration: Configuration?
    /// How the names resolve.
    @NullWhenAbsent package var names: HostNames?
    /// The result of the proof.
    package var proof: Proof

    init(_ evidence: KeytabEvidence, failsOnWarning: Bool = false) {
        keytab = Self.cut(evidence.path)
        let all = KeytabRules.findings(evidence)
        let findings = Finding.Severity.allCases.flatMap { severity in all.filter { $0.severity == severity } }
        let expected = Expected(
            principal: Self.cut(evidence.principal),
            service: Name(value: Self.cut(evidence.service.value), source: evidence.service.source.rawValue),
            host: Name(value: Self.cut(evidence.host.value), source: evidence.host.source.rawValue),
            realm: evidence.realm.map(Self.cut))
        file = evidence.ownership.map(File.init)
        var newest: [ByteText: UInt32] = [:]
        for entry in evidence.entries {
            newest[ByteText(entry.principal)] = max(newest[ByteText(entry.principal)] ?? 0, entry.keyVersion)
        }
        let realm = evidence.realm
        entries = evidence.entries.prefix(Self.entryLimit).map { entry in
            Entry(
                principal: Self.cut(entry.principal), keyVersion: entry.keyVersion,
                encryptionType: entry.encryptionType, date: entry.date.map(Self.text),
                isExpected: evidence.isOfService(entry) && isSameText(entry.realm, realm),
                isNewest: newest[ByteText(entry.principal)] == entry.keyVersion)
        }
        moreEntries = max(0, evidence.entries.count - Self.entryLimit) + (evidence.keytab?.moreEntries ?? 0)
        configuration = evidence.configuration.map { configuration in
            Configuration(
                path: Self.cut(evidence.configurationPath ?? ""),
                saslHostName: (configuration.hostName?.value).map(Self.cut),
                saslServiceName: (configuration.serviceName?.value).map(Self.cut),
                unread: configuration.unread.map { "line \($0.line): \(Self.cut($0.name))" })
        }
        names = evidence.names.map(HostNames.init)
        let proof = Proof(evidence)
        let failure = findings.lazy.compactMap(\.class).first
        result = failure == nil ? .ok : .failed
        let hasWarnings = findings.contains { $0.severity == .warning }
        exitStatus = failure?.exitStatus ?? (failsOnWarning && hasWarnings ? 3 : 0)
        verdict = Self.verdict(findings, proof, expected)
        (self.findings, self.expected, self.proof) = (findings, expected, proof)
    }

    /// A report of a check that is blocked beyond its deadline.
    package static func timedOut(path: String) -> KeytabReport {
        var evidence = KeytabEvidence(path: path, host: .init(value: "", source: .default))
        evidence.keytabTrouble = .init(
            message: "the deadline passed, and the check did not finish", isDeadline: true)
        var report = KeytabReport(evidence)
        report.expected = nil
        return report
    }

    private static func verdict(_ findings: [Finding], _ proof: Proof, _ expected: Expected) -> String {
        if let first = findings.first, first.severity == .error { return first.diagnosis.cause }
        return proof.result == .ok
            ? "the keytab is good for \(expected.principal)"
            : "the keytab has a key of \(expected.principal); whether it is the right one was not proven"
    }

    /// Text from files must not fill the screen.
    static func cut(_ text: String) -> String {
        let limit = 1024
        guard text.utf8.count > limit else { return text }
        var (length, cut) = (0, "")
        for scalar in text.unicodeScalars {
            length += UTF8.width(scalar)
            if length > limit { break }
            cut.unicodeScalars.append(scalar)
        }
        return cut + "…"
    }

    static func text(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
    }
}

extension KeytabReport.File {
    init(_ file: FileOwnership) {
        let digits = String(file.mode, radix: 8)
        self.init(
            owner: file.userName ?? "\(file.user)", group: file.groupName ?? "\(file.group)",
            mode: String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits, size: file.size,
            modified: KeytabReport.text(file.modified))
    }
}

extension KeytabReport.HostNames {
    init(_ names: KeytabEvidence.HostNames) {
        self.init(
            canonicalName: names.canonicalName.map(KeytabReport.cut),
            addresses: names.addresses.map { address in
                .init(
                    address: "\(address.address)", name: address.name.map(KeytabReport.cut),
                    problem: address.problem.map(KeytabReport.cut))
            }, moreAddresses: names.moreAddresses, problem: names.problem.map(KeytabReport.cut))
    }
}

extension KeytabReport.Proof {
    init(_ evidence: KeytabEvidence) {
        let ticket = evidence.ticket
        self.init(
            result: {
                switch evidence.proof {
                case .notMade: .skipped
                case .accepted: .ok
                case .refused: .failed
                }
            }(),
            ticketFrom: ticket?.origin.rawValue, client: (ticket?.client).map(KeytabReport.cut),
            cache: (ticket?.cache).map(KeytabReport.cut), keyVersion: ticket?.ticket.keyVersion,
            encryptionType: ticket?.ticket.encryptionType,
            cacheProblem: (evidence.cacheTrouble?.message).map(KeytabReport.cut),
            keytabProblem: (evidence.keytabTicketTrouble?.message).map(KeytabReport.cut),
            clockOffsetSeconds: evidence.clockOffset.map { $0 / .milliseconds(1) / 1000 })
    }
}
