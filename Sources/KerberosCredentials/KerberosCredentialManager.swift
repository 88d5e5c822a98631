public import BlockingWork
internal import GSSCore

/// The tickets of any number of identities, each fetched once for all that need it at the same time, and kept.
///
/// An LDAP client's thousand connections cost one request for the user's first ticket, where it comes from a keytab, and
/// one for the service's:
///
///     let manager = KerberosCredentialManager()
///     let user = KerberosIdentity.keytab("FILE:/etc/app.keytab", user: "app")
///     let service = ServicePrincipal(service: "ldap", host: "directory.example.com")
///     // In each of the thousand tasks:
///     let deadline = ContinuousClock.now + .seconds(10)
///     let credential = try await manager.serviceCredential(of: user, for: service, by: deadline)
///     let pending = try credential.makeInitiator(
///         target: credential.target, flags: [.mutualAuthentication, .integrity])
///     let first = try pending.step(nil)  // Computes: no thread is needed, no KDC is asked.
///
/// Tickets that a KDC gave for a key or a password are renewed from the middle of their life on. Those copied from a cache
/// follow it: whether somebody has run `kinit` is looked at when a ticket is asked for and the last look is more than a
/// second old. So a ticket that is at hand costs no thread, and no file is touched where the caller is.
///
/// A refusal that asking again cannot change (a wrong password, an account that is unknown, revoked or expired) is
/// remembered as long as the manager lives, for a keytab until its file changes: everybody gets the same error, and the KDC
/// counts one attempt.
///
/// The threads are the manager's own, unless it is given some: what reads files and what asks KDCs does not share them,
/// so that a KDC that does not answer costs those who need it.
public final class KerberosCredentialManager: Sendable {
    /// What is known of an identity.
    struct Entry: Sendable {
        var cache: KerberosCredentialCache?
        /// What the file that it was copied from was known by at the last look.
        var stamp: FileStamp?
        var services: [ServicePrincipal: ServiceCredential] = [:]
        var lastUse = ContinuousClock.now
        /// When the files that the tickets come from were looked at.
        var lastLook: ContinuousClock.Instant?
        /// Not before this a renewal is tried that nobody waits for.
        var nextRenewal = ContinuousClock.now
        /// Fires when the tickets are to be renewed even if nobody uses them.
        var renewal: DeadlineTimer?
        /// Not before this a KDC is asked again whether a service has another key.
        var nextReplacement: [ServicePrincipal: ContinuousClock.Instant] = [:]
        var refusal: Refusal?
    }

    /// What a KDC has said for good, and the key for which it did.
    struct Refusal: Sendable {
        var error: KerberosCredentialError
        var keytab: FileStamp?
    }

    /// A service of an identity, with the cache that its ticket comes from.
    struct ServiceKey: Hashable, Sendable {
        var identity: KerberosIdentity
        var cache: ObjectIdentifier
        var service: ServicePrincipal
    }

    /// How many identities are kept, with their passwords. The one that was used the longest time ago goes first.
    private static let capacity = 1024
    /// How long what files say is believed.
    private static let lookPause = Duration.seconds(1)
    static let kdcLimits = BlockingWorkers.Limits(maximumThreads: 32, maximumAbandoned: 64, maximumIdleThreads: 2)

    private let entries = Locked<[KerberosIdentity: Entry]>([:])
    let files: BlockingWorkers
    let reading: SharedWork<KerberosIdentity, Reading>
    let asking: WatchedWork<KerberosIdentity, Holding>
    let finding: SharedWork<ServiceKey, ServiceCredential?>
    let fetching: WatchedWork<ServiceKey, ServiceCredential>
    let replacing: WatchedWork<ServiceKey, ServiceCredential?>

    /// Creates a manager, normally one for a process.
    ///
    /// - Parameters:
    ///   - files: Threads for what reads files; `nil` makes some.
    ///   - kdcs: Threads for what asks KDCs; `nil` makes some.
    public init(files: BlockingWorkers? = nil, kdcs: BlockingWorkers? = nil) {
        let files = files ?? BlockingWorkers(limits: .init(maximumThreads: 8, maximumIdleThreads: 2))
        let kdcs = kdcs ?? BlockingWorkers(limits: Self.kdcLimits)
        self.files = files
        reading = SharedWork(workers: files)
        finding = SharedWork(workers: files)
        asking = WatchedWork(workers: kdcs)
        fetching = WatchedWork(workers: kdcs)
        replacing = WatchedWork(workers: kdcs)
    }

    deinit {
        for renewal in entries.withLock({ $0.values.compactMap(\.renewal) }) { renewal.cancel() }
    }

