/// What only Active Directory has. With another backend than Samba these throw the code `unsupported`.
///
/// An account is named by its own name, such as `ann`, or by a service principal name that it has.
extension KerberosRealm {
    /// Lets user principal names end with a domain that is not the realm's, such as `mail.example.com`.
    public func addUPNSuffix(_ suffix: String) async throws(KerberosTestKitError) {
        let domain = try directory()
        try await domain.run([DirectoryChange("suffix", suffix)], to: "add the suffix \(suffix)")
    }

    /// Gives an account another user principal name, such as `ann.smith@mail.example.com`, with which it can log in
    /// as enterprise name (RFC 6806): `makeCache("ann.smith@mail.example.com", password: .., options: ["-E"])`. The
    /// default is the account's name with the realm.
    public func setUserPrincipalName(_ name: String, of account: String) async throws(KerberosTestKitError) {
        let domain = try directory()
        try await domain.run(
            [DirectoryChange("set", try domain.account(of: account), "userPrincipalName", name)],
            to: "name \(account) \(name)")
    }

    /// Makes an account a member of groups, which are created if needed.
    ///
    /// Every group adds some bytes to each of the account's tickets: with hundreds they are too large for UDP.
    public func addGroups(_ groups: [String], to account: String) async throws(KerberosTestKitError) {
        let domain = try directory()
        for group in groups where group.utf16.count > 64 || group.isEmpty {
            throw KerberosTestKitError(
                .invalidArgument, "\(group.debugDescription) cannot be a group's name, which has 64 characters at most")
        }
        try await domain.run(
            [DirectoryChange(["groups", try domain.account(of: account)] + groups)], to: "add groups to \(account)")
    }

    /// Adds a service principal name to an account.
    ///
    /// - Parameters:
    ///   - service: The name, such as `http/front`.
    ///   - account: Who has the key of that service from now on.
    ///   - allowingDuplicate: Another account may already have it, as happens when two domain controllers
    ///     have not replicated yet. The KDC then knows no such service; Samba's answers `KDC_ERR_S_PRINCIPAL_UNKNOWN`,
    ///     Windows `KDC_ERR_PRINCIPAL_NOT_UNIQUE`.
    public func addServicePrincipalName(
        _ service: String, to account: String, allowingDuplicate: Bool = false
    ) async throws(KerberosTestKitError) {
        let domain = try directory()
        let name = try domain.account(of: service)
        try await domain.run(
            [DirectoryChange(allowingDuplicate ? "duplicate" : "service", try domain.account(of: account), name)],
            to: "give \(account) the name \(service)")
    }

    /// Locks accounts out after wrong passwords, until the duration has passed or they are ``PrincipalTrait/unlocked``.
    ///
    /// - Parameters:
    ///   - failures: How many; 0 means never.
    ///   - duration: For how long, and how long a wrong password counts.
    public func setLockout(
        after failures: Int, for duration: Duration = .seconds(1800)
    ) async throws(KerberosTestKitError) {
        guard (0...999).contains(failures), duration > .zero, duration < .seconds(100 * 86_400) else {
            throw KerberosTestKitError(
                .invalidArgument, "a lockout comes after 0 to 999 failures, and lasts less than 100 days")
        }
        // In units of 100 nanoseconds; a duration is negative.
        let ticks = "-\(duration.components.seconds * 10_000_000 + duration.components.attoseconds / 100_000_000_000)"
        try await directory().run(
            [
                DirectoryChange(
                    "domain", "lockOutObservationWindow", ticks, "lockoutDuration", ticks, "lockoutThreshold",
                    "\(failures)")
            ], to: "set the lockout")
    }

    /// Lets a service get tickets for other services on behalf of its users: constrained delegation, S4U2Proxy of
    /// [MS-SFU].
    ///
    /// - Parameters:
    ///   - account: The service.
    ///   - services: The service principal names that it may delegate to.
    ///   - anyProtocol: Also for users who did not present a ticket to it (S4U2Self gives forwardable tickets).
    public func allowDelegation(
        from account: String, to services: [String], anyProtocol: Bool = false
    ) async throws(KerberosTestKitError) {
        let domain = try directory()
        let name = try domain.account(of: account)
        var changes = [DirectoryChange(["set", name, "msDS-AllowedToDelegateTo"] + services)]
        if anyProtocol { changes.append(DirectoryChange("flags", name, "\(0x100_0000)", "0")) }
        try await domain.run(changes, to: "let \(account) delegate")
    }

    /// The domain, or an error if there is none.
    private func directory() throws(KerberosTestKitError) -> SambaDomain {
        try requireFolder()
        guard let samba else {
            throw KerberosTestKitError(
                .unsupported, "this realm's KDC is MIT's, which has no directory: start it with the backend .samba()")
        }
        return samba
    }
}
