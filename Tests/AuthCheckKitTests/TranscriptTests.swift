import Foundation
import Testing

/// The transcripts of the README are golden outputs. `GOLDEN=write` in the environment rewrites them.
@Suite struct TranscriptTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private struct Report: Decodable {
        var uri: String
    }

    private static func transcript(_ name: String) throws -> String {
        let folder = root.appendingPathComponent("Fixtures/Golden")
        let text = try String(contentsOf: folder.appendingPathComponent("\(name).txt"), encoding: .utf8)
        let json = try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
        let uri = try JSONDecoder().decode(Report.self, from: json).uri
        return "$ authcheck '\(uri)'\n\(text)"
    }

    @Test func theREADMEShowsGoldenOutputs() throws {
        let file = Self.root.appendingPathComponent("README.md")
        let old = try String(contentsOf: file, encoding: .utf8)
        let block = /<!-- golden: ([a-z~-]+) -->\n```console\n([\s\S]*?)```/
        #expect(old.matches(of: block).count == 4)
        let new = try old.replacing(block) { match in
            "<!-- golden: \(match.1) -->\n```console\n\(try Self.transcript(String(match.1)))```"
        }
        if ProcessInfo.processInfo.environment["GOLDEN"] == "write" {
            try Data(new.utf8).write(to: file, options: .atomic)
        } else {
            for (line, golden) in zip(old.split(separator: "\n"), new.split(separator: "\n")) {
                try #require(line == golden, "GOLDEN=write writes it anew")
            }
            #expect(old == new)
        }
    }
}
