import Crypto
import SASLSCRAM

/// The server's side of SCRAM, written from RFC 5802 section 3 with nothing of the client's, to say exactly what a test
/// wants said.
struct ScriptedServer {
    var hash: ScramMechanism.Hash
    /// The password as it goes into the key derivation.
    var password: String
    var salt: [UInt8] = Array("0123456789abcdef".utf8)
    var iterations = 4096

    /// The server's proof for a conversation, Base64.
    func signature(clientFirstBare: String, serverFirst: String, clientFinal: String) -> String {
        let withoutProof = clientFinal.split(separator: ",").prefix(2).joined(separator: ",")
        let message = Array("\(clientFirstBare),\(serverFirst),\(withoutProof)".utf8)
        return Data64.encode(hmac(hmac(saltedPassword, "Server Key"), message))
    }

    /// Whether the client's proof is right.
    func accepts(clientFirstBare: String, serverFirst: String, clientFinal: String) -> Bool {
        let parts = clientFinal.split(separator: ",")
        let message = Array("\(clientFirstBare),\(serverFirst),\(parts.prefix(2).joined(separator: ","))".utf8)
        let clientKey = hmac(saltedPassword, "Client Key")
        let proof = zip(clientKey, hmac(digest(clientKey), message)).map { $0 ^ $1 }
        return parts.last == "p=\(Data64.encode(proof))"
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
