import SaslBSON
import Testing

@Suite struct EncodingTests {
    private static var withNUL: [BSONDocument] {
        [
            ["a\0b": 1],
            ["\0": 1],
            ["a": ["b\0": 1]],
            ["a": .array(BSONArray(["x\0": 1] as BSONDocument))],
            ["a": .regex(BSONRegex(pattern: "a\0"))],
            ["a": .regex(BSONRegex(pattern: "a", options: "\0"))],
            ["a": .javascriptWithScope(BSONJavaScriptWithScope(code: "", scope: ["\0": 1]))],
        ]
    }

    @Test(arguments: withNUL)
    func refusesNULInCStrings(_ document: BSONDocument) {
        let error = #expect(throws: BSONError.self) { try document.encoded() }
        #expect(error?.code == .embeddedNUL)
    }

    @Test func appendsToBytes() throws {
        let document: BSONDocument = ["a": 1]
        var bytes: [UInt8] = [1, 2, 3]
        try document.encode(into: &bytes)
        #expect(try bytes == [1, 2, 3] + document.encoded())
    }

    @Test(arguments: withNUL)
    func leavesBytesAsTheyWereOnError(_ document: BSONDocument) {
        var bytes: [UInt8] = [1, 2, 3]
        #expect(throws: BSONError.self) { try document.encode(into: &bytes) }
        #expect(bytes == [1, 2, 3])
    }

    @Test func offsetsOfErrorsCountFromTheDocument() {
        let document: BSONDocument = ["ok": true, "a\0": 1]
        var bytes: [UInt8] = [1, 2, 3]
        let error = #expect(throws: BSONError.self) { try document.encode(into: &bytes) }
        // 4 for the length, 5 for the first element, 1 for the type of the second.
        #expect(error?.offset == 10)
    }

    @Test func writesTheTypesByHand() throws {
        let id = try BSONObjectID(hex: "0123456789abcdef01234567")
        let document: BSONDocument = [
            "p": .dbPointer(BSONDBPointer(namespace: "a", id: id)),
            "t": .timestamp(BSONTimestamp(seconds: 1, increment: 2)),
            "b": .binary(BSONBinary(subtype: 2, bytes: [0xAA])),
            "c": .javascriptWithScope(BSONJavaScriptWithScope(code: "f", scope: [:])),
        ]
        let expected: [UInt8] =
            [0x0C, 0x70, 0, 2, 0, 0, 0, 0x61, 0]
            + [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0x01, 0x23, 0x45, 0x67]
            + [0x11, 0x74, 0, 2, 0, 0, 0, 1, 0, 0, 0]
            + [0x05, 0x62, 0, 5, 0, 0, 0, 2, 1, 0, 0, 0, 0xAA]
            + [0x0F, 0x63, 0, 15, 0, 0, 0, 2, 0, 0, 0, 0x66, 0, 5, 0, 0, 0, 0]
        #expect(try document.encoded() == [UInt8(expected.count + 5), 0, 0, 0] + expected + [0])
        #expect(try BSONDocument(decoding: document.encoded()) == document)
    }

    @Test func isQuickForLargeDocuments() throws {
        let payload = [UInt8](repeating: 0xAB, count: 1 << 20)
        let document: BSONDocument = ["payload": .binary(BSONBinary(bytes: payload)), "n": 1]
        let decoded = try BSONDocument(decoding: document.encoded())
        #expect(decoded["payload"]?.binaryValue?.bytes == payload)
        #expect(decoded["n"] == 1)
    }
}
