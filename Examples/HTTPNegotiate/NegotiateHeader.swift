import NIOHTTP1
import SASL

/// The token of the scheme Negotiate in a header (RFC 4559 section 4): `Negotiate`, a blank, and Base64.
enum NegotiateHeader {
    static func text(_ token: [UInt8]?) -> String {
        token.map { "Negotiate \(SaslBase64.encode($0))" } ?? "Negotiate"
    }

    /// - Returns: `nil` if no header has the scheme; an empty token if the scheme has no token.
    static func token(in headers: HTTPHeaders, _ name: String) -> [UInt8]? {
        for value in headers[name] {
            let words = value.split(separator: " ")
            guard let first = words.first, words.count <= 2, first.lowercased() == "negotiate" else { continue }
            return words.count == 2 ? SaslBase64.decode(words[1].utf8) : []
        }
        return nil
    }
}
