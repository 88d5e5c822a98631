import SaslBSON
import Testing

@Suite struct BSONValueTests {
    @Test(arguments: [
        0, 0x8000_0000_0000_0000, 0x7FF8_0000_0000_0000, 0x7FF0_0000_0000_0001, 0xFFF4_0000_0000_0012,
        0x7FF0_0000_0000_0000,
        1, UInt64.max,
    ])
    func doublesKeepTheirBits(_ bits: UInt64) throws {
        let document: BSONDocument = ["d": .double(Double(bitPattern: bits))]
        guard case .double(let number)? = try BSONDocument(decoding: document.encoded())["d"] else {
            Issue.record("not a double")
            return
        }
        #expect(number.bitPattern == bits)
        #expect(BSONValue.double(number) == .double(Double(bitPattern: bits)))
        #expect(Set([BSONValue.double(number), .double(Double(bitPattern: bits))]).count == 1)
    }

    @Test func equalityIsThatOfTheBytes() {
        #expect(BSONValue.double(0.0) != .double(-0.0))
        #expect(BSONValue.double(.nan) == .double(.nan))
        #expect(BSONValue.int32(1) != .int64(1))
        #expect(BSONValue.int32(1) != .double(1))
        #expect(BSONValue.string("a") != .symbol("a"))
        #expect(BSONValue.string("a") != .javascript("a"))
        #expect(BSONValue.null != .undefined)
        #expect(BSONValue.array([]) != .document([:]))
        #expect(BSONValue.binary(BSONBinary(subtype: 0, bytes: [1])) != .binary(BSONBinary(subtype: 5, bytes: [1])))
        #expect(BSONRegex(pattern: "a", options: "im") != BSONRegex(pattern: "a", options: "mi"))
    }

    /// One value of every type; each differs from all others, and equals only itself.
    @Test func typesAreDistinct() throws {
        let bytes = try #require(Fixture.load("valid.txt").first { $0.name == "every-type" }).bytes
        let document = try BSONDocument(decoding: bytes)
        let values = document.map(\.value)
        #expect(Set(values).count == values.count)
        #expect(Set(values.map(\.typeByte)).count == 21)
        for (index, value) in values.enumerated() {
            #expect(values.firstIndex(of: value) == index)
            #expect(!value.description.isEmpty)
        }
    }

    @Test func literals() {
        #expect("a" == BSONValue.string("a"))
        #expect("\(1 + 1)" == BSONValue.string("2"))
        #expect(1 == BSONValue.int32(1))
        #expect(2_147_483_647 == BSONValue.int32(.max))
        #expect(2_147_483_648 == BSONValue.int64(2_147_483_648))
        #expect(-2_147_483_649 == BSONValue.int64(-2_147_483_649))
        #expect(1.0 == BSONValue.double(1))
        #expect(true == BSONValue.bool(true))
        #expect(nil == BSONValue.null)
        #expect([1, "a"] == BSONValue.array([1, "a"]))
        #expect(["k": 1, "k": 2] == BSONValue.document(["k": 1, "k": 2]))
    }

    @Test func accessors() {
        #expect(BSONValue.string("a").stringValue == "a")
        #expect(BSONValue.symbol("a").stringValue == nil)
        #expect(BSONValue.document(["a": 1]).documentValue == ["a": 1])
        #expect(BSONValue.array([1]).documentValue == nil)
        #expect(BSONValue.array([1]).arrayValues == [1])
        #expect(BSONValue.binary(BSONBinary(bytes: [1])).binaryValue == BSONBinary(bytes: [1]))
        #expect(BSONValue.bool(true).boolValue == true)
        #expect(BSONValue.int32(1).boolValue == nil)
    }

    @Test(arguments: [
        (BSONValue.int32(-1), Int64?(-1)), (.int64(.max), .max), (.double(2), 2), (.double(-0.0), 0),
        (.double(1.5), nil),
        (.double(.nan), nil), (.double(.infinity), nil), (.double(9.3e18), nil), (.double(-0x1p63), .min),
        (.bool(true), nil),
        (.string("1"), nil), (.decimal128(BSONDecimal128(high: 0x3040_0000_0000_0000, low: 1)), nil),
    ])
    func integers(value: BSONValue, expected: Int64?) {
        #expect(value.integerValue == expected)
    }

    @Test func doubles() {
        #expect(BSONValue.double(1.5).doubleValue == 1.5)
        #expect(BSONValue.int32(2).doubleValue == 2)
        #expect(BSONValue.int64(1 << 53).doubleValue == 0x1p53)
        #expect(BSONValue.int64((1 << 53) + 1).doubleValue == nil)
        #expect(BSONValue.bool(true).doubleValue == nil)
    }
}

@Suite struct BSONObjectIDTests {
    @Test func hexBothWays() throws {
        let id = try BSONObjectID(hex: "0123456789ABCDEF01fedcba")
        #expect(id.hex == "0123456789abcdef01fedcba")
        #expect(id.bytes == [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0xFE, 0xDC, 0xBA])
        #expect(BSONObjectID(bytes: id.bytes) == id)
        #expect(BSONObjectID(bytes: id.bytes.dropLast()) == nil)
        #expect(BSONObjectID(bytes: id.bytes + [0]) == nil)
        #expect(try id < BSONObjectID(hex: "0123456789abcdef01fedcbb"))
        let document: BSONDocument = ["_id": .objectID(id)]
        #expect(try document.encoded()[9..<21] == id.bytes[...])
        #expect(try BSONDocument(decoding: document.encoded()) == document)
    }

    @Test(arguments: [
        ("", 0), ("0123456789abcdef0123456", 23), ("0123456789abcdef012345678", 24), ("0123456789abcdef0123456g", 23),
        ("x123456789abcdef01234567", 0), ("é23456789abcdef01234567", 0), ("+123456789abcdef01234567", 0),
    ])
    func otherTextsAreRefused(text: String, offset: Int) {
        let error = #expect(throws: BSONError.self) { try BSONObjectID(hex: text) }
        #expect(error?.code == .invalidText)
        #expect(error?.offset == offset)
    }
}
