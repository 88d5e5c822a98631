internal import Crypto
public import SASL

/// What a server stores of a user's password (RFC 5802 section 3): it can verify a client's proof, but not make one.
public struct ScramStoredKeys: Sendable, Hashable {
    /// The salt, 16 random bytes or more.
    public var salt: [UInt8]
    /// The iteration count.
    public var iterations: Int
    /// H(ClientKey).
    public var storedKey: Secret
    /// The key of the server's proof. Anyone who has it can impersonate the server.
    public var serverKey: Secret

    /// Creates keys from stored values.
    public init(salt: [UInt8], iterations: Int, storedKey: Secret, serverKey: Secret) {
        self.salt = salt
        self.iterations = iterations
        self.storedKey = storedKey
        self.serverKey = serverKey
    }

    /// Derives the keys of a password. Takes time in proportion to the iterations.
    ///
    /// - Parameters:
    ///   - hash: SCRAM-SHA-1 or SCRAM-SHA-256.
    ///   - username: Part of MongoDB's digest; otherwise ignored.
    ///   - password: Its bytes, UTF-8, before any preparation.
    ///   - preparation: How the password is prepared; the client's must be the same.
    ///   - salt: The default is 16 random bytes.
    ///   - iterations: RFC 7677 section 4 asks for 4096 at least.
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for a password that cannot be prepared, and for less
    ///   than one iteration.
    public init(
        _ hash: ScramMechanism.Hash, username: String, password: Secret,
        preparation: ScramMechanism.PasswordPreparation = .saslPrep, salt: [UInt8] = Self.randomSalt(),
        iterations: Int = 15_000
    ) throws(SaslError) {
        guard (1...Int(Int32.max)).contains(iterations), !salt.isEmpty else {
            throw SaslError(.invalidConfiguration, "SCRAM takes a salt, and from 1 to \(Int32.max) iterations")
        }
        let keys = try ScramKeys(
            hash, password: try preparation.prepared(password, of: username), salt: salt, iterations: iterations)
        self.init(
            salt: salt, iterations: iterations, storedKey: Secret(bytes: keys.storedKey(hash)),
            serverKey: Secret(bytes: keys.serverKeyBytes))
    }

    /// The system's random numbers.
    ///
    /// - Parameter count: How many bytes. MongoDB uses 16 for SHA-1 and 28 for SHA-256, and libmongoc accepts no
    ///   others.
    public static func randomSalt(count: Int = 16) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// Whether a client's proof was made with the password's key. Compares in constant time.
    func accept(proof: [UInt8], _ hash: ScramMechanism.Hash, authMessage: [UInt8]) -> Bool {
        let signature = storedKey.withBytes { hash.code(for: authMessage, using: SymmetricKey(data: $0)) }
        guard proof.count == signature.count else { return false }
        return Secret(bytes: hash.digest(zip(proof, signature).map { $0 ^ $1 })) == storedKey
    }

    /// The server's proof.
    func signature(_ hash: ScramMechanism.Hash, authMessage: [UInt8]) -> [UInt8] {
        serverKey.withBytes { hash.code(for: authMessage, using: SymmetricKey(data: $0)) }
    }
}
