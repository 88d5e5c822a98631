internal import CKerberosGSSAPI

/// A cache in memory that only its owner knows the name of. Its keys are wiped with the last reference.
final class PrivateCache: Sendable {
    let name: String

    init(adopting name: String) {
        self.name = name
    }

    deinit {
        cgss_destroy_cache(name)
    }
}
