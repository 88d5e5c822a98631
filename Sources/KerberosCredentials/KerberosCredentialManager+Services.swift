internal import BlockingWork
internal import GSSCore

/// Services' tickets.
extension KerberosCredentialManager {
    /// Gets a service's ticket out of a user's cache, or with its ticket-granting ticket from a KDC.
    func credential(
        from cache: KerberosCredentialCache, of identity: KerberosIdentity, for service: ServicePrincipal,
        by deadline: ContinuousClock.Instant, _ observe: KerberosObserver?
    ) async throws -> ServiceCredential {
        if let known = known(identity, service) { return known }
        let key = ServiceKey(identity: identity, cache: ObjectIdentifier(cache), service: service)
        let found = try await KerberosCredentialError.translating {
            try await finding.value(for: key, by: deadline, waitingFor: "the Kerberos configuration") { [self] in
                // Others may have been here before.
                if let known = known(identity, service) { return known }
                let name = try service.gssName()
                return try cache.cachedCredential(for: name).map { keep($0, name, from: cache, key) }
            }
        }
        if let found { return found }
        return try await KerberosCredentialError.translating(late: .kdcTimeout) {
            try await fetching.value(
                for: key, by: deadline, waitingFor: "a KDC for the ticket for \(service)", observe: observe
            ) { [self] observe in
                if let known = known(identity, service) { return known }
                let name = try service.gssName()
                let made = keep(try cache.credential(for: name, observe: observe), name, from: cache, key)
                cache.saveTicket(for: name)
                return made
            }
        }
    }

    /// Asks a KDC for another ticket to replace one that its server refused: the service's key may have changed.
    ///
    /// Concurrent callers share one request; and a service is asked for once in 30 seconds, and less and less
    /// often if the KDC has no other key for it: a server that refuses for another reason must not cost a request for
    /// each attempt.
    ///
    /// - Returns: A credential whose ticket is encrypted with another key of the service, or may be as it is 30
    ///   seconds younger; `nil` if the new ticket is no better, the KDC was asked not long ago, or the credential has
    ///   no ticket.
    /// - Throws: ``KerberosCredentialError``, `CancellationError`.
    public func replacement(
        for refused: ServiceCredential, by deadline: ContinuousClock.Instant, observe: KerberosObserver? = nil
    ) async throws -> ServiceCredential? {
        let (identity, service) = (refused.identity, refused.service)
        guard let old = refused.ticket, let cache = known(identity) else { return nil }
        let key = ServiceKey(identity: identity, cache: ObjectIdentifier(cache), service: service)
        let made = try await KerberosCredentialError.translating(late: .kdcTimeout) {
            try await replacing.value(
                for: key, by: deadline, waitingFor: "a KDC for the ticket for \(service)", observe: observe
            ) { [self] observe in
                if let known = known(identity, service), known.ticket?.mayHaveOtherKey(than: old) == true {
                    return known
                }
                let pause = read(identity) { $0.replacementPauses[service] } ?? nil
                if let pause, .now < pause.end { return nil }
                var found: KerberosCredential?
                defer {
                    let hadOtherKey = found?.ticket?.hasOtherKeyVersion(than: old) == true
                    change(identity) { $0.noteReplacement(of: service, hadOtherKey: hadOtherKey) }
                }
                let name = try service.gssName()
                found = try cache.credential(for: name, replacing: old, observe: observe)
                return found.map { keep($0, name, from: cache, key) }
            }
        }
        // A caller that joined may have been refused with another ticket than the one that started.
        return made?.ticket == old ? nil : made
    }

    /// Whether a KDC issues a ticket for a service to a user whose tickets are in use. The answer is not kept.
    package func isKnown(
        _ service: ServicePrincipal, to identity: KerberosIdentity, by deadline: ContinuousClock.Instant
    ) async -> Bool {
        guard let cache = known(identity) else { return false }
        let isKnown = try? await BlockingWorkers.kdcs.run(
            by: deadline, waitingFor: "a KDC for the ticket for \(service)"
        ) {
            _ = try cache.credential(for: try service.gssName())
            return true
        }
        return isKnown ?? false
    }

    /// Stores a service's credential, unless the user's tickets have changed meanwhile, or one with the same ticket
    /// was already stored: then that is returned.
    private func keep(
        _ credential: KerberosCredential, _ name: GSSName, from cache: KerberosCredentialCache, _ key: ServiceKey
    ) -> ServiceCredential {
        var made = ServiceCredential(
            credential, of: key.identity, for: key.service, name: name, principal: cache.principal,
            requested: cache.requestedPrincipal)
        change(key.identity) { entry in
            guard entry.cache === cache else { return }
            if let known = entry.services[key.service], known.isValid, known.ticket == made.ticket {
                made = known
            } else {
                entry.keep(made, for: key.service)
            }
        }
        return made
    }
}
