import SaslBSON
import Testing

@Suite struct BSONDocumentTests {
    @Test func keepsOrderAndDuplicates() {
        let document: BSONDocument = ["b": 1, "a": 2, "b": 3]
        #expect(document.keys == ["b", "a", "b"])
        #expect(document["b"] == 1)
        #expect(document.map(\.value) == [1, 2, 3])
        #expect(document.count == 3)
        #expect(document[2].key == "b")
    }

    @Test func settingReplacesTheFirstOrAppends() {
        var document: BSONDocument = ["b": 1, "a": 2, "b": 3]
        document["b"] = 4
        document["c"] = "x"
        #expect(document == ["b": 4, "a": 2, "b": 3, "c": "x"])
        document.append("a", 5)
        #expect(document.keys == ["b", "a", "b", "c", "a"])
    }

    @Test func settingNilRemovesAllAndNullIsAValue() {
        var document: BSONDocument = ["b": 1, "a": 2, "b": 3]
        document["b"] = nil
        #expect(document == ["a": 2])
        document["a"] = .null
        #expect(document == ["a": nil])
        #expect(document["a"] == .null)
        #expect(document["missing"] == nil)
    }

    @Test func keysAreComparedByBytes() {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        #expect(composed == decomposed)
        var document: BSONDocument = [composed: 1]
        #expect(document[decomposed] == nil)
        document[decomposed] = 2
        #expect(document.count == 2)
        #expect(document[composed] == 1)
        #expect([composed: 1] as BSONDocument != [decomposed: 1])
        #expect(BSONValue.string(composed) != .string(decomposed))
    }

    @Test func orderMattersForEquality() {
        #expect(["a": 1, "b": 2] as BSONDocument != ["b": 2, "a": 1])
        #expect(["a": 1] as BSONDocument != ["a": 1, "a": 1])
        #expect(Set<BSONDocument>([["a": [1, ["b": 2.0]]], ["a": [1, ["b": 2.0]]], [:]]).count == 2)
    }

    @Test func descriptionIsLikeJSON() throws {
        let document: BSONDocument = [
            "hello": 1, "big": 5_000_000_000, "d": 1.5, "s": "a\"\n\u{202E}", "b": .binary(BSONBinary(bytes: [1, 2])),
            "n": nil, "a": [true, ["x": .minKey]],
        ]
        #expect(
            document.description
                == #"{"hello": 1, "big": Int64(5000000000), "d": 1.5, "s": "a\"\n\u{202E}", "b": Binary(0, 2 bytes), "#
                + #""n": null, "a": [true, {"x": MinKey}]}"#)
    }

    @Test func descriptionIsBounded() {
        var deep: BSONDocument = [:]
        for _ in 0..<100 {
            deep = ["d": .document(deep), "a": [.document(deep)]]
        }
        #expect(deep.description.utf8.count <= 1027)
        let wide = BSONDocument((0..<10_000).map { (key: "k\($0)", value: .int32($0)) })
        #expect(wide.description.utf8.count <= 1027)
        #expect(wide.description.hasSuffix("…"))
        let long: BSONDocument = ["s": .string(String(repeating: "x", count: 100_000)), "t": 1]
        #expect(long.description.hasSuffix("…\", \"t\": 1}"))
    }

    @Test func binariesAreNotShown() {
        let secret = BSONBinary(bytes: Array("hunter2".utf8))
        let document: BSONDocument = ["payload": .binary(secret)]
        var dumped = ""
        dump(document, to: &dumped)
        for text in [document.description, "\(secret)", String(reflecting: document), dumped] {
            #expect(!text.contains("hunter2"))
            #expect(!text.contains("104"))
            #expect(!text.isEmpty)
        }
    }
}

@Suite struct BSONArrayTests {
    @Test func regularKeysAreNotKept() {
        let array = BSONArray((0..<120).map { BSONValue.int32($0) })
        #expect(array.irregularKeys == nil)
        #expect(BSONArray(array.document) == array)
        #expect(BSONArray(array.document).irregularKeys == nil)
        #expect(array.document.keys == (0..<120).map { String($0) })
    }

    @Test(arguments: ["", "00", "+0", "1", "0 ", "a", "٠"])
    func otherKeysAre(key: String) throws {
        let irregular = BSONArray([key: "x"] as BSONDocument)
        #expect(irregular.irregularKeys == [key])
        #expect(irregular != ["x"])
        #expect(irregular.values == ["x"])
        let document: BSONDocument = ["a": .array(irregular)]
        let decoded = try BSONDocument(decoding: document.encoded())
        #expect(decoded == document)
        #expect(decoded["a"]?.arrayValues == ["x"])
    }

    @Test func appendingKeepsTheKeysThatThereAre() {
        var array = BSONArray(["x": 1] as BSONDocument)
        array.append(2)
        #expect(array.irregularKeys == ["x", "1"])
        #expect(array.document == ["x": 1, "1": 2])
        var regular: BSONArray = [1]
        regular.append(2)
        #expect(regular == [1, 2])
        #expect(Array(regular) == [1, 2])
    }
}
