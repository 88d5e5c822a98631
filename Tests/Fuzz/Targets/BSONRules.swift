import SaslBSON

enum BSONRules {
    static func check(_ input: [UInt8]) throws {
        let document: BSONDocument
        do throws(BSONError) {
            document = try BSONDocument(decoding: input)
        } catch {
            try require((0...input.count).contains(error.offset), "\(error) is at a place in the input")
            try checkPrefix(of: input)
            return
        }
        try check(document, encodedAs: input)
        _ = document.description
        for (_, value) in document {
            guard case .decimal128(let number) = value else { continue }
            try require(
                (try? BSONDecimal128(number.description))?.description == number.description, "\(number) as text")
        }
        // One element less than there are is one too few.
        let count = elementCount(document)
        try require(
            (try? BSONDocument(decoding: input, limits: BSONLimits(maximumElementCount: count))) == document,
            "a limit of \(count) elements suffices")
        try require(
            count == 0
                || (try? BSONDocument(decoding: input, limits: BSONLimits(maximumElementCount: count - 1))) == nil,
            "a limit of \(count - 1) elements does not")
    }

    /// What decodes encodes to the same bytes.
    static func check(_ document: BSONDocument, encodedAs input: [UInt8]) throws {
        try require(try document.encoded() == input, "encodes to the same bytes")
        let again = try BSONDocument(decoding: input[...])
        try require(again == document && again.hashValue == document.hashValue, "equal when it is decoded again")
    }

    private static func checkPrefix(of input: [UInt8]) throws {
        guard let (document, consumed) = try? BSONDocument.decodePrefix(of: input) else { return }
        try require((5..<input.count).contains(consumed), "a document with something behind it")
        try check(document, encodedAs: Array(input.prefix(consumed)))
    }

    private static func elementCount(_ document: BSONDocument) -> Int {
        var count = 0
        var pending = [BSONValue.document(document)]
        while let value = pending.popLast() {
            let children: [BSONValue] =
                switch value {
                case .document(let document): document.map(\.value)
                case .array(let array): Array(array)
                case .javascriptWithScope(let code): code.scope.map(\.value)
                default: []
                }
            count += children.count
            pending += children
        }
        return count
    }

    static func seeds() throws -> [[UInt8]] {
        try Fixtures.bytes("BSON/valid.txt") + Fixtures.bytes("BSON/malformed.txt")
    }
}
