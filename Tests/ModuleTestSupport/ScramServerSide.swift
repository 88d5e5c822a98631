import Crypto
import Foundation

/// The server's side of SCRAM, written from RFC 5802 section 3 with nothing of the modules, to say exactly what a test
/// wants said.
package struct ScramServerSide {
    package enum Hash: String, Sendable {
        case sha1 = "SCRAM-SHA-1"
        case sha256 = "SCRAM-SHA-256"
    }

    package let hash: Hash
    /// The password as it goes into the key derivation.
    package let password: String
    package let salt: [UInt8]
    package let iterations: Int

    package init(
        _ hash: Hash, password: String, salt: [UInt8] = Array("0123456789abcdef".utf8), iterations: Int = 4096
    ) {
        (self.hash, self.password, self.salt, self.iterations) = (hash, password, salt, iterations)
    }

    /// The first message, with a nonce that has `suffix` behind the client's.
    package func first(clientFirstBare: String, nonceSuffix: String = "server", extensions: String = "") -> String {
        let nonce = clientFirstBare.split(separator: ",").last?.dropFirst(2) ?? ""
        return "r=\(nonce)\(nonceSuffix),s=\(Data(salt).base64EncodedString()),i=\(iterations)\(extensions)"
    }

    /// The server's proof for a conversation, Base64.
    package func signature(clientFirstBare: String, serverFirst: String, clientFinal: String) -> String {
        let message = Self.authMessage(clientFirstBare, serverFirst, clientFinal)
        return Data(hmac(hmac(saltedPassword, "Server Key"), message)).base64EncodedString()
    }

    /// Whether the client's proof is right.
    package func accepts(clientFirstBare: String, serverFirst: String, clientFinal: String) -> Bool {
        let message = Self.authMessage(clientFirstBare, serverFirst, clientFinal)
        let clientKey = hmac(saltedPassword, "Client Key")
        let proof = zip(clientKey, hmac(digest(clientKey), message)).map { $0 ^ $1 }
        return clientFinal.split(separator: ",").last == "p=\(Data(proof).base64EncodedString())"
    }

    private static func authMessage(_ clientFirstBare: String, _ serverFirst: String, _ clientFinal: String) -> [UInt8]
    {
        let withoutProof = clientFinal.split(separator: ",").prefix(2).joined(separator: ",")
        return Array("\(clientFirstBare),\(serverFirst),\(withoutProof)".utf8)
    }

    /// Hi() of section 2.2: one block is enough, as a key is as long as the hash.
    private var saltedPassword: [UInt8] {
        let key = Array(password.utf8)
        var round = hmac(key, salt + [0, 0, 0, 1])
        var result = round
        for _ in 1..<iterations {
            round = hmac(key, round)
            for index in result.indices { result[index] ^= round[index] }
        }
        return result
    }

    private func hmac(_ key: [UInt8], _ text: String) -> [UInt8] { hmac(key, Array(text.utf8)) }

    private func hmac(_ key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        switch hash {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: SymmetricKey(data: key)))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
        }
    }

    private func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch hash {
        case .sha1: Array(Insecure.SHA1.hash(data: bytes))
        case .sha256: Array(SHA256.hash(data: bytes))
        }
    }
}
