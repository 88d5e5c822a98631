import Foundation
import SASL

enum Base64Rules {
    static func check(_ input: [UInt8]) throws {
        let encoded = SaslBase64.encode(input)
        try require(encoded == Data(input).base64EncodedString(), "encodes as Foundation does")
        try require(SaslBase64.decode(encoded.utf8) == input, "what was encoded decodes")
        if let decoded = SaslBase64.decode(input) {
            try require(
                Array(SaslBase64.encode(decoded).utf8) == input, "each text of Base64 is the only one of its bytes")
            try require(Data(base64Encoded: Data(input)).map { Array($0) } == decoded, "decodes as Foundation does")
        }
    }

    static let seeds = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "+/+/", "Zh==", "Zg=", "Zm9v\n", "====", "n,,n=u,r=x"]
        .map {
            Array($0.utf8)
        }
}
