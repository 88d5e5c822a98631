import SaslBSON
import Testing

@Suite struct BSONDecimal128Tests {
    @Test(arguments: Fixture.load("decimal128.txt"))
    func textBothWays(_ fixture: Fixture) throws {
        let number = try BSONDecimal128(fixture.fields[0])
        #expect(try number.bytes == fixture.bytes)
        #expect(number.description == fixture.fields[1])
        #expect(try BSONDecimal128(bytes: fixture.bytes) == number)
        if !number.isNaN {
            #expect(try BSONDecimal128(number.description) == number)
        }
    }

    @Test(arguments: Fixture.load("decimal128-bytes.txt"))
    func otherEncodingsAreWrittenAndKept(_ fixture: Fixture) throws {
        let bytes = try fixture.bytes
        let number = try #require(BSONDecimal128(bytes: bytes))
        #expect(number.description == fixture.fields[1])
        #expect(number.bytes == bytes)
    }

    @Test(arguments: Fixture.lines("decimal128-invalid.txt"))
    func otherTextsAreRefused(_ line: String) throws {
        let text = String(line.dropFirst().dropLast())
        #expect(line == "\"\(text)\"")
        let error = #expect(throws: BSONError.self) { try BSONDecimal128(text) }
        #expect(error?.code == .invalidText)
    }

    @Test func longTextsAreReadInOneGo() throws {
        let zeros = String(repeating: "0", count: 200_000)
        #expect(try BSONDecimal128(zeros + "1").description == "1")
        #expect(try BSONDecimal128("0." + zeros + "1E+200001").description == "1")
        #expect(try BSONDecimal128("1" + zeros + "E-200000").description == "1.000000000000000000000000000000000")
        #expect(throws: BSONError.self) { try BSONDecimal128("1" + zeros + "1") }
        #expect(throws: BSONError.self) { try BSONDecimal128("1E" + String(repeating: "9", count: 200_000)) }
        #expect(try BSONDecimal128("0E" + String(repeating: "9", count: 200_000)).description == "0E+6111")
    }

    @Test func classes() throws {
        #expect(BSONDecimal128.nan.isNaN)
        #expect(!BSONDecimal128.nan.isInfinite)
        #expect(BSONDecimal128.infinity.isInfinite)
        #expect(try BSONDecimal128("-Infinity").isNegative)
        #expect(try BSONDecimal128("-0").isNegative)
        #expect(try BSONDecimal128("1.0") != BSONDecimal128("1.00"))
        #expect(BSONDecimal128(bytes: [1, 2, 3]) == nil)
    }

    /// Every exponent with several coefficients: text and bits are each other's inverse.
    @Test func everyExponent() throws {
        for exponent in stride(from: -6176, through: 6111, by: 7) {
            for coefficient in [UInt64(0), 1, 10, 123_456_789, .max] {
                let high = UInt64(exponent + 6176) << 49
                let number = BSONDecimal128(high: high, low: coefficient)
                #expect(try BSONDecimal128(number.description) == number)
            }
        }
    }
}
