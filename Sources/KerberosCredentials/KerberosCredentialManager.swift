public import BlockingWork
internal import GSSCore
internal import NameResolution

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
/// A refusal that asking again at once cannot change is remembered, for a keytab until its file changes: everybody gets the
/// same error, and the KDC counts one attempt. That of a password or key is believed for 15 minutes, that of an account
/// (unknown, revoked, expired) for 60 seconds.
///
/// An identity that nobody uses as long as two of its tickets last is let go and not renewed any more.
///
/// What reads files and what asks KDCs has threads of its own, so that a KDC that does not answer costs those who need it.
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
        var replacementPauses: [ServicePrincipal: ReplacementPause] = [:]
        var refusal: Refusal?

        /// How many services' tickets are kept. The one that ends first goes first.
        static let capacity = 1024

        /// Notes a service's credential, and lets go of what is over.
        mutating func keep(_ credential: ServiceCredential, for service: ServicePrincipal) {
            services = services.filter { $0.value.isValid }
            if services[service] == nil, services.count >= Self.capacity,
                let first = services.compactMapValues(\.end).min(by: { $0.value < $1.value })?.key
                    ?? services.keys.first
            {
                services[first] = nil
            }
            services[service] = credential
        }

        /// Notes that a KDC was asked whether a service has another key. Where it had none, and that again and again, the
        /// server refuses for another reason: the pause grows to an hour.
        mutating func noteReplacement(of service: ServicePrincipal, hadOtherKey: Bool) {
            let now = ContinuousClock.now
            replacementPauses = replacementPauses.filter { $0.value.end + $0.value.length > now }
            let last = hadOtherKey ? nil : replacementPauses[service]?.length
            let length = last.map { min($0 * 5, .seconds(3600)) } ?? .seconds(30)
            replacementPauses[service] = ReplacementPause(length: length, end: now + length)
        }
    }

    /// For how long a KDC is not asked again whether a service has another key.
    struct ReplacementPause: Sendable {
        var length: Duration
        var end: ContinuousClock.Instant
    }

    /// What a KDC has said that will not change soon, the key for which it did, and how long that is believed.
    struct Refusal: Sendable {
        var error: KerberosCredentialError
        var keytab: FileStamp?
        var end: ContinuousClock.Instant
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

    private let entries = Locked<[KerberosIdentity: Entry]>([:])
    /// How long a refusal of a password or key is believed: a KDC may lock the account after a few.
    let refusalOfKey: Duration
    /// How long one is believed that somebody may undo at the KDC.
    let refusalOfAccount: Duration
    let waitForKinit: @Sendable () -> Void
    let files: BlockingWorkers
    let reading: SharedWork<KerberosIdentity, Reading>
    let asking: WatchedWork<KerberosIdentity, Holding>
    let finding: SharedWork<ServiceKey, ServiceCredential?>
    let fetching: WatchedWork<ServiceKey, ServiceCredential>
    let replacing: WatchedWork<ServiceKey, ServiceCredential?>

    /// Creates a manager, normally one for a process.
    ///
    /// - Parameters:
    ///   - files: Threads for what reads files; `nil` takes those of the process.
    ///   - kdcs: Threads for what asks KDCs; `nil` takes those of the process.
    public convenience init(files: BlockingWorkers? = nil, kdcs: BlockingWorkers? = nil) {
        self.init(files: files, kdcs: kdcs, waitForKinit: nil)
    }

    package init(
        files: BlockingWorkers? = nil, kdcs: BlockingWorkers? = nil, refusalOfKey: Duration = .seconds(900),
        refusalOfAccount: Duration = .seconds(60), waitForKinit: (@Sendable () -> Void)? = nil
    ) {
        self.waitForKinit = waitForKinit ?? Self.pauseForKinit
        (self.refusalOfKey, self.refusalOfAccount) = (refusalOfKey, refusalOfAccount)
        let (files, kdcs) = (files ?? .namesAndFiles, kdcs ?? .kdcs)
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
                    change(identity) { $0.keep(made, for: service) }
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

    /// Forgets an identity that nobody has used for so long.
    ///
    /// - Returns: Whether it was forgotten.
    func drop(_ identity: KerberosIdentity, unusedFor time: Duration, with cache: KerberosCredentialCache) -> Bool {
        let dropped = entries.withLock { entries -> Entry? in
            guard let entry = entries[identity], entry.cache === cache, entry.lastUse + time < .now else { return nil }
            return entries.removeValue(forKey: identity)
        }
        return dropped != nil
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
                    entry.cache?.isUsable == false && entry.lastUse < past
                        && entry.refusal.map { $0.end < .now } != false
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
