internal import Crypto
internal import SASL
internal import Synchronization

/// Keeps the keys that were derived from passwords, so that the iterations of a server are paid for once and not for each
/// connection (MongoDB's driver authentication specification, "SCRAM: Caching Credentials").
///
/// A password is known by a keyed digest only, whose key is made anew in each cache. The keys are as good as the password at
/// that one server, for as long as it keeps its salt.
public final class ScramKeyCache: Sendable {
    struct Entry: Hashable {
        var hash: ScramMechanism.Hash
        var password: [UInt8]
        var salt: [UInt8]
        var iterations: Int
    }

    /// How many keys are kept. A server chooses the salt, so one that gives a new one each time must not cost memory.
    private static let capacity = 64

    private let digestKey = SymmetricKey(size: .bits256)
    private let keys = Mutex<[Entry: ScramKeys]>([:])

    /// Creates an empty cache: one for an application.
    public init() {}

    func keys(
        _ hash: ScramMechanism.Hash, _ password: Secret, salt: [UInt8], iterations: Int,
        derive: () throws(SaslError) -> ScramKeys
    ) throws(SaslError) -> ScramKeys {
        let digest = password.withBytes { HMAC<SHA256>.authenticationCode(for: Array($0), using: digestKey) }
        let entry = Entry(hash: hash, password: Array(digest), salt: salt, iterations: iterations)
        if let known = keys.withLock({ $0[entry] }) { return known }
        let made = try derive()
        keys.withLock { keys in
            if keys.count >= Self.capacity { keys.removeAll() }
            keys[entry] = made
        }
        return made
    }
}
