internal import CKerberosGSSAPI
public import GSSCore

/// Service tickets. Each is returned as a credential that holds only this ticket: KDCs are asked here,
/// and a context made with it only computes.
extension KerberosCredentialCache {
    /// Looks for a service's ticket in this cache. Asks no KDC.
    ///
    /// - Returns: `nil` if there is no valid one.
    public func cachedCredential(for service: GSSName) throws(GSSError) -> KerberosCredential? {
        let library = try KerberosLibrary()
        let name = try Self.principal(service, library)
        guard let creds = try? library.credentials(for: name, in: cache.open(library), cachedOnly: true) else {
            return nil
        }
        return try? Self.credential(creds, library)
    }

    /// Gets a service's ticket, from a KDC unless it is in this cache. Blocks.
    public func credential(
        for service: GSSName, observe: KerberosObserver? = nil
    ) throws(GSSError) -> KerberosCredential {
        let library = try KerberosLibrary(askingFor: service.description, observe: observe)
        let name = try Self.principal(service, library)
        let credential = try Self.credential(library.credentials(for: name, in: cache.open(library)), library)
        if let ticket = credential.ticket { observe?(.ticketObtained(ticket)) }
        return credential
    }

    /// Asks a KDC for another ticket for a service whose key may have changed. Blocks.
    ///
    /// One that is encrypted with another key replaces the old one here and, if that is writable, in the cache
    /// that this was copied from. A service that was deleted and recreated has another key with the same version
    /// number, which no client can see: so a ticket for the same version is returned if the old one is at least 30
    /// seconds older. It is not stored: a server that refuses for another reason must not make a cache grow.
    ///
    /// - Parameters:
    ///   - service: The name that the refused ticket was asked for by.
    ///   - old: The ticket that its service did not take.
    ///   - observe: Told when a KDC is asked and when it has answered.
    /// - Returns: `nil` if the new ticket is no better than the old one, as far as known.
    public func credential(
        for service: GSSName, replacing old: KerberosTicket, observe: KerberosObserver? = nil
    ) throws(GSSError) -> KerberosCredential? {
        let library = try KerberosLibrary(askingFor: service.description, observe: observe)
        let name = try Self.principal(service, library)
        let own = try cache.open(library)
        let owner = try library.owner(of: own)
        let scratch = try copy(without: name, library)
        defer { withExtendedLifetime(scratch) {} }
        let fresh = try scratch.open(library)
        let credential = try Self.credential(library.credentials(for: name, in: fresh), library)
        guard let ticket = credential.ticket, ticket.mayHaveOtherKey(than: old) else { return nil }
        observe?(.ticketObtained(ticket))
        guard ticket.hasOtherKeyVersion(than: old) else { return credential }
        try library.replace(name, in: own, by: fresh)
        if let origin, let source = try? library.cache(named: origin), let other = try? library.owner(of: source),
            library.isSame(owner, other)
        {
            try? library.replace(name, in: source, by: fresh)
        }
        return credential
    }

    /// Asks a KDC for a service's ticket, whatever this cache has: it is for the service's current key. It
    /// is not stored. Blocks.
    public func freshCredential(
        for service: GSSName, observe: KerberosObserver? = nil
    ) throws(GSSError) -> KerberosCredential {
        let library = try KerberosLibrary(askingFor: service.description, observe: observe)
        let name = try Self.principal(service, library)
        let scratch = try copy(without: name, library)
        defer { withExtendedLifetime(scratch) {} }
        let credential = try Self.credential(library.credentials(for: name, in: scratch.open(library)), library)
        if let ticket = credential.ticket { observe?(.ticketObtained(ticket)) }
        return credential
    }

    /// A cache like this one without a service's tickets, so that the library asks for one.
    private func copy(without service: krb5_principal, _ library: KerberosLibrary) throws(GSSError) -> PrivateCache {
        let own = try cache.open(library)
        let copy = try PrivateCache(of: library.owner(of: own), clockOf: library)
        let cache = try copy.open(library)
        try library.forEachEntry(in: own) { (entry) throws(GSSError) in
            if !library.isFor(service, entry) { try library.store(&entry, in: cache) }
        }
        return copy
    }

    /// Puts a service's ticket into the cache that this was copied from, where other programs find it, unless it has
    /// one or meanwhile belongs to another user. A failure to write is ignored: nothing here depends on it.
    public func saveTicket(for service: GSSName) {
        guard let origin, let library = try? KerberosLibrary(), let name = try? Self.principal(service, library),
            let own = try? cache.open(library), let source = try? library.cache(named: origin),
            let owner = try? library.owner(of: source), let user = try? library.owner(of: own),
            library.isSame(owner, user),
            (try? library.credentials(for: name, in: source, cachedOnly: true)) == nil,
            let creds = try? library.credentials(for: name, in: own, cachedOnly: true)
        else { return }
        try? library.store(&creds.pointee, in: source)
    }

    /// A principal's text is used as it is; other kinds of names are converted by the library.
    private static func principal(
        _ service: GSSName, _ library: KerberosLibrary
    ) throws(GSSError) -> krb5_principal {
        try library.principal(
            service.syntax == .kerberosPrincipal ? service.text : try service.kerberosPrincipal())
    }

    /// A credential with only one ticket.
    private static func credential(
        _ creds: UnsafeMutablePointer<krb5_creds>, _ library: KerberosLibrary
    ) throws(GSSError) -> KerberosCredential {
        var entry = creds.pointee
        guard let ticket = KerberosTicket(&entry, library) else {
            throw GSSError(call: "krb5_decode_ticket", major: GSSMajorStatus(.failure))
        }
        // If the ticket has expired, acquiring may ask a KDC: GSS-API then looks for a way to get another one.
        let left = ticket.endTime - (try library.now())
        guard left > 0 else {
            throw GSSError(
                call: "krb5_get_credentials", major: GSSMajorStatus(.credentialsExpired),
                minor: UInt32(bitPattern: Int32(KRB5KRB_AP_ERR_TKT_EXPIRED)), minorMessages: ["Ticket expired"],
                subject: ticket.server)
        }
        let cache = try PrivateCache(of: entry.client, clockOf: library)
        // By the ticket's own name, which has the realm: nothing needs to be looked up.
        let server = try library.principal(ticket.server)
        entry.server = server
        // A context compares this with the machine's clock, before it has read the clock offset from the cache.
        entry.times.endtime = KerberosLibrary.timestamp(ticket.endTime + (try library.secondsAhead()))
        try library.store(&entry, in: cache.open(library))
        return try KerberosCredential(ticket, until: TicketEnd(after: left), in: cache)
    }
}

extension KerberosLibrary {
    fileprivate func store(_ entry: inout krb5_creds, in cache: krb5_ccache) throws(GSSError) {
        let name = fullName(of: cache)
        let before = name.flatMap { FileStamp($0) }
        do {
            try check("krb5_cc_store_cred", krb5_cc_store_cred(context, cache, &entry), subject: name)
        } catch {
            // On a full disk the library leaves a partial entry, which makes the cache unreadable.
            if let name, let before { before.restoreLength(of: name, atMost: 1 << 16) }
            throw error
        }
    }

    /// Replaces the tickets for a service in one cache by those of another.
    fileprivate func replace(
        _ service: krb5_principal, in cache: krb5_ccache, by fresh: krb5_ccache
    ) throws(GSSError) {
        try forEachEntry(in: fresh) { (entry) throws(GSSError) in
            guard isFor(service, entry) else { return }
            // The same service can be stored under the requested name and under its own.
            krb5_cc_remove_cred(context, cache, 0, &entry)
            try store(&entry, in: cache)
        }
    }
}
