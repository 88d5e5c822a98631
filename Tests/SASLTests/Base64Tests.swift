import Foundation
import SASL
import Testing

@Suite("Base64") struct Base64Tests {
    @Test("as Foundation has it, both ways") func both() {
        var generator = SystemRandomNumberGenerator()
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Data(bytes).base64EncodedString()
            #expect(SaslBase64.encode(bytes) == text)
            #expect(SaslBase64.decode(text.utf8) == bytes)
        }
    }

    @Test(
        "nothing but canonical text",
        arguments: [
            "A", "AA", "AAA", "A===", "====", "=AAA", "A=AA", "AA=A", "AB==", "AAB=", "AA==AAAA", "AAA\n", " AAA",
            "AA-A", "AA_A",
            "AAAAA===", "é===",
        ]) func strict(_ text: String)
    {
        #expect(SaslBase64.decode(text.utf8) == nil)
    }
}
