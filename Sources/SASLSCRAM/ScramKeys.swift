internal import Crypto
internal import CryptoExtras
internal import SASL

/// What is derived from a password (RFC 5802 section 3).
struct ScramKeys: Sendable {
    private let clientKey: SymmetricKey
    private let serverKey: SymmetricKey

    /// What a client needs to prove itself, and to have the server prove itself.
    struct Proofs {
        var clientProof: [UInt8]
        fileprivate var serverKey: SymmetricKey
    }

    /// Derives the keys. Takes time in proportion to the iterations.
    init(_ hash: ScramMechanism.Hash, password: Secret, salt: [UInt8], iterations: Int) throws(SaslError) {
        switch hash {
        case .sha1: self = try Self.derived(Insecure.SHA1.self, .insecureSHA1, password, salt, iterations)
        case .sha256: self = try Self.derived(SHA256.self, .sha256, password, salt, iterations)
        }
    }

    private init(clientKey: SymmetricKey, serverKey: SymmetricKey) {
        self.clientKey = clientKey
        self.serverKey = serverKey
    }

    /// The client's proof for one exchange, and what the server's is compared with.
    func proofs(_ hash: ScramMechanism.Hash, authMessage: [UInt8]) -> Proofs {
        switch hash {
        case .sha1: proofs(Insecure.SHA1.self, authMessage)
        case .sha256: proofs(SHA256.self, authMessage)
        }
    }

    /// Compares the server's signature with the right one, in constant time.
    static func isValid(
        signature: [UInt8], _ hash: ScramMechanism.Hash, proofs: Proofs, authMessage: [UInt8]
    ) -> Bool {
        switch hash {
        case .sha1:
            HMAC<Insecure.SHA1>.isValidAuthenticationCode(
                signature, authenticating: authMessage, using: proofs.serverKey)
        case .sha256:
            HMAC<SHA256>.isValidAuthenticationCode(signature, authenticating: authMessage, using: proofs.serverKey)
        }
    }

    /// The hexadecimal MD5 of `username:mongo:password`, which MongoDB's SCRAM-SHA-1 takes for the password.
    static func mongoDBDigest(username: String, password: Secret) -> Secret {
        var hash = Insecure.MD5()
        hash.update(data: Array("\(username):mongo:".utf8))
        password.withBytes { hash.update(bufferPointer: $0) }
        let digits = Array("0123456789abcdef".utf8)
        var text = hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        defer { wipe(&text) }
        return Secret(bytes: text)
    }

    private static func derived<H: HashFunction>(
        _ type: H.Type, _ function: KDF.Insecure.PBKDF2.HashFunction, _ password: Secret, _ salt: [UInt8],
        _ iterations: Int
    ) throws(SaslError) -> ScramKeys {
        // "Unchecked" is about a minimum of 210,000 iterations that RFC 5802 does not know; the caller has its own.
        let saltedPassword: SymmetricKey
        do {
            var bytes = password.withBytes { Array($0) }
            defer { wipe(&bytes) }
            saltedPassword = try KDF.Insecure.PBKDF2.deriveKey(
                from: bytes, salt: salt, using: function, outputByteCount: H.Digest.byteCount,
                unsafeUncheckedRounds: iterations)
        } catch {
            throw SaslError(.mechanismFailure, "the key could not be derived from the password", underlying: error)
        }
        func key(_ label: String) -> SymmetricKey {
            SymmetricKey(data: HMAC<H>.authenticationCode(for: Array(label.utf8), using: saltedPassword))
        }
        return ScramKeys(clientKey: key("Client Key"), serverKey: key("Server Key"))
    }

    private func proofs<H: HashFunction>(_ type: H.Type, _ authMessage: [UInt8]) -> Proofs {
        let storedKey = SymmetricKey(data: clientKey.withUnsafeBytes { Array(H.hash(data: $0)) })
        let signature = HMAC<H>.authenticationCode(for: authMessage, using: storedKey)
        let proof = clientKey.withUnsafeBytes { zip($0, signature).map { $0 ^ $1 } }
        return Proofs(clientProof: proof, serverKey: serverKey)
    }
}
