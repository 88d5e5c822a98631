internal import Crypto
internal import SASL

/// What a client derives from a password (RFC 5802 section 3).
struct ScramKeys: Sendable {
    private let clientKey: SymmetricKey
    private let serverKey: SymmetricKey

    /// What a client needs for its own proof, and to verify the server's.
    struct Proofs {
        var clientProof: [UInt8]
        fileprivate var serverKey: SymmetricKey
    }

    /// Derives the keys. Takes time in proportion to the iterations.
    init(_ hash: ScramMechanism.Hash, password: Secret, salt: [UInt8], iterations: Int) throws(SaslError) {
        let salted = try hash.saltedPassword(password, salt: salt, iterations: iterations)
        clientKey = SymmetricKey(data: hash.code(for: Array("Client Key".utf8), using: salted))
        serverKey = SymmetricKey(data: hash.code(for: Array("Server Key".utf8), using: salted))
    }

    /// The client's proof for one exchange, and what the server's is compared with.
    func proofs(_ hash: ScramMechanism.Hash, authMessage: [UInt8]) -> Proofs {
        let signature = hash.code(for: authMessage, using: SymmetricKey(data: storedKey(hash)))
        return Proofs(
            clientProof: clientKey.withUnsafeBytes { zip($0, signature).map { $0 ^ $1 } }, serverKey: serverKey)
    }

    /// What a server stores of the client's key: it verifies a proof, but cannot make one.
    func storedKey(_ hash: ScramMechanism.Hash) -> [UInt8] {
        clientKey.withUnsafeBytes { hash.digest($0) }
    }

    /// The key of the server's proof.
    var serverKeyBytes: [UInt8] { serverKey.withUnsafeBytes { Array($0) } }

    /// Compares the server's signature with the right one, in constant time.
    static func isValid(
        signature: [UInt8], _ hash: ScramMechanism.Hash, proofs: Proofs, authMessage: [UInt8]
    ) -> Bool {
        hash.isValid(signature, for: authMessage, using: proofs.serverKey)
    }

    /// The hexadecimal MD5 of `username:mongo:password`, which MongoDB's SCRAM-SHA-1 uses as the password.
    static func mongoDBDigest(username: String, password: Secret) -> Secret {
        var hash = Insecure.MD5()
        hash.update(data: Array("\(username):mongo:".utf8))
        password.withBytes { hash.update(bufferPointer: $0) }
        let digits = Array("0123456789abcdef".utf8)
        var text = hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        defer { wipe(&text) }
        return Secret(bytes: text)
    }
}
