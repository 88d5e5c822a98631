internal import Crypto
internal import CryptoExtras
internal import SASL

/// The arithmetic of RFC 5802 section 3.
enum ScramKeys {
    /// What a client needs to prove itself, and to have the server prove itself.
    struct Proofs {
        var clientProof: [UInt8]
        fileprivate var serverKey: SymmetricKey
    }

    /// Derives the client's proof and the server's key. Takes time in proportion to the iterations.
    static func proofs(
        _ hash: ScramMechanism.Hash, password: Secret, salt: [UInt8], iterations: Int, authMessage: [UInt8]
    ) throws(SaslError) -> Proofs {
        switch hash {
        case .sha1: try proofs(Insecure.SHA1.self, .insecureSHA1, password, salt, iterations, authMessage)
        case .sha256: try proofs(SHA256.self, .sha256, password, salt, iterations, authMessage)
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

    private static func proofs<H: HashFunction>(
        _ type: H.Type, _ function: KDF.Insecure.PBKDF2.HashFunction, _ password: Secret, _ salt: [UInt8],
        _ iterations: Int, _ authMessage: [UInt8]
    ) throws(SaslError) -> Proofs {
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
        var clientKey = Array(HMAC<H>.authenticationCode(for: Array("Client Key".utf8), using: saltedPassword))
        defer { wipe(&clientKey) }
        let storedKey = SymmetricKey(data: Array(H.hash(data: clientKey)))
        let clientSignature = HMAC<H>.authenticationCode(for: authMessage, using: storedKey)
        let serverKey = HMAC<H>.authenticationCode(for: Array("Server Key".utf8), using: saltedPassword)
        return Proofs(
            clientProof: zip(clientKey, clientSignature).map { $0 ^ $1 }, serverKey: SymmetricKey(data: serverKey))
    }
}
