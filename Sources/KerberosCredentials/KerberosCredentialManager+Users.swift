internal import BlockingWork
internal import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Users' first tickets.
extension KerberosCredentialManager {
    /// What an identity has.
    enum Holding: Sendable {
        case cache(KerberosCredentialCache)
        /// A credential that gets its own tickets, its owner, and the requested user.
        case credential(KerberosCredential, principal: String, requested: String?)
    }

    /// What the files contain for an identity.
    enum Reading: Sendable {
        case cache(KerberosCredentialCache)
        /// No cache is usable; a KDC must be asked with a key or a password.
        case key
        /// Only GSS-API can use this cache.
        case delegated(origin: String)
        /// There is nothing, but GSS-API may have another source.
        case nothing(any Error)
    }

    /// The source of an identity's service tickets.
    func holding(
        of identity: KerberosIdentity, by deadline: ContinuousClock.Instant, _ observe: KerberosObserver?
    ) async throws -> Holding {
        if case .existing(let credential) = identity.origin {
            return try await ask(identity, by: deadline, observe) { _, _ in
                try Self.inquire(credential, of: identity)
            }
        }
        let reading = try await KerberosCredentialError.translating { try await look(identity, by: deadline) }
        switch reading {
        case .cache(let cache):
            observe?(.cacheRead(name: cache.origin ?? "", principal: cache.principal))
            return .cache(cache)
        case .key:
            if let known = known(identity), known.origin == nil, known.isUsable {
                renewIfDue(identity)
                return .cache(known)
            }
            return try await ask(identity, by: deadline, observe) { manager, observe in
                .cache(try manager.request(identity, observe))
            }
        case .delegated(let origin):
            return try await ask(identity, by: deadline, observe) { _, _ in
                try Self.inquire(try KerberosCredential(store: .init(cache: origin)), of: identity)
            }
        case .nothing(let error):
            return try await ask(identity, by: deadline, observe) { _, _ in
                let name = identity.user.map { GSSName.principal($0) }
                guard let credential = try? KerberosCredential(name: name),
                    let holding = try? Self.inquire(credential, of: identity)
                else { throw error }
                return holding
            }
        }
    }

    private func ask(
        _ identity: KerberosIdentity, by deadline: ContinuousClock.Instant, _ observe: KerberosObserver?,
        _ body: @escaping @Sendable (KerberosCredentialManager, @escaping KerberosObserver) throws -> Holding
    ) async throws -> Holding {
        try await KerberosCredentialError.translating(late: .kdcTimeout) {
            try await asking.value(
                for: identity, by: deadline, waitingFor: "a KDC for the first ticket of \(identity.userText)",
                observe: observe
            ) { [self] observe in
                do {
                    return try body(self, observe)
                } catch let error as GSSError {
                    throw KerberosCredentialError(firstTicketOf: identity, error)
                }
            }
        }
    }

    /// The owner of a credential, which may look for its tickets only now.
    private static func inquire(_ credential: KerberosCredential, of identity: KerberosIdentity) throws -> Holding {
        let principal = try credential.inquire().principal ?? ""
        let requested = try identity.user.map { try GSSName.principal($0).kerberosPrincipal() }
        if let requested, !isSameText(requested, principal) {
            throw KerberosCredentialError(
                .wrongUser, "the user is \(requested), but the Kerberos credential is that of \(principal)")
        }
        return .credential(credential, principal: principal, requested: requested)
    }

    // MARK: - From a cache

    private func look(_ identity: KerberosIdentity, by deadline: ContinuousClock.Instant) async throws -> Reading {
        switch identity.origin {
        case .keytab, .password, .existing:
            return .key
        case .system, .cache:
            return try await reading.value(for: identity, by: deadline, waitingFor: identity.filesText) { [self] in
                defer { change(identity) { $0.lastLook = .now } }
                do {
                    let reading = try read(identity)
                    switch reading {
                    case .nothing: forget(identity)
                    case .key: forget(identity, where: { $0?.origin != nil })
                    case .cache, .delegated: break
                    }
                    return reading
                } catch {
                    forget(identity)
                    throw (error as? GSSError).map { KerberosCredentialError(firstTicketOf: identity, $0) } ?? error
                }
            }
        }
    }

