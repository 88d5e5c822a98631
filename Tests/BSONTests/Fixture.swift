import Foundation
import Testing

/// A line of a file in `Fixtures/BSON`.
struct Fixture: Sendable, CustomTestStringConvertible {
    let fields: [String]

    var name: String { fields[0] }
    var testDescription: String { name }

    /// The last field as bytes.
    var bytes: [UInt8] {
        get throws {
            try #require(decodeHex(fields[fields.count - 1]))
        }
    }

    /// The cases of a file; empty if it cannot be read, which `FixtureTests` notices.
    static func load(_ file: String) -> [Fixture] {
        lines(file).map { line in
            Fixture(fields: line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) })
        }
    }

    /// The lines of a file that are not comments.
    static func lines(_ file: String) -> [String] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/BSON")
        let text = try? String(contentsOf: folder.appending(path: file), encoding: .utf8)
        return (text ?? "").split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }
}

/// The bytes that hexadecimal digits stand for; nil if they are not hexadecimal.
func decodeHex(_ hex: String) -> [UInt8]? {
    let digits = hex.compactMap(\.hexDigitValue)
    guard digits.count == hex.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

@Suite struct FixtureTests {
    @Test(arguments: [
        ("valid.txt", 50), ("malformed.txt", 70), ("decimal128.txt", 60), ("decimal128-bytes.txt", 9),
        ("decimal128-invalid.txt", 35),
    ])
    func isThere(file: String, minimum: Int) {
        #expect(Fixture.lines(file).count >= minimum)
    }
}
