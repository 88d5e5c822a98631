internal import Crypto
internal import SASL
internal import Synchronization

/// Keeps keys derived from passwords, so that a server's iterations are computed once and not for each
/// connection (MongoDB's driver authentication specification, "SCRAM: Caching Credentials").
///
/// A password is identified only by a keyed digest, with a new key for each cache. The derived keys are equivalent to
/// the password at that one server, for as long as it keeps its salt.
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

    /// Creates an empty cache. Use one per application.
    public init() {}

    /// The lookup key.
    func entry(_ hash: ScramMechanism.Hash, _ password: Secret, salt: [UInt8], iterations: Int) -> Entry {
        var bytes = password.withBytes { Array($0) }
        defer { wipe(&bytes) }
        let digest = HMAC<SHA256>.authenticationCode(for: bytes, using: digestKey)
        return Entry(hash: hash, password: Array(digest), salt: salt, iterations: iterations)
    }

    func keys(_ entry: Entry) -> ScramKeys? { keys.withLock { $0[entry] } }

    /// Keeps keys that a server has proven to know: a server that proves nothing must not fill the cache.
    func keep(_ made: ScramKeys, for entry: Entry) {
        keys.withLock { keys in
            if keys[entry] == nil, keys.count >= Self.capacity, let other = keys.keys.randomElement() {
                keys[other] = nil
            }
            keys[entry] = made
        }
    }
}
