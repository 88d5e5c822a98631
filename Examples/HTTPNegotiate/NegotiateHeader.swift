import ExampleSupport
import NIOHTTP1

/// The token of the scheme Negotiate in a header (RFC 4559 section 4): `Negotiate`, a blank, and base64.
enum NegotiateHeader {
    static let scheme = "Negotiate"

    static func text(_ token: [UInt8]?) -> String {
        guard let token else { return scheme }
        return "\(scheme) \(Base64.encode(token))"
    }

    /// - Returns: `nil` where no header has the scheme; an empty token where one has nothing else.
    static func token(in headers: HTTPHeaders, _ name: String) -> [UInt8]? {
        for value in headers[name] {
            let words = value.split(separator: " ")
            guard let first = words.first, words.count <= 2, first.lowercased() == scheme.lowercased() else { continue }
            guard words.count == 2 else { return [] }
            return Base64.decode(words[1])
        }
        return nil
    }
}
