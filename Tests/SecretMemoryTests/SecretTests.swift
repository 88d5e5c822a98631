import SASL
import SecretMemory
import Testing

@Suite struct SecretTests {
    private static let text = "correct horse battery staple"
    /// How the text would look as an array of bytes.
    private static let numbers = "99, 111, 114, 114, 101, 99, 116"

    @Test(arguments: [[], [0], [1, 0, 255], Array(0...255)] as [[UInt8]])
    func keepsItsBytes(_ bytes: [UInt8]) {
        let secret = Secret(bytes: bytes)
        #expect(secret.count == bytes.count)
        #expect(secret.withBytes { Array($0) } == bytes)
        let copy = secret
        #expect(copy.withBytes { Array($0) } == bytes)
    }

    @Test func takesAnyCollectionAndText() {
        #expect(Secret(bytes: [1, 2, 3, 4][1...2]).withBytes { Array($0) } == [2, 3])
        #expect(Secret("ä🔑").withBytes { Array($0) } == Array("ä🔑".utf8))
        #expect(Secret("").count == 0)
    }

    @Test func whatTheBodyThrowsComesThrough() {
        let error = SaslError(.refused, "no")
        #expect(throws: SaslError.self) { try Secret("x").withBytes { _ throws(SaslError) in throw error } }
    }

    @Test func noTextShowsIt() {
        let secret = Secret(Self.text)
        #expect(secret.description == "<redacted>")
        #expect(String(describing: secret) == "<redacted>")
        #expect(String(reflecting: secret) == "<redacted>")
        #expect("\(secret)" == "<redacted>")
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    /// Values and owners of a secret, at every stage of its use.
    private static func holders() throws -> [(name: String, value: Any)] {
        let mechanism = PlainMechanism(username: "ann", password: Secret(text))
        let sent = try mechanism.makeExchange()
        _ = try sent.step(nil)
        let poisoned = try mechanism.makeExchange()
        #expect(throws: SaslError.self) { try poisoned.step([1]) }
        return [
            ("secret", Secret(text)), ("in an array", [Secret(text)]),
            ("in an optional", Secret(text) as Secret? as Any),
            ("as a dictionary's value", ["password": Secret(text)]), ("mechanism", mechanism),
            ("exchange", try mechanism.makeExchange()), ("sent exchange", sent), ("poisoned exchange", poisoned),
        ]
    }

    @Test func noHolderShowsIt() throws {
        for (name, holder) in try Self.holders() {
            var dumped = ""
            dump(holder, to: &dumped)
            for text in [dumped, String(describing: holder), String(reflecting: holder)] {
                #expect(!text.contains("horse"), "\(name)")
                #expect(!text.contains(Self.numbers), "\(name)")
                // A dump has a line for each byte.
                #expect(!text.contains("- 104\n"), "\(name)")
            }
        }
    }

    @Test func wipingEmptiesAndLeavesCopiesAlone() {
        var bytes = Array(Self.text.utf8)
        let copy = bytes
        wipe(&bytes)
        #expect(bytes.isEmpty)
        #expect(copy == Array(Self.text.utf8))
        wipe(&bytes)
        #expect(bytes.isEmpty)
    }
}
