internal import CKerberosGSSAPI
internal import GSSCore

/// Finding a user's cache, and its contents.
extension KerberosLibrary {
    /// A cache by its full name; `nil` is the default one.
    func cache(named name: String?) throws(GSSError) -> krb5_ccache {
        if let name { try check("krb5_cc_set_default_name", krb5_cc_set_default_name(context, name), subject: name) }
        let subject = name ?? krb5_cc_default_name(context).map { String(cString: $0) }
        return try make("krb5_cc_default", subject: subject, release: { krb5_cc_close($0, $1) }) {
            krb5_cc_default(context, $0)
        }
    }

    /// How many bytes a cache in a file may have: ten thousand tickets of the size that Active Directory issues.
    private static let largestCache = 16 << 20

    func fullName(of cache: krb5_ccache) -> String? {
        var name: UnsafeMutablePointer<CChar>?
        guard krb5_cc_get_full_name(context, cache, &name) == 0, let name else { return nil }
        defer { krb5_free_string(context, name) }
        return String(cString: name)
    }

    func type(of cache: krb5_ccache) -> String {
        krb5_cc_get_type(context, cache).map { String(cString: $0) } ?? ""
    }

    func owner(of cache: krb5_ccache) throws(GSSError) -> krb5_principal {
        let name = fullName(of: cache)
        // The library reads the whole file into memory, several times.
        if let name, let stamp = FileStamp(name), stamp.size > Self.largestCache || !stamp.isRegular {
            throw .unfitCache("the cache is not a regular file of at most \(Self.largestCache) bytes", name)
        }
        let owner = try make("krb5_cc_get_principal", subject: name, release: { krb5_free_principal($0, $1) }) {
            krb5_cc_get_principal(context, cache, $0)
        }
        guard hasPossibleLength(owner) else {
            throw .unfitCache("its owner's name is longer than \(Self.longestName) bytes", name)
        }
        return owner
    }

    func isSame(_ one: krb5_principal, _ other: krb5_principal) -> Bool {
        krb5_principal_compare(context, one, other) != 0
    }

    /// The cache of a user: this one, or another one of its collection. Of several the first with
    /// a valid ticket-granting ticket, else the first with none at all, else the first.
    func cache(of user: krb5_principal, near first: krb5_ccache) -> krb5_ccache? {
        var best: (cache: krb5_ccache, rank: Int)?
        func consider(_ cache: krb5_ccache) {
            guard let owner = try? owner(of: cache), isSame(owner, user) else { return }
            let rank = rank(of: cache)
            if rank > best?.rank ?? -1 { best = (cache, rank) }
        }
        consider(first)
        let type = type(of: first)
        // The caches in memory belong to the whole process, not to one user's collection.
        var cursor: krb5_cccol_cursor?
        guard best?.rank != 2, type != "MEMORY", krb5_cccol_cursor_new(context, &cursor) == 0 else {
            return best?.cache
        }
        defer { krb5_cccol_cursor_free(context, &cursor) }
        var next: krb5_ccache?
        while best?.rank != 2, krb5_cccol_cursor_next(context, cursor, &next) == 0, let handle = next {
            keep { [context] in krb5_cc_close(context, handle) }
            if self.type(of: handle) == type { consider(handle) }
        }
        return best?.cache
    }

    private func rank(of cache: krb5_ccache) -> Int {
        guard let tickets = try? tickets(in: cache), let now = try? now() else { return 0 }
        guard let granting = tickets.grantingTicket else { return 1 }
        return KerberosTicket.isUsable(for: .seconds(granting.endTime - now)) ? 2 : 0
    }

    /// The tickets in a cache.
    func tickets(in cache: krb5_ccache) throws(GSSError) -> [KerberosTicket] {
        var tickets: [KerberosTicket] = []
        try forEachEntry(in: cache) { entry in
            if let ticket = KerberosTicket(&entry, self) { tickets.append(ticket) }
        }
        return tickets
    }

    /// Calls a closure with each entry of a cache.
    func forEachEntry(
        in cache: krb5_ccache, _ body: (inout krb5_creds) throws(GSSError) -> Void
    ) throws(GSSError) {
        var cursor: krb5_cc_cursor?
        try check(
            "krb5_cc_start_seq_get", krb5_cc_start_seq_get(context, cache, &cursor), subject: fullName(of: cache))
        defer { krb5_cc_end_seq_get(context, cache, &cursor) }
        var entry = krb5_creds()
        while krb5_cc_next_cred(context, cache, &cursor, &entry) == 0 {
            // Frees the entry and wipes its key.
            defer { krb5_free_cred_contents(context, &entry) }
            try body(&entry)
        }
    }

    /// Whether a cache was created by a service on its user's behalf (S4U2Proxy), which only GSS-API can use.
    func isDelegated(_ cache: krb5_ccache) -> Bool {
        var impersonator = krb5_data()
        guard krb5_cc_get_config(context, cache, nil, "proxy_impersonator", &impersonator) == 0 else {
            return false
        }
        krb5_free_data_contents(context, &impersonator)
        return true
    }

    // MARK: - Services

    /// A service's ticket, from a cache, or from a KDC with the cache's ticket-granting ticket.
    func credentials(
        for service: krb5_principal, in cache: krb5_ccache, cachedOnly: Bool = false
    ) throws(GSSError) -> UnsafeMutablePointer<krb5_creds> {
        let client = try owner(of: cache)
        var wanted = krb5_creds()
        wanted.client = client
        wanted.server = service
        return try make(
            "krb5_get_credentials", subject: text(service).map { GSSName.principal($0).description },
            release: { krb5_free_creds($0, $1) }
        ) {
            krb5_get_credentials(context, cachedOnly ? KRB5_GC_CACHED : 0, cache, &wanted, $0)
        }
    }

    /// Whether a ticket is for a service, one without a realm in any.
    func isFor(_ service: krb5_principal, _ entry: krb5_creds) -> Bool {
        service.pointee.realm.length == 0
            ? krb5_principal_compare_any_realm(context, entry.server, service) != 0
            : krb5_principal_compare(context, entry.server, service) != 0
    }
}

extension GSSError {
    /// The error for a cache that must not be read further.
    fileprivate static func unfitCache(_ message: String, _ name: String?) -> GSSError {
        GSSError(
            call: "krb5_cc_get_principal", major: GSSMajorStatus(.defectiveCredential),
            minor: UInt32(bitPattern: Int32(KRB5_CC_FORMAT)), minorMessages: [message], subject: name)
    }

    /// Whether a cache was found that must not be read: GSS-API would read it.
    package var isOfUnfitCache: Bool {
        call == "krb5_cc_get_principal" && major.routineError == .defectiveCredential
    }
}
