import Foundation
import TestSupport
import Testing

@testable import AuthCheckKit

/// `docs/diagnosis.md` has every rule, and for each the golden outputs that produce it or the reason why there is none.
///
/// `GOLDEN=write` in the environment rewrites the first table; the second one is written by hand.
@Suite struct DiagnosisTableTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let page = root.appendingPathComponent("docs/diagnosis.md")
    private static let marks = ("<!-- rules: written by DiagnosisTableTests -->\n", "<!-- end of rules -->\n")

    /// Diagnoses without a rule.
    private static let others: [(name: String, class: FailureClass, culprit: Diagnosis.Culprit, cause: String)] = [
        ("arguments-invalid", .usage, .connectionString, "what is wrong with the arguments"),
        ("connection-string-invalid", .usage, .connectionString, "what is wrong with the connection string"),
        ("defect", .internal, .unknown, "this is a bug in authcheck"),
        ("input-without-end", .deadline, .thisMachine, "an input that is read does not end"),
        ("nobody-to-authenticate", .usage, .connectionString, "there is nothing to authenticate"),
    ]

    /// The cases of `Fixtures/Golden` in whose JSON a rule is named.
    private static func cases() throws -> [String: [String]] {
        let folder = root.appendingPathComponent("Fixtures/Golden")
        var found: [String: [String]] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        where file.hasSuffix(".json") {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            for rule in Set(text.matches(of: /"rule" : "([a-z0-9-]+)"/).map { String($0.1) }) {
                found[rule, default: []].append(String(file.dropLast(5)))
            }
        }
        return found
    }

    private static func row(
        _ name: String, _ class: FailureClass, _ culprit: Diagnosis.Culprit, _ cause: String, _ cases: [String]
    ) -> String {
        let outputs = cases.isEmpty ? "none, see below" : cases.map { "`\($0)`" }.joined(separator: ", ")
        let words = cause.replacing("|", with: "\\|")
        return
            "| `\(name)` | \(`class`.rawValue), \(`class`.exitStatus) | \(culprit.rawValue) | \(words) | \(outputs) |\n"
    }

    private static func table() throws -> String {
        let cases = try cases()
        var evidence = Evidence()
        evidence.message = "(what the error says)"
        evidence.names.defaultRealm = "REALM # comment"
        evidence.variables.serverKeytabOfUser = "KEYTAB"
        evidence.variables.unusableClientKeytab = .init(path: "KEYTAB", reason: "(why)")
        let rows =
            Rule.all.map { rule in
                row(rule.name, rule.class, rule.culprit, rule.cause(evidence), cases[rule.name] ?? [])
            } + others.map { row($0.name, $0.class, $0.culprit, $0.cause, cases[$0.name] ?? []) }
        return "| rule | class, exit status | who can fix it | cause | golden outputs |\n|---|---|---|---|---|\n"
            + rows.joined()
    }

    @Test func thePageHasEveryRule() throws {
        #expect(Self.others.map(\.name).sorted() == Diagnosis.namesWithoutRule.sorted())
        var text = try String(contentsOf: Self.page, encoding: .utf8)
        let start = try #require(text.range(of: Self.marks.0))
        let end = try #require(text.range(of: Self.marks.1))
        let table = try Self.table()
        if ProcessInfo.processInfo.environment["GOLDEN"] == "write" {
            text.replaceSubrange(start.upperBound..<end.lowerBound, with: table)
            try Data(text.utf8).write(to: Self.page, options: .atomic)
        } else {
            let old = text[start.upperBound..<end.lowerBound].split(separator: "\n")
            let new = table.split(separator: "\n")
            #expect(Array(new.difference(from: old)).isEmpty, "GOLDEN=write writes it anew")
        }
    }

    @Test func whatIsNotMadeForRealHasAReason() throws {
        let text = try String(contentsOf: Self.page, encoding: .utf8)
        let end = try #require(text.range(of: Self.marks.1))
        var reasons: [String: String] = [:]
        for row in text[end.upperBound...].matches(of: /\n\| `([a-z0-9-]+)` \| ([^|\n]+) \|/) {
            #expect(reasons.updateValue(String(row.2), forKey: String(row.1)) == nil, "\(row.1) is there twice")
        }
        let cases = try Self.cases()
        let names = Rule.all.map(\.name) + Diagnosis.namesWithoutRule
        #expect(Set(reasons.keys) == Set(names.filter { cases[$0] == nil }))
        #expect(Set(cases.keys).isSubset(of: names))
        for reason in reasons.values { #expect(reason.utf8.count > 20) }
    }
}