    /// Drops tickets that the files no longer have: no caller gets them until the next check.
    private func forget(
        _ identity: KerberosIdentity, where isGone: (KerberosCredentialCache?) -> Bool = { _ in true }
    ) {
        var old: DeadlineTimer?
        change(identity) { entry in
            guard isGone(entry.cache) else { return }
            old = entry.renewal
            (entry.cache, entry.stamp, entry.services, entry.renewal) = (nil, nil, [:], nil)
        }
        old?.cancel()
    }

    /// Copies the tickets from their cache, unless that is unchanged. On a worker.
    private func read(_ identity: KerberosIdentity) throws -> Reading {
        var name: String?
        if case .cache(let given) = identity.origin { name = given }
        // A named cache is used, whatever else exists.
        func keytabServes() -> Bool { name == nil && KerberosCredentialCache.keytab(nil, has: identity.user) }
        do {
            var cache: KerberosCredentialCache
            let known = known(identity).flatMap { $0.origin != nil && $0.isUsable ? $0 : nil }
            if let known, known.isCurrent(since: read(identity) { $0.stamp } ?? nil) {
                cache = known
            } else {
                cache = try copy(name, identity.user, hadGrantingTicket: known?.end != nil)
                // As in GSS-API: a key that can get tickets has priority over a cache that cannot.
                let serves = cache.isUsable && (cache.end != nil || cache.needsGSSAPI)
                guard serves || !keytabServes() else { return .key }
                let stamp = cache.stamp
                if let known, known.hasSameOrigin(as: cache) {
                    // A service's ticket came to it, perhaps by us.
                    cache = known
                } else {
                    keep(cache, identity)
                }
                change(identity) { $0.stamp = stamp }
            }
            if cache.needsGSSAPI, let origin = cache.origin { return .delegated(origin: origin) }
            return .cache(cache)
        } catch {
            if keytabServes() { return .key }
            guard name == nil, (error as? GSSError)?.isOfUnfitCache != true else { throw error }
            return .nothing(error)
        }
    }

    /// Copies the tickets. `kinit` empties a cache before it fills it: one that is empty, or has lost its
    /// ticket-granting ticket, is checked twice more.
    private func copy(_ name: String?, _ user: String?, hadGrantingTicket: Bool) throws -> KerberosCredentialCache {
        for _ in 0..<2 {
            do {
                let cache = try KerberosCredentialCache.copy(from: name, user: user)
                guard cache.isEmpty || hadGrantingTicket && cache.end == nil && !cache.needsGSSAPI else { return cache }
            } catch let error as GSSError {
                guard hadGrantingTicket else { throw error }
            }
            waitForKinit()
        }
        return try .copy(from: name, user: user)
    }

    /// The time that `kinit` may take between two writes. On a worker.
    static func pauseForKinit() { usleep(75_000) }

    // MARK: - From a KDC

    /// Asks a KDC for the first ticket. On a worker.
    private func request(_ identity: KerberosIdentity, _ observe: @escaping KerberosObserver) throws
        -> KerberosCredentialCache
    {
        // The previous one may have expired just now.
        if let known = known(identity), known.origin == nil, known.isUsable, known.isYoung { return known }
        let keytab: FileStamp? =
            switch identity.origin {
            case .password: nil
            case .keytab(let name, _): KerberosCredentialCache.stamp(ofKeytab: name)
            case .system, .cache, .existing: KerberosCredentialCache.stamp(ofKeytab: nil)
            }
        if let refusal = read(identity, { $0.refusal }) ?? nil, refusal.keytab == keytab, .now < refusal.end {
            throw refusal.error
        }
        do {
            let cache = try KerberosCredentialCache.request(identity, observe)
            keep(cache, identity)
            return cache
        } catch let error as KerberosCredentialError where error.code == .rejected {
            let end = ContinuousClock.now + (error.isAboutKey ? refusalOfKey : refusalOfAccount)
            change(identity) { $0.refusal = Refusal(error: error, keytab: keytab, end: end) }
            throw error
        }
    }

