import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// The JSON of `authcheck keytab`, written independently from its contract: what programs rely on.
struct KeytabJSON: Decodable {
    struct Step: Decodable {
        var text: String
        var command: String?
    }

    struct Diagnosis: Decodable {
        var cause: String
        var culprit: String
        var steps: [Step]
    }

    struct Finding: Decodable {
        var code: String
        var severity: String
        var `class`: String?
        var diagnosis: Diagnosis
        var kerberos: CheckJSON.KerberosError?
    }

    struct Name: Decodable, Hashable {
        var value: String
        var source: String
    }

    struct Expected: Decodable {
        var principal: String
        var service: Name
        var host: Name
        var realm: String?
    }

    struct File: Decodable {
        var owner: String
        var group: String
        var mode: String
        var size: Int
        var modified: String
    }

    struct Entry: Decodable {
        var principal: String
        var keyVersion: Int
        var encryptionType: String
        var date: String?
        var isExpected: Bool
        var isNewest: Bool
    }

    struct Configuration: Decodable {
        var path: String
        var saslHostName: String?
        var saslServiceName: String?
        var unread: [String]
    }

    struct Address: Decodable {
        var address: String
        var name: String?
        var problem: String?
    }

    struct HostNames: Decodable {
        var canonicalName: String?
        var addresses: [Address]
        var moreAddresses: Int
        var problem: String?
    }

    struct Proof: Decodable {
        var result: String
        var ticketFrom: String?
        var client: String?
        var cache: String?
        var keyVersion: Int?
        var encryptionType: String?
        var cacheProblem: String?
        var keytabProblem: String?
        var clockOffsetSeconds: Double?
    }

    var schema: String
    var result: String
    var exitStatus: Int32
    var verdict: String
    var findings: [Finding]
    var keytab: String
    var expected: Expected?
    var file: File?
    var entries: [Entry]
    var moreEntries: Int
    var configuration: Configuration?
    var names: HostNames?
    var proof: Proof
}

/// The result of a run of `authcheck keytab`.
struct KeytabOutcome: CustomStringConvertible {
    var child: Child.Result
    var report: KeytabJSON

    var status: Int32 { child.status }
    var codes: [String] { report.findings.map(\.code) }
    var description: String { "\(child)" }

    func finding(_ code: String) -> KeytabJSON.Finding? { report.findings.first { $0.code == code } }

    /// The commands of a finding's steps.
    func commands(_ code: String) -> [String] { finding(code)?.diagnosis.steps.compactMap(\.command) ?? [] }
}

extension AuthCheck {
    /// Runs `authcheck keytab PATH --format json` and reads its report.
    static func keytab(
        _ path: String, _ options: [String] = [], environment: [String: String], timeout: String = "60s",
        wrapper: [String] = []
    ) async throws -> KeytabOutcome {
        let program = try BuiltExecutable.url(named: "authcheck")
        let words = wrapper + [program.path, "keytab", path, "--format", "json", "--timeout", timeout] + options
        let result = try await Child.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()), environment: environment, timeout: .seconds(120))
        do {
            let report = try JSONDecoder().decode(KeytabJSON.self, from: Data(result.stdout.utf8))
            #expect(report.schema == "authcheck.keytab/1" && report.exitStatus == result.status, "\(result)")
            return KeytabOutcome(child: result, report: report)
        } catch {
            throw TestSupportError("authcheck keytab printed no report (\(error)): \(result)")
        }
    }
}

/// A keytab's file, taken apart and put together: two bytes of a version, and records with their lengths in front.
struct KeytabRecords {
    var records: [[UInt8]]

    init(_ path: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        try #require(bytes.starts(with: [5, 2]))
        var rest = bytes.dropFirst(2)
        records = []
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            records.append(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
    }

    /// The number of a record's encryption type: it stands behind the principal, a number, a date and a version.
    static func encryptionType(_ record: [UInt8]) -> Int {
        func number(_ offset: Int) -> Int { Int(record[offset]) << 8 | Int(record[offset + 1]) }
        var offset = 2
        // The realm, and the components.
        for _ in 0...number(0) { offset += 2 + number(offset) }
        return number(offset + 4 + 4 + 1)
    }

    /// The last byte of the key: behind it there is at most a version of four bytes.
    mutating func damageKeys() {
        for index in records.indices { records[index][records[index].count - 5] ^= 1 }
    }

    func write(to path: String) throws {
        let bytes = records.reduce(into: [5, 2] as [UInt8]) { bytes, record in
            bytes += withUnsafeBytes(of: UInt32(record.count).bigEndian) { Array($0) } + record
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        chmod(path, 0o600)
    }
}
