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

    /// How many keys are kept: a server that gives a new salt each time must not cost memory.
    private static let capacity = 64

    private let digestKey = SymmetricKey(size: .bits256)
    private let keys = Mutex<[Entry: ScramKeys]>([:])

    /// Creates an empty cache: one for an application.
    public init() {}

    /// What keys are found by.
    func entry(_ hash: ScramMechanism.Hash, _ password: Secret, salt: [UInt8], iterations: Int) -> Entry {
        var bytes = password.withBytes { Array($0) }
        defer { wipe(&bytes) }
        let digest = HMAC<SHA256>.authenticationCode(for: bytes, using: digestKey)
        return Entry(hash: hash, password: Array(digest), salt: salt, iterations: iterations)
    }

    func keys(_ entry: Entry) -> ScramKeys? { keys.withLock { $0[entry] } }

    /// Keeps keys with which a server has proven that it knows them: one that proves nothing is not to fill the cache.
    func keep(_ made: ScramKeys, for entry: Entry) {
        keys.withLock { keys in
            if keys[entry] == nil, keys.count >= Self.capacity, let other = keys.keys.randomElement() {
                keys[other] = nil
            }
            keys[entry] = made
        }
    }
}
