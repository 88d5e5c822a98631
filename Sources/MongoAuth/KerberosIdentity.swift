internal import GSSCore
internal import GSSKerberos

/// Finds the Kerberos credential that a user name asks for. Blocks: call it on a worker.
enum KerberosIdentity {
    /// - Throws: ``MongoAuthError/Code/kerberos`` that names both principals where the store holds somebody else's.
    static func acquire(_ username: String, _ store: KerberosCredentialStore) throws(MongoAuthError)
        -> KerberosCredential
    {
        do {
            return try KerberosCredential(name: .principal(username), store: store)
        } catch {
            guard KerberosFailure(error).kind == .noCredentials,
                let wanted = try? GSSName.principal(username).kerberosPrincipal(),
                let found = try? KerberosCredential(store: store).inquire().principal, found != wanted
            else {
                throw MongoAuthError(
                    .kerberos, "no Kerberos credential for \(username): \(error.message)", underlying: error)
            }
            throw MongoAuthError(
                .kerberos,
                "the user is \(wanted), but the Kerberos credentials on this machine are those of \(found): run "
                    + "`kinit \(wanted)`, or name \(found) as the user",
                underlying: error)
        }
    }

    /// Whether a principal names its realm: an `@` that no backslash escapes.
    static func hasRealm(_ principal: String) -> Bool {
        var isEscaped = false
        for byte in principal.utf8 {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "@") {
                return true
            }
        }
        return false
    }
}
