internal import BlockingWork

/// Passwords, checked by a KDC.
public enum KerberosPassword {
    /// Checks a user's password, and that the KDC is the realm's own.
    ///
    /// This is what `pam_krb5` does, and what the flag KRB5_VERIFY_KDC of others asks for. An attacker who impersonates
    /// the KDC can make any password seem right; therefore the KDC must also issue a ticket for a service of this host
    /// that the service's own key decrypts. Without such a key a password cannot be checked, and the call fails.
    ///
    /// Success only means that the password is right at this moment: nothing is kept.
    ///
    /// - Parameters:
    ///   - user: The principal, without `@REALM` in the default realm.
    ///   - password: The password.
    ///   - verification: The key of this host.
    ///   - deadline: When to stop waiting. A KDC that was asked by then still counts the attempt.
    /// - Throws: ``KerberosCredentialError`` with ``KerberosCredentialError/Code/rejected`` for a wrong password and
    ///   for an account that is unknown, revoked or expired; `CancellationError`.
    public static func check(
        user: String, password: Secret, against verification: KerberosVerification,
        by deadline: ContinuousClock.Instant
    ) async throws {
        let identity = KerberosIdentity.password(password, user: user, verify: verification)
        let work = WatchedWork<Int, Void>(workers: .kdcs)
        try await KerberosCredentialError.translating(late: .kdcTimeout) {
            try await work.value(
                for: 0, by: deadline, waitingFor: "a KDC for the first ticket of \(user)", observe: { _ in }
            ) { observe in
                _ = try KerberosCredentialCache.request(identity, observe)
            }
        }
    }
}
