@_exported public import GSSKerberos
@_exported public import SecretMemory

/// A user, and the source of the tickets that prove the user's identity.
public struct KerberosIdentity: Sendable, Hashable {
    /// The source of tickets without its secrets, for a report.
    @nonexhaustive
    public enum Source: Sendable, Hashable {
        /// The default cache, else the default client keytab, else GSS-API's own source.
        case system
        /// A credential cache by its full name.
        case cache(String)
        /// A client keytab by its name; `nil` is the default one.
        case keytab(String?)
        /// A password, with which the KDC is asked for a ticket-granting ticket.
        case password
        /// A credential that was acquired elsewhere.
        case existing
    }

    enum Origin: Sendable {
        case system
        case cache(String)
        case keytab(String?, KerberosVerification?)
        case password(Secret, KerberosVerification?)
        case existing(KerberosCredential)
    }

    /// The principal, without `@REALM` in the default realm; `nil` is the owner of the source.
    ///
    /// An enterprise name with its realm (`ann@corp.example@REALM`, as `kinit -E` takes it) is stored in Kerberos'
    /// form, with the first `@` escaped.
    public var user: String? {
        didSet { user = user.map(Self.escapingEnterpriseName) }
    }
    let origin: Origin

    private init(_ origin: Origin, user: String?) {
        self.origin = origin
        self.user = user.map(Self.escapingEnterpriseName)
    }

    /// In a principal only the `@` before the realm is unescaped. A name of several components is not
    /// an enterprise name.
    static func escapingEnterpriseName(_ name: String) -> String {
        var isEscaped = false
        var separators: [String.UTF8View.Index] = []
        for index in name.utf8.indices {
            let byte = name.utf8[index]
            if !isEscaped, byte == UInt8(ascii: "/"), separators.count < 2 { return name }
            if !isEscaped, byte == UInt8(ascii: "@") { separators.append(index) }
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        }
        guard separators.count == 2, let first = separators.first else { return name }
        return String(name[..<first]) + "\\" + String(name[first...])
    }

    /// The system's own: the default credential cache or, of a collection, the user's, with the first valid
    /// ticket-granting ticket; without one the default client keytab, if that has the user's key; without either
    /// what GSS-API finds itself (credentials of gssproxy).
    public static func system(user: String? = nil) -> KerberosIdentity { .init(.system, user: user) }

    /// A credential cache by its full name, for example `FILE:/tmp/krb5cc_1000`; of a collection that of the user.
    /// For those of a process's or thread's keyring see ``/GSSKerberos/KerberosCredentialStore/cache``.
    public static func cache(_ name: String, user: String? = nil) -> KerberosIdentity {
        .init(.cache(name), user: user)
    }

    /// A user's key in a client keytab, for example `FILE:/etc/app.keytab`; `nil` is the default client keytab. Without
    /// a user it is the keytab's first principal.
    ///
    /// - Parameters:
    ///   - path: The keytab by its name; `nil` is the default client keytab.
    ///   - user: The principal; `nil` is the first one of the keytab.
    ///   - verify: How the KDC must prove its identity; `nil` requires no proof.
    public static func keytab(
        _ path: String?, user: String? = nil, verify: KerberosVerification? = nil
    ) -> KerberosIdentity {
        .init(.keytab(path, verify), user: user)
    }

    /// A user's password. The manager that gets it keeps it, and renews the tickets with it while they are used.
    ///
    /// - Parameters:
    ///   - password: Its bytes, UTF-8.
    ///   - user: The principal, without `@REALM` in the default realm.
    ///   - verify: How the KDC must prove its identity; `nil` requires no proof.
    public static func password(
        _ password: Secret, user: String, verify: KerberosVerification? = nil
    ) -> KerberosIdentity {
        .init(.password(password, verify), user: user)
    }

    /// A credential that was acquired elsewhere. The steps of a context with it may read files and ask KDCs.
    ///
    /// - Parameters:
    ///   - credential: A credential that can initiate contexts.
    ///   - user: Whose it has to be; `nil` takes it as it is.
    public static func existing(_ credential: KerberosCredential, user: String? = nil) -> KerberosIdentity {
        .init(.existing(credential), user: user)
    }

    /// Whether a principal, as users write it, has a realm: an unescaped `@`.
    public static func hasRealm(_ principal: String) -> Bool { KerberosTicket.realm(of: principal) != nil }

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

    /// What the workers read for it, as part of a sentence.
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

    /// The identity's key: principals and paths byte by byte.
    private struct Key: Hashable {
        var kind: Source
        var texts: [ByteText?]
        var password: Secret?
        var credential: KerberosCredential?
        var isVerified = false
    }

    private var key: Key {
        var key = Key(kind: .system, texts: [user.map(ByteText.init)])
        var verification: KerberosVerification?
        switch origin {
        case .system: break
        case .cache(let name): (key.kind, key.texts) = (.cache(""), key.texts + [ByteText(name)])
        case .keytab(let path, let check):
            (key.kind, verification) = (.keytab(nil), check)
            key.texts.append(path.map(ByteText.init))
        case .password(let password, let check):
            (key.kind, key.password, verification) = (.password, password, check)
        case .existing(let credential): (key.kind, key.credential) = (.existing, credential)
        }
        if let verification {
            key.isVerified = true
            key.texts += [verification.service.map(ByteText.init), verification.keytab.map(ByteText.init)]
        }
        return key
    }

    /// Whether they are the same, with principals and paths byte by byte.
    public static func == (one: KerberosIdentity, other: KerberosIdentity) -> Bool { one.key == other.key }

    /// By the same.
    public func hash(into hasher: inout Hasher) { hasher.combine(key) }
}
