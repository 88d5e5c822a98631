public import BlockingWork
internal import GSSCore
internal import NameResolution

/// The tickets of any number of identities, each fetched once for all concurrent callers, and cached.
///
/// An LDAP client's thousand connections cost one request for the user's first ticket, if it comes from a keytab, and
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
/// Tickets from a KDC, for a key or a password, are renewed from the middle of their lifetime. Those copied
/// from a cache follow it: the cache is checked for a new `kinit` when a ticket is requested and the last check
/// is more than a second old. So a cached ticket needs no thread, and the caller touches no file.
///
/// A refusal that a retry cannot change is remembered, for a keytab until its file changes: all callers get the same
/// error, and the KDC counts one attempt. A refused password or key is remembered for 15 minutes, a refused account
/// (unknown, revoked, expired) for 60 seconds.
///
/// An identity that is unused for two ticket lifetimes is dropped and no longer renewed.
///
/// File reads and KDC requests have separate threads, so that a KDC that does not answer delays only those who need it.
public final class KerberosCredentialManager: Sendable {
    /// What is known of an identity.
    struct Entry: Sendable {
        var cache: KerberosCredentialCache?
        /// The stamp of the source file at the last check.
        var stamp: FileStamp?
        var services: [ServicePrincipal: ServiceCredential] = [:]
        var lastUse = ContinuousClock.now
        /// When the source files were last checked.
        var lastLook: ContinuousClock.Instant?
        /// The earliest time of a renewal in the background.
        var nextRenewal = ContinuousClock.now
        /// Fires when the tickets are to be renewed even if unused.
        var renewal: DeadlineTimer?
        /// The earliest time to ask a KDC again whether a service has another key.
        var replacementPauses: [ServicePrincipal: ReplacementPause] = [:]
        var refusal: Refusal?

        /// How many service tickets are kept. The one that expires first is dropped first.
        static let capacity = 1024

        /// Stores a service's credential, and drops expired ones.
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

        /// Records that a KDC was asked whether a service has another key. If it repeatedly had none, the
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

    /// A KDC's refusal that will not change soon, the key that it was for, and how long it is remembered.
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

    /// How many identities are kept, with their passwords. The least recently used one is dropped first.
    private static let capacity = 1024
    /// How long a check of the files is valid.
    private static let lookPause = Duration.seconds(1)

    private let entries = Locked<[KerberosIdentity: Entry]>([:])
    /// How long a refusal of a password or key is remembered: a KDC may lock the account after a few.
    let refusalOfKey: Duration
    /// How long a refusal is remembered that an administrator may undo.
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
    ///   - files: Threads for reading files; `nil` uses the process's shared ones.
    ///   - kdcs: Threads for KDC requests; `nil` uses the process's shared ones.
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
    ///   - observe: Receives the events from here on, even of a request that others started; none if the
    ///     ticket is cached.
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

    /// The current tickets of an identity. Asks no KDC.
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

    /// A cached and valid credential, without reading any file.
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

    /// Changes the state of an identity, unless it was dropped. What the change drops is released outside
    /// of the lock: the last reference wipes a cache.
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

    /// Drops an identity that was unused for so long.
    ///
    /// - Returns: Whether it was dropped.
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

    /// Records the use of an identity, and makes room for a new one.
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
