import Foundation
import NIOCore
import Testing

/// A line of a file in `Fixtures/Wire`.
struct Fixture: Sendable, CustomTestStringConvertible {
    let fields: [String]

    var name: String { fields[0] }
    var testDescription: String { name }

    /// The last field as bytes.
    var buffer: ByteBuffer {
        get throws {
            ByteBuffer(bytes: try #require(decodeHex(fields[fields.count - 1])))
        }
    }

    /// The cases of a file; empty if it cannot be read, which `FixtureTests` notices.
    static func load(_ file: String) -> [Fixture] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Fixtures/Wire")
        let text = try? String(contentsOf: folder.appending(path: file), encoding: .utf8)
        return (text ?? "").split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            Fixture(fields: line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) })
        }
    }
}

/// The bytes that hexadecimal digits stand for; nil if they are not hexadecimal.
func decodeHex(_ hex: String) -> [UInt8]? {
    let digits = hex.compactMap(\.hexDigitValue)
    guard digits.count == hex.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

@Suite struct FixtureTests {
    @Test(arguments: [("valid.txt", 20), ("malformed.txt", 70), ("foreign.txt", 15)])
    func isThere(file: String, minimum: Int) {
        #expect(Fixture.load(file).count >= minimum)
    }
}