    /// Tickets from a KDC are renewed from the middle of their lifetime while they are still usable.
    func renewIfDue(_ identity: KerberosIdentity) {
        let now = ContinuousClock.now
        var isDue = false
        change(identity) { entry in
            guard let cache = entry.cache, cache.origin == nil, !cache.isYoung, now >= entry.nextRenewal else { return }
            entry.nextRenewal = now + Self.pause(before: cache.end)
            isDue = true
        }
        if isDue { asking.begin(for: identity) { [self] in .cache(try request(identity, $0)) } }
    }

    /// Renews tickets that may be unused, and repeats while they are valid and the KDC has issued no
    /// others. Those unused for two ticket lifetimes are dropped, with the password.
    private func renew(_ identity: KerberosIdentity) {
        // By the monotonic clock: the wall clock may be wrong for a time.
        guard let known = known(identity), let (middle, end) = known.life, end > .now else { return }
        if drop(identity, unusedFor: (end - middle) * 4, with: known) { return }
        renewIfDue(identity)
        let next = ContinuousClock.now + Self.pause(before: end)
        guard next < end, let renewal = timer(for: identity, at: next) else { return }
        var isKept = false
        change(identity) { entry in
            // The new tickets came meanwhile, with a timer of their own.
            guard entry.cache === known else { return }
            entry.renewal = renewal
            isKept = true
        }
        if !isKept { renewal.cancel() }
    }

    /// How long a failed renewal is not retried: half of the remaining lifetime. A password that was
    /// changed meanwhile is thus tried a few times, not often enough to lock its account.
    static func pause(before end: ContinuousClock.Instant?, now: ContinuousClock.Instant = .now) -> Duration {
        let least = Duration.seconds(30)
        return max(least, end.map { ($0 - now) / 2 } ?? least)
    }

    /// When possibly unused tickets are renewed. A KDC that issues them for one second is not asked twice a second.
    static func renewal(
        from middle: ContinuousClock.Instant, now: ContinuousClock.Instant = .now
    ) -> ContinuousClock.Instant {
        max(middle, now + .seconds(2))
    }

    private func timer(for identity: KerberosIdentity, at time: ContinuousClock.Instant) -> DeadlineTimer? {
        // Without a timer they are renewed when they are used.
        try? DeadlineTimer.schedule(at: time) { [weak self] in self?.renew(identity) }
    }

    private func keep(_ cache: KerberosCredentialCache, _ identity: KerberosIdentity) {
        // Tickets from a cache are renewed by the owner of the cache.
        let middle = cache.origin == nil ? cache.middle : nil
        let renewal = middle.flatMap { timer(for: identity, at: Self.renewal(from: $0)) }
        var old: DeadlineTimer?
        change(identity) { entry in
            old = entry.renewal
            // After a renewal the service tickets stay in use until they expire.
            if cache.origin != nil || entry.cache.map({ $0.origin != nil }) ?? true { entry.services = [:] }
            entry.cache = cache
            entry.nextRenewal = .now
            entry.renewal = renewal
            entry.refusal = nil
        }
        old?.cancel()
    }
}

extension KerberosCredentialCache {
    /// Asks a KDC for an identity's first ticket. On a worker.
    static func request(
        _ identity: KerberosIdentity, _ observe: @escaping KerberosObserver
    ) throws -> KerberosCredentialCache {
        do throws(GSSError) {
            switch identity.origin {
            case .password(let password, let verification):
                return try request(
                    user: identity.user ?? "", password: password, verification: verification, observe: observe)
            case .keytab(let name, let verification):
                return try request(user: identity.user, keytab: name, verification: verification, observe: observe)
            case .system, .cache, .existing:
                return try request(user: identity.user, keytab: nil, observe: observe)
            }
        } catch {
            throw KerberosCredentialError(firstTicketOf: identity, error)
        }
    }

    /// Whether the ticket-granting ticket is valid long enough to be used.
    var isUsable: Bool { timeLeft.map(KerberosTicket.isUsable) ?? true }

    fileprivate var life: (middle: ContinuousClock.Instant, end: ContinuousClock.Instant)? {
        if let middle, let end { (middle, end) } else { nil }
    }

    /// Whether there is no need to renew it yet.
    var isYoung: Bool { middle.map { $0 > .now } ?? true }
}
