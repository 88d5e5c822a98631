extension KerberosRealm {
    /// Lets the users of another realm get tickets for this realm's services.
    ///
    /// Both databases get `krbtgt/THIS@OTHER` with the same key, and both `krb5.conf` files get the other KDC's
    /// location. For a path over more than two realms, let each trust the one before it, call ``addRealm(_:hosts:)``
    /// with the last for the first, and put `capaths` into the ``Configuration/sections`` of all.
    ///
    /// ```swift
    /// let users = try await KerberosRealm.start(.init(realm: "USERS.TEST"))
    /// let services = try await KerberosRealm.start(.init(realm: "SERVICES.TEST"))
    /// try await services.trust(users, hosts: ["localhost"])
    /// // A client with users.environment(cache:) reaches mongodb/localhost@SERVICES.TEST.
    /// ```
    ///
    /// - Parameters:
    ///   - other: The realm whose users come here; it must have another name.
    ///   - mutually: Whether this realm's users may also go there.
    ///   - hosts: This realm's hosts (`db.example.test`) and domains (`.example.test`): clients of the other
    ///     realm then find the realm of their services.
    public func trust(
        _ other: KerberosRealm, mutually: Bool = false, hosts: [String] = []
    ) async throws(KerberosTestKitError) {
        guard other.name != name else {
            throw KerberosTestKitError(.invalidArgument, "two realms named \(name) cannot trust each other")
        }
        guard samba == nil, other.samba == nil else {
            throw KerberosTestKitError(
                .unsupported,
                "the kit cannot make a trust with a realm whose KDC is Samba's; addRealm(_:hosts:) makes it known")
        }
        try await other.addRealm(self, hosts: hosts)
        try addRealm(other)
        var tickets = ["krbtgt/\(name)@\(other.name)"]
        if mutually { tickets.append("krbtgt/\(other.name)@\(name)") }
        // The key is made from the password and the principal's name, so both databases make the same one.
        let principals = tickets.map { ticket in
            NewPrincipal(ticket, password: String(UInt64.random(in: .min ... .max), radix: 36))
        }
        try await addPrincipals(principals)
        try await other.addPrincipals(principals)
    }

    /// Configures another realm's KDC for this realm's clients, without any trust.
    ///
    /// - Parameters:
    ///   - other: A realm that runs.
    ///   - hosts: The other realm's hosts (`db.example.test`) and domains (`.example.test`).
    public func addRealm(_ other: KerberosRealm, hosts: [String] = []) throws(KerberosTestKitError) {
        try learn(of: other.name, lines: other.endpoints.map { "kdc = \($0)" }, hosts: hosts)
    }
}
