import SaslBSON
import Testing

@Suite struct ValidDocumentTests {
    @Test(arguments: Fixture.load("valid.txt"))
    func reencodesToTheSameBytes(_ fixture: Fixture) throws {
        let bytes = try fixture.bytes
        let document = try BSONDocument(decoding: bytes)
        #expect(try document.encoded() == bytes)
        let again = try BSONDocument(decoding: bytes)
        #expect(document == again)
        #expect(document.hashValue == again.hashValue)
        #expect(document.description.utf8.count <= 1024 + 3)
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func decodesFromAnyCollection(_ fixture: Fixture) throws {
        let bytes = try fixture.bytes
        let document = try BSONDocument(decoding: bytes)
        #expect(try BSONDocument(decoding: ([1, 2, 3] + bytes + [4])[3..<(3 + bytes.count)]) == document)
        #expect(try BSONDocument(decoding: bytes.lazy.map { $0 }) == document)
        let fromMemory = try bytes.withUnsafeBytes { raw in try BSONDocument(decoding: raw) }
        #expect(fromMemory == document)
        let (first, consumed) = try BSONDocument.decodePrefix(of: bytes + [0xFF, 0xFF])
        #expect(first == document)
        #expect(consumed == bytes.count)
        let second = try ([9, 9] + bytes + [9]).withUnsafeBytes { raw in
            try BSONDocument.decodePrefix(of: raw, at: 2)
        }
        #expect(second.document == document)
        #expect(second.consumed == bytes.count)
    }

    @Test(arguments: Fixture.load("valid.txt"))
    func refusesEveryTruncation(_ fixture: Fixture) throws {
        let bytes = try fixture.bytes
        for count in 0..<bytes.count {
            let error = #expect(throws: BSONError.self) { try BSONDocument(decoding: bytes.prefix(count)) }
            #expect(error?.code == .truncated)
            #expect(error?.offset == count)
        }
    }

    /// A byte that is changed may make another valid document, but never one that is encoded differently.
    @Test(arguments: Fixture.load("valid.txt"))
    func survivesEveryMutation(_ fixture: Fixture) throws {
        let original = try fixture.bytes
        var outcomes = (valid: 0, refused: 0)
        for position in original.indices {
            for value in Self.mutations(of: original[position]) {
                var bytes = original
                bytes[position] = value
                do throws(BSONError) {
                    let document = try BSONDocument(decoding: bytes)
                    outcomes.valid += 1
                    let encoded = try document.encoded()
                    #expect(encoded == bytes, "byte \(position) set to \(value)")
                    _ = document.description
                } catch {
                    outcomes.refused += 1
                    #expect((0...bytes.count).contains(error.offset), "byte \(position) set to \(value)")
                }
            }
        }
        #expect(outcomes.refused > 0)
    }

    /// A length that grew or shrank takes the rest along: every pair of neighbours swapped, removed and doubled.
    @Test(arguments: Fixture.load("valid.txt"))
    func survivesShifts(_ fixture: Fixture) throws {
        let original = try fixture.bytes
        for position in original.indices {
            var removed = original
            removed.remove(at: position)
            var doubled = original
            doubled.insert(original[position], at: position)
            for bytes in [removed, doubled] {
                if let document = try? BSONDocument(decoding: bytes) {
                    #expect(try document.encoded() == bytes)
                } else {
                    #expect(throws: BSONError.self) { try BSONDocument(decoding: bytes) }
                }
            }
        }
    }

    private static func mutations(of byte: UInt8) -> Set<UInt8> {
        Set((0..<8).map { byte ^ 1 << $0 } + [0, 1, 2, 3, 4, 5, 0x0F, 0x7F, 0x80, 0xFF]).subtracting([byte])
    }
}
