import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// What `authcheck` prints, word by word: text at 80 and at 120 columns, and JSON, for every failure that can really be
/// produced.
///
/// `GOLDEN=write` in the environment rewrites the files of `Fixtures/Golden`. KDCs other than MIT's have other
/// messages, and one in a container cannot be reached from a separate network.
@Suite(
    .enabled(
        if: !KerberosRealm.Backend.isContainerChosen && !KerberosRealm.Backend.isSambaChosen,
        "the texts are those with MIT's KDC beside the tests"))
struct GoldenTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/Golden")
    private static let isWriting = ProcessInfo.processInfo.environment["GOLDEN"] == "write"

    static let cases =
        GoldenCase.successes + GoldenCase.credentials + GoldenCase.caches + GoldenCase.clocks
        + GoldenCase.configurations
        + GoldenCase.kdcs + GoldenCase.kdcErrors + GoldenCase.names + GoldenCase.connections + GoldenCase.encryption
        + GoldenCase.conversations + GoldenCase.refusals + GoldenCase.commands

    @Test(arguments: cases)
    func theOutputIs(_ test: GoldenCase) async throws {
        let world = try await GoldenWorld.shared
        let program = try BuiltExecutable.url(named: "authcheck").path
        let words = try test.wrapper.words() + [program] + test.arguments
        func output(_ arguments: [String], columns: Int) async throws -> Child.Result {
            try await world.run(
                words + arguments, variables: test.variables.merging(["COLUMNS": "\(columns)"]) { $1 },
                input: test.input)
        }
        async let narrow = output([], columns: 80)
        async let wide = output([], columns: 120)
        let json = try await output(["--format", "json"], columns: 80)

        try JSONSchema(test.schema).check(json.stdout)
        if let rule = test.rule { #expect(json.stdout.contains("\"rule\" : \"\(rule)\""), "\(json)") }
        #expect(
            json.stdout.contains("\"exitStatus\" : \(json.status)") || test.schema == "authcheck.explain", "\(json)")
        for (result, suffix) in [(try await narrow, "txt"), (try await wide, "120.txt")] {
            #expect(result.status == json.status, "\(result)")
            // Of wrong arguments the text is on standard error.
            let text = result.stdout.isEmpty ? result.stderr : result.stdout
            try compare(GoldenFilter.text(text), with: "\(test.name).\(suffix)")
        }
        try compare(GoldenFilter.json(json.stdout), with: "\(test.name).json")
    }

    @Test func everyFileBelongsToACase() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0 != "README.md" }
        let expected = Self.cases.flatMap { test in ["txt", "120.txt", "json"].map { "\(test.name).\($0)" } }
        #expect(Set(expected).count == expected.count)
        if Self.isWriting {
            for name in Set(names).subtracting(expected) {
                try FileManager.default.removeItem(at: Self.folder.appendingPathComponent(name))
            }
        } else {
            #expect(Set(names).symmetricDifference(expected) == [])
        }
    }

    private func compare(
        _ text: String, with name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let file = Self.folder.appendingPathComponent(name)
        guard !Self.isWriting else {
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file, options: .atomic)
            return
        }
        let golden = try String(contentsOf: file, encoding: .utf8)
        guard golden != text else { return }
        let (old, new) = (golden.split(separator: "\n"), text.split(separator: "\n"))
        let changes = new.difference(from: old).map { change in
            switch change {
            case .remove(let line, let text, _): "-\(line + 1): \(text)"
            case .insert(let line, let text, _): "+\(line + 1): \(text)"
            }
        }
        Issue.record(
            "\(name) is another one (GOLDEN=write writes it anew):\n\(changes.joined(separator: "\n"))",
            sourceLocation: sourceLocation)
    }
}