    /// Gets an identity's credential for a service.
    ///
    /// - Parameters:
    ///   - identity: Whose.
    ///   - service: The service.
    ///   - deadline: When to stop waiting. A request that others wait for goes on.
    ///   - observe: Told of what happens from here on, also where others have begun it; of nothing where the ticket is at
    ///     hand.
    /// - Throws: ``KerberosCredentialError``, `CancellationError`.
    public func serviceCredential(
        of identity: KerberosIdentity, for service: ServicePrincipal, by deadline: ContinuousClock.Instant,
        observe: KerberosObserver? = nil
    ) async throws -> ServiceCredential {
        if let ready = ready(identity, service) { return ready }
        touch(identity)
        switch try await holding(of: identity, by: deadline, observe) {
        case .cache(let cache):
            return try await credential(from: cache, of: identity, for: service, by: deadline, observe)
        case .credential(let credential, let principal, let requested):
            return try await KerberosCredentialError.translating {
                try await files.run(by: deadline, waitingFor: "the Kerberos configuration") { [self] in
                    let made = ServiceCredential(
                        credential, of: identity, for: service, name: try service.gssName(), principal: principal,
                        requested: requested)
                    change(identity) { $0.services[service] = made }
                    return made
                }
            }
        }
    }

    /// The tickets that an identity has at present. Asks no KDC, and gets none.
    ///
    /// - Throws: ``KerberosCredentialError``, `CancellationError`.
    public func tickets(
        of identity: KerberosIdentity, by deadline: ContinuousClock.Instant
    ) async throws -> [KerberosTicket] {
        guard let cache = known(identity) else { return [] }
        return try await KerberosCredentialError.translating {
            try await files.run(by: deadline, waitingFor: "the Kerberos configuration") { try cache.tickets() }
        }
    }

    // MARK: - What is kept

    /// A credential that is at hand and good, without a look at any file.
    private func ready(_ identity: KerberosIdentity, _ service: ServicePrincipal) -> ServiceCredential? {
        let now = ContinuousClock.now
        let (credential, mustRenew) = entries.withLock { entries -> (ServiceCredential?, Bool) in
            guard let entry = entries[identity], let credential = entry.services[service], credential.isValid else {
                return (nil, false)
            }
            let isFresh =
                switch identity.origin {
                case .keytab, .password, .existing: true
                case .system, .cache: entry.lastLook.map { now - $0 < Self.lookPause } ?? false
                }
            guard isFresh else { return (nil, false) }
            entries[identity]?.lastUse = now
            return (credential, entry.cache.map { $0.origin == nil && now >= $0.middle ?? now } ?? false)
        }
        if mustRenew { renewIfDue(identity) }
        return credential
    }

    func known(_ identity: KerberosIdentity) -> KerberosCredentialCache? {
        entries.withLock { $0[identity]?.cache }
    }

    func known(_ identity: KerberosIdentity, _ service: ServicePrincipal) -> ServiceCredential? {
        entries.withLock { entries in entries[identity]?.services[service].flatMap { $0.isValid ? $0 : nil } }
    }

    /// Changes what is known of an identity; nothing where it was forgotten. What the change drops is released outside of
    /// the lock: with the last reference a cache is wiped.
    func change(_ identity: KerberosIdentity, _ body: (inout Entry) -> Void) {
        let old = entries.withLock { entries -> Entry? in
            guard let old = entries[identity] else { return nil }
            var new = old
            body(&new)
            entries[identity] = new
            return old
        }
        withExtendedLifetime(old) {}
    }

    func read<R: Sendable>(_ identity: KerberosIdentity, _ body: (Entry) -> R) -> R? {
        entries.withLock { entries in entries[identity].map(body) }
    }

    /// Notes that an identity is in use, and makes room for a new one.
    private func touch(_ identity: KerberosIdentity) {
        let dropped = entries.withLock { entries -> [KerberosIdentity: Entry] in
            var dropped: [KerberosIdentity: Entry] = [:]
            if entries[identity] == nil {
                let past = ContinuousClock.now - .seconds(60)
                dropped = entries.filter { _, entry in
                    entry.cache?.isUsable == false && entry.refusal == nil && entry.lastUse < past
                }
                for key in dropped.keys { entries[key] = nil }
                if entries.count >= Self.capacity, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
                {
                    dropped[oldest.key] = entries.removeValue(forKey: oldest.key)
                }
            }
            entries[identity, default: Entry()].lastUse = .now
            return dropped
        }
        for entry in dropped.values { entry.renewal?.cancel() }
    }
}
