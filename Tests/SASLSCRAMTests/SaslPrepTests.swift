import Crypto
import Testing
import TextNormalization

@testable import SASLSCRAM

@Suite("SASLprep") struct SaslPrepTests {
    struct Case: Decodable, Sendable, CustomTestStringConvertible {
        var input: [UInt32]
        /// `nil` where preparation fails.
        var output: [UInt32]?

        var testDescription: String { input.map { String($0, radix: 16) }.joined(separator: " ") }
    }

    static func string(_ values: [UInt32]) -> String {
        var text = ""
        for value in values { text.unicodeScalars.append(Unicode.Scalar(value) ?? "?") }
        return text
    }

    @Test(
        "the examples of RFC 4013 section 3",
        arguments: [
            ("I\u{AD}X", "IX"), ("user", "user"), ("USER", "USER"), ("\u{AA}", "a"), ("\u{2168}", "IX"),
        ]) func examples(_ input: String, _ output: String) throws
    {
        #expect(try SaslPrep.prepare(input.utf8) == Array(output.utf8))
    }

    @Test(
        "why preparation fails",
        arguments: [
            ("\u{7}", SaslPrep.Failure.prohibited), ("a\u{200E}", .prohibited), ("\u{E000}", .prohibited),
            ("\u{E0001}", .prohibited), ("é\u{7F}", .prohibited),
            ("\u{627}1", .mixedDirections), ("1\u{627}", .mixedDirections), ("\u{627}a\u{627}", .mixedDirections),
            ("\u{221}", .unassigned), ("\u{1F600}", .unassigned), ("\u{2C00}", .unassigned),
        ]) func failures(_ input: String, _ failure: SaslPrep.Failure)
    {
        #expect(throws: failure) { try SaslPrep.prepare(input.utf8) }
    }

    @Test(
        "bytes that are not UTF-8", arguments: [[0xC3], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC0, 0x80]])
    func notUTF8(_ bytes: [UInt8]) {
        #expect(throws: SaslPrep.Failure.notUTF8) { try SaslPrep.prepare(bytes) }
    }

    @Test("what another implementation makes of these", arguments: try fixture("saslprep.json", as: [Case].self))
    func another(_ test: Case) throws {
        let prepared = try? SaslPrep.prepare(Self.string(test.input).utf8)
        #expect(prepared == test.output.map { Array(Self.string($0).utf8) })
    }

    @Test("what is prepared stays as it is") func idempotent() throws {
        let outputs = try fixture("saslprep.json", as: [Case].self).compactMap(\.output)
        #expect(outputs.count == 300)
        for output in outputs {
            let bytes = Array(Self.string(output).utf8)
            #expect(try SaslPrep.prepare(bytes) == bytes)
        }
    }

    /// The digest is that of the same text made by Python's `unicodedata.ucd_3_2_0`, with corrigendum 4 applied.
    @Test("normalization form KC of every scalar of Unicode 3.2") func everyScalar() {
        var hash = SHA256()
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), !SaslPrep.isUnassigned(scalar) else { continue }
            for result in Normalization.compatibilityComposed([scalar]) {
                hash.update(data: Array(UTF8.encode(result) ?? .init()))
            }
        }
        let digest = hash.finalize().map { String($0, radix: 16) }
        #expect(
            digest.map { $0.count == 1 ? "0" + $0 : $0 }.joined()
                == "f35cf835ae3a6a0bfb6c35a8ebcb1666814ab97ab92b02f04ee64aa21312803d")
    }

    @Test("the tables are those of RFC 3454, for every scalar") func tables() throws {
        let expected = try fixture("stringprep-tables.json", as: [String: [ClosedRangePair]].self)
        let tables: [(String, (Unicode.Scalar) -> Bool)] = [
            ("A.1", SaslPrep.isUnassigned), ("B.1", SaslPrep.mappedToNothing.contains),
            ("C.1.2", SaslPrep.nonASCIISpaces.contains), ("prohibited", SaslPrep.isProhibited),
            ("D.1", SaslPrep.rightToLeft.contains), ("D.2", SaslPrep.leftToRight.contains),
        ]
        for (name, contains) in tables {
            var found: [ClosedRangePair] = []
            for value in UInt32(0)...0x10FFFF {
                guard let scalar = Unicode.Scalar(value), contains(scalar) else { continue }
                if let last = found.last, last.last + 1 == value {
                    found[found.count - 1].last = value
                } else {
                    found.append(ClosedRangePair(first: value, last: value))
                }
            }
            #expect(found == expected[name], "\(name)")
        }
    }
}

/// `[first, last]` in JSON.
struct ClosedRangePair: Decodable, Equatable {
    var first: UInt32
    var last: UInt32

    init(first: UInt32, last: UInt32) {
        self.first = first
        self.last = last
    }

    init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        first = try container.decode(UInt32.self)
        last = try container.decode(UInt32.self)
    }
}
