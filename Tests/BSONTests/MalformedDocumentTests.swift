import SaslBSON
import Testing

@Suite struct MalformedDocumentTests {
    @Test(arguments: Fixture.load("malformed.txt"))
    func isRefusedWithCodeAndOffset(_ fixture: Fixture) throws {
        let bytes = try fixture.bytes
        let error = #expect(throws: BSONError.self) { try BSONDocument(decoding: bytes) }
        #expect(error?.code.description == fixture.fields[1])
        #expect(error?.offset == Int(fixture.fields[2]))
        #expect(error?.message.isEmpty == false)
    }

    /// In a larger buffer the offsets count from the buffer's start, and what follows does not help.
    @Test(arguments: Fixture.load("malformed.txt"))
    func offsetsAreThoseOfTheBuffer(_ fixture: Fixture) throws {
        guard fixture.fields[1] != "trailing-bytes" else { return }
        let bytes = [7, 7, 7] + (try fixture.bytes)
        let error = bytes.withUnsafeBytes { raw in
            #expect(throws: BSONError.self) { try BSONDocument.decodePrefix(of: raw, at: 3) }
        }
        #expect(error?.code.description == fixture.fields[1])
        #expect(error?.offset == Int(fixture.fields[2]).map { $0 + 3 })
    }

    @Test(arguments: [-1, 6, Int.max, Int.min])
    func refusesAStartOutsideTheBuffer(offset: Int) {
        let bytes: [UInt8] = [5, 0, 0, 0, 0]
        let error = bytes.withUnsafeBytes { raw in
            #expect(throws: BSONError.self) { try BSONDocument.decodePrefix(of: raw, at: offset) }
        }
        #expect(error?.code == .truncated)
    }

    @Test func anEmptyBufferIsTruncated() {
        let error = #expect(throws: BSONError.self) {
            try BSONDocument(decoding: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        #expect(error == BSONError(.truncated, error?.message ?? "", offset: 0))
    }

    @Test func everyTypeByteIsEitherKnownOrRefused() throws {
        let known = Set([0x7F, 0xFF] + Array(UInt8(0x01)...0x13))
        for type in UInt8(1)...0xFF {
            let bytes: [UInt8] = [7, 0, 0, 0, type, 0, 0]
            do {
                _ = try BSONDocument(decoding: bytes)
                #expect([0x06, 0x0A, 0x7F, 0xFF].contains(type))
            } catch {
                #expect((error.code == .unknownType) == !known.contains(type))
            }
        }
    }

    @Test func messagesDoNotShowValues() throws {
        let document: BSONDocument = ["payload": "hunter2"]
        var bytes = try document.encoded()
        bytes[bytes.count - 4] = 0xFF
        let error = #expect(throws: BSONError.self) { try BSONDocument(decoding: bytes) }
        #expect(error?.code == .invalidUTF8)
        #expect(error?.description.contains("hunter") == false)
    }
}
