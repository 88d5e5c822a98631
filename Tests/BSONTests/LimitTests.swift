import Foundation
import SaslBSON
import Testing

@Suite struct LimitTests {
    enum Nesting: CaseIterable {
        case documents, arrays, scopes
    }

    /// The bytes of a document with so many levels.
    private static func nested(_ levels: Int, _ nesting: Nesting) -> [UInt8] {
        // Around an inner document: a length, a type and a key, in a scope two more lengths and an empty string, a NUL.
        let overhead = nesting == .scopes ? 17 : 8
        var bytes: [UInt8] = []
        for level in 1..<levels {
            let inner = 5 + overhead * (levels - level - 1)
            bytes += littleEndian(inner + overhead)
            switch nesting {
            case .documents: bytes += [0x03, 0x61, 0]
            case .arrays: bytes += [0x04, 0x30, 0]
            case .scopes: bytes += [0x0F, 0x61, 0] + littleEndian(inner + 9) + [1, 0, 0, 0, 0]
            }
        }
        return bytes + [5, 0, 0, 0, 0] + [UInt8](repeating: 0, count: levels - 1)
    }

    private static func littleEndian(_ number: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    @Test(arguments: Nesting.allCases)
    func acceptsTwoHundredLevelsAndNoMore(_ nesting: Nesting) throws {
        let bytes = Self.nested(200, nesting)
        #expect(try BSONDocument(decoding: bytes).encoded() == bytes)
        let tooDeep = Self.nested(201, nesting)
        let error = #expect(throws: BSONError.self) { try BSONDocument(decoding: tooDeep) }
        #expect(error?.code == .nestingTooDeep)
        let perLevel = nesting == .scopes ? 16 : 7
        #expect(error?.offset == 200 * perLevel)
    }

    @Test(arguments: Nesting.allCases)
    func theLimitCanBeChanged(_ nesting: Nesting) throws {
        let bytes = Self.nested(300, nesting)
        let document = try BSONDocument(decoding: bytes, limits: BSONLimits(maximumNestingDepth: 300))
        #expect(try document.encoded(limits: BSONLimits(maximumNestingDepth: 300)) == bytes)
        let error = #expect(throws: BSONError.self) {
            try document.encoded(limits: BSONLimits(maximumNestingDepth: 299))
        }
        #expect(error?.code == .nestingTooDeep)
        #expect(throws: BSONError.self) { try document.encoded() }
    }

    @Test func oneLevelAcceptsNoNesting() throws {
        let limits = BSONLimits(maximumNestingDepth: 1)
        #expect(try BSONDocument(decoding: Self.nested(1, .documents), limits: limits).isEmpty)
        #expect(throws: BSONError.self) { try BSONDocument(decoding: Self.nested(2, .arrays), limits: limits) }
        #expect(throws: BSONError.self) {
            try BSONDocument(decoding: Self.nested(1, .documents), limits: BSONLimits(maximumNestingDepth: 0))
        }
    }

    /// Everything that is done to a decoded document, on a stack as small as a secondary thread may have.
    @Test(arguments: Nesting.allCases)
    func aSmallStackSuffices(_ nesting: Nesting) async throws {
        let bytes = Self.nested(200, nesting)
        let deeper = Self.nested(100_000, nesting)
        let isRight: Bool = await withCheckedContinuation { continuation in
            let thread = Thread {
                let document = try? BSONDocument(decoding: bytes)
                let other = try? BSONDocument(decoding: bytes)
                let areEqual = document != nil && document == other && document?.hashValue == other?.hashValue
                let isSame = (try? document?.encoded()) == bytes && document?.description.isEmpty == false
                let isRefused = (try? BSONDocument(decoding: deeper)) == nil
                continuation.resume(returning: areEqual && isSame && isRefused)
            }
            thread.stackSize = 512 * 1024
            thread.start()
        }
        #expect(isRight)
    }

    @Test func countsElementsOfAllLevels() throws {
        let document: BSONDocument = ["a": 1, "b": [1, 2], "c": ["d": nil]]
        let bytes = try document.encoded()
        #expect(try BSONDocument(decoding: bytes, limits: BSONLimits(maximumElementCount: 6)) == document)
        #expect(try document.encoded(limits: BSONLimits(maximumElementCount: 6)) == bytes)
        let decoding = #expect(throws: BSONError.self) {
            try BSONDocument(decoding: bytes, limits: BSONLimits(maximumElementCount: 5))
        }
        #expect(decoding?.code == .tooManyElements)
        #expect(decoding?.offset == bytes.count - 5)
        let encoding = #expect(throws: BSONError.self) {
            try document.encoded(limits: BSONLimits(maximumElementCount: 5))
        }
        #expect(encoding?.code == .tooManyElements)
    }

    @Test func boundsTheEncodedLength() throws {
        let document: BSONDocument = ["s": "0123456789"]
        let length = try document.encoded().count
        #expect(try document.encoded(limits: BSONLimits(maximumDocumentLength: length)).count == length)
        for limit in [length - 1, length - 2, 12, 5, 0, -1, Int.min] {
            let error = #expect(throws: BSONError.self) {
                try document.encoded(limits: BSONLimits(maximumDocumentLength: limit))
            }
            #expect(error?.code == .documentTooLarge)
        }
        let bytes = try document.encoded()
        let error = #expect(throws: BSONError.self) {
            try BSONDocument(decoding: bytes, limits: BSONLimits(maximumDocumentLength: length - 1))
        }
        #expect(error?.code == .invalidLength)
        #expect(BSONLimits(maximumDocumentLength: .max).maximumDocumentLength == Int(Int32.max))
    }

    /// Would take minutes if each key made a copy of those before it.
    @Test func manyIrregularKeysAreNotQuadratic() throws {
        let count = 100_000
        let array = BSONArray(BSONDocument((0..<count).map { (key: "k\($0)", value: .null) }))
        let document: BSONDocument = ["a": .array(array)]
        let decoded = try BSONDocument(decoding: document.encoded())
        #expect(decoded == document)
        #expect(decoded["a"]?.arrayValues?.count == count)
    }
}
