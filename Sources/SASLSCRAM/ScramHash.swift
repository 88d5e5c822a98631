internal import Crypto
internal import CryptoExtras
internal import SASL

/// What SCRAM needs of a hash function (RFC 5802 section 2.2).
extension ScramMechanism.Hash {
    /// H()
    func digest(_ bytes: some Collection<UInt8>) -> [UInt8] {
        switch self {
        case .sha1: Array(Insecure.SHA1.hash(data: Array(bytes)))
        case .sha256: Array(SHA256.hash(data: Array(bytes)))
        }
    }

    /// HMAC()
    func code(for message: [UInt8], using key: SymmetricKey) -> [UInt8] {
        switch self {
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: message, using: key))
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
        }
    }

    /// Compares in constant time.
    func isValid(_ code: [UInt8], for message: [UInt8], using key: SymmetricKey) -> Bool {
        switch self {
        case .sha1: HMAC<Insecure.SHA1>.isValidAuthenticationCode(code, authenticating: message, using: key)
        case .sha256: HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: message, using: key)
        }
    }

    /// Hi(). Takes time in proportion to the iterations.
    func saltedPassword(_ password: Secret, salt: [UInt8], iterations: Int) throws(SaslError) -> SymmetricKey {
        var bytes = password.withBytes { Array($0) }
        defer { wipe(&bytes) }
        do {
            // "Unchecked" is about a minimum of 210,000 iterations that RFC 5802 does not know; the caller has its own.
            return try KDF.Insecure.PBKDF2.deriveKey(
                from: bytes, salt: salt, using: self == .sha1 ? .insecureSHA1 : .sha256, outputByteCount: byteCount,
                unsafeUncheckedRounds: iterations)
        } catch {
            throw SaslError(
                .mechanismFailure, "the key could not be derived from the password: \(error)", underlying: error)
        }
    }

    /// The length of what the function gives.
    var byteCount: Int { self == .sha1 ? Insecure.SHA1.byteCount : SHA256.byteCount }
}
