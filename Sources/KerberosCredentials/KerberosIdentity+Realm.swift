extension KerberosIdentity {
    /// Whether a principal, as a person writes it, names its realm: an `@` that no backslash escapes.
    public static func hasRealm(_ principal: String) -> Bool { KerberosTicket.realm(of: principal) != nil }
}
