@_exported public import GSSKerberos
@_exported public import SecretMemory

/// Who somebody is, and where the tickets that prove it come from.
public struct KerberosIdentity: Sendable, Hashable {
    /// Where tickets come from, without what is secret of it, for a report.
    @nonexhaustive
    public enum Source: Sendable, Hashable {
        /// The default cache, else the default client keytab, else what GSS-API itself has.
        case system
        /// A credential cache by its full name.
        case cache(String)
        /// A client keytab by its name; `nil` is the default one.
        case keytab(String?)
        /// A password.
        case password
        /// A credential that was acquired elsewhere.
        case existing
    }

    enum Origin: Sendable, Hashable {
        case system
        case cache(String)
        case keytab(String?, KerberosVerification?)
        case password(Secret, KerberosVerification?)
        case existing(KerberosCredential)
    }

    /// The principal, without `@REALM` in the default realm; `nil` takes whoever the source is of.
    public var user: String?
    let origin: Origin

    private init(_ origin: Origin, user: String?) {
        self.origin = origin
        self.user = user
    }

    /// The system's own: the default credential cache or, of a collection, the user's, with the first ticket-granting
    /// ticket that is good; without one the default client keytab, where that has the user's key; without either what
    /// GSS-API finds by itself (credentials behind gssproxy).
    public static func system(user: String? = nil) -> KerberosIdentity { .init(.system, user: user) }

    /// A credential cache by its full name, for example `FILE:/tmp/krb5cc_1000`; of a collection that of the user.
    ///
    /// Linux shows a `KEYRING:process:` cache only to the thread that made the keyring and to those that it starts later,
    /// and a `KEYRING:thread:` one to no other thread, so workers may not see them.
    public static func cache(_ name: String, user: String? = nil) -> KerberosIdentity {
        .init(.cache(name), user: user)
    }

    /// A user's key in a client keytab, for example `FILE:/etc/app.keytab`; `nil` is the default client keytab. Without a
    /// user it is the keytab's first principal.
    ///
    /// - Parameter verify: How the KDC is to prove itself; `nil` asks for no proof.
    public static func keytab(
        _ path: String?, user: String? = nil, verify: KerberosVerification? = nil
    ) -> KerberosIdentity {
        .init(.keytab(path, verify), user: user)
    }

    /// A user's password. It is kept as long as the manager that it is handed to, which renews the tickets with it.
    ///
    /// - Parameter verify: How the KDC is to prove itself; `nil` asks for no proof.
    public static func password(
        _ password: Secret, user: String, verify: KerberosVerification? = nil
    ) -> KerberosIdentity {
        .init(.password(password, verify), user: user)
    }

    /// A credential that was acquired elsewhere. The steps of a context with it may read files and ask KDCs.
    ///
    /// - Parameter user: Whose it has to be; `nil` takes it as it is.
    public static func existing(_ credential: KerberosCredential, user: String? = nil) -> KerberosIdentity {
        .init(.existing(credential), user: user)
    }

    /// Where the tickets come from.
    public var source: Source {
        switch origin {
        case .system: .system
        case .cache(let name): .cache(name)
        case .keytab(let path, _): .keytab(path)
        case .password: .password
        case .existing: .existing
        }
    }

    /// What the workers read for it, as a part of a sentence.
    var filesText: String {
        switch origin {
        case .system, .password: "the default credential cache"
        case .cache(let name): "the credential cache \(name)"
        case .keytab(let path, _): path.map { "the keytab \($0)" } ?? "the default client keytab"
        case .existing: "the credential"
        }
    }

    /// Who it is, as a part of a sentence.
    var userText: String { user ?? "the owner of \(filesText)" }
}
