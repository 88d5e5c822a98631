internal import CKerberosGSSAPI
public import GSSCore
public import SecretMemory

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A private credential cache in memory: one user's ticket-granting ticket, and the service tickets obtained with it.
///
/// It is copied from another cache, or filled by a KDC for a key or a password; nothing is written to a file, no other
/// code can find it, and its keys are wiped with the last reference. Any number of threads can use it at once.
///
/// No call here may run on an event loop: each may read the Kerberos configuration, and some talk to a KDC.
public final class KerberosCredentialCache: Sendable {
    /// The owner of the tickets, with the realm.
    public let principal: String
    /// The requested user, with the realm; `nil` if none was named. A KDC may give the ticket to another name
    /// (`canonicalize = true`): then it differs from ``principal``.
    public let requestedPrincipal: String?
    /// The full name of the cache that it was copied from; `nil` if a KDC issued the ticket.
    public let origin: String?
    /// When half of the ticket-granting ticket's lifetime has passed; `nil` without one.
    public let middle: ContinuousClock.Instant?
    /// Whether only GSS-API can use its contents, with a ``KerberosCredential`` of the ``origin``: the tickets of a
    /// service that acts for the user (S4U2Proxy), or credentials that gssproxy has encrypted.
    public let needsGSSAPI: Bool

    /// Whether it holds no ticket at all, as a cache that `kinit` has just emptied.
    package let isEmpty: Bool

    let cache: PrivateCache
    /// The stamp of the file at the time of the copy; `nil` if it is not a file.
    package let stamp: FileStamp?
    private let grantingTicket: KerberosTicket?
    private let ticketEnd: TicketEnd?

    private init(
        _ cache: PrivateCache, _ library: KerberosLibrary, requested: String?, origin: String? = nil,
        stamp: FileStamp? = nil
    ) throws(GSSError) {
        let own = try cache.open(library)
        let tickets = try library.tickets(in: own)
        let grantingTicket = tickets.grantingTicket
        isEmpty = tickets.isEmpty
        self.cache = cache
        principal = library.text(try library.owner(of: own)) ?? ""
        requestedPrincipal = requested
        self.origin = origin
        self.stamp = stamp
        self.grantingTicket = grantingTicket
        needsGSSAPI = library.isDelegated(own) || tickets.contains(where: \.isOfGSSProxy)
        guard let grantingTicket else {
            (ticketEnd, middle) = (nil, nil)
            return
        }
        // The ticket's times are those of the KDC's clock.
        let time = try library.now()
        ticketEnd = TicketEnd(after: grantingTicket.endTime - time)
        middle = .now + .seconds((grantingTicket.startTime + grantingTicket.endTime) / 2 - time)
    }

    /// When the ticket-granting ticket expires; `nil` without one.
    public var end: ContinuousClock.Instant? { ticketEnd?.instant }

    /// How long the ticket-granting ticket is valid, by whichever of this machine's clocks says less; `nil` without
    /// one.
    public var timeLeft: Duration? { ticketEnd?.left }

    // MARK: - Where the tickets come from

    /// Copies the tickets of a user from a cache, or from the user's cache in its collection: of several
    /// the first with a valid ticket-granting ticket.
    ///
    /// Reads files or asks a cache daemon. Asks no KDC.
    ///
    /// - Parameters:
    ///   - name: A cache by its full name (`FILE:`, `DIR:`, `KCM:`, `KEYRING:`, `MEMORY:`); `nil` is the default one.
    ///   - user: The principal, without `@REALM` in the default realm; `nil` accepts any owner.
    /// - Throws: ``/GSSCore/GSSError``; ``KerberosCacheMismatch`` if the cache belongs to another user.
    public static func copy(from name: String?, user: String?) throws -> KerberosCredentialCache {
        let library = try KerberosLibrary()
        let wanted = try user.map { try library.principal($0) }
        let first = try library.cache(named: name)
        let source = wanted.flatMap { library.cache(of: $0, near: first) } ?? first
        guard let origin = library.fullName(of: source) else {
            throw GSSError(call: "krb5_cc_get_full_name", major: GSSMajorStatus(.failure), subject: name)
        }
        let stamp = FileStamp(origin)
        // From here on a change shows in the stamp. Until here another kinit may have come between.
        let owner = try library.owner(of: source)
        if let wanted, !library.isSame(owner, wanted) {
            throw KerberosCacheMismatch(
                cache: name, wanted: library.text(wanted) ?? user ?? "", found: library.text(owner) ?? "",
                underlying: GSSError(
                    call: "krb5_cc_cache_match", major: GSSMajorStatus(.failure),
                    minor: UInt32(bitPattern: Int32(KRB5_CC_NOTFOUND)),
                    minorMessages: ["Matching credential not found"], subject: user))
        }
        let own = try PrivateCache(of: owner, clockOf: library)
        let copy = try own.open(library)
        try library.check(
            "krb5_cc_copy_creds", krb5_cc_copy_creds(library.context, source, copy), subject: origin)
        // A cache filled from a client keytab records its refresh time: GSS-API would then ask the KDC itself.
        krb5_cc_set_config(library.context, copy, nil, "refresh_time", nil)
        return try KerberosCredentialCache(
            own, library, requested: wanted.flatMap { library.text($0) }, origin: origin, stamp: stamp)
    }

    /// Asks a KDC for the first ticket of a user with the key in a keytab. Blocks.
    ///
    /// - Parameters:
    ///   - user: The principal, without `@REALM` in the default realm; `nil` is the first one of the keytab.
    ///   - keytab: The client keytab; `nil` is the default one.
    ///   - verification: How the KDC must prove its identity; `nil` requires no proof.
    ///   - observe: Told when a KDC is asked and when it has answered.
    public static func request(
        user: String?, keytab: String?, verification: KerberosVerification? = nil, observe: KerberosObserver? = nil
    ) throws(GSSError) -> KerberosCredentialCache {
        try request(user, verification, observe) { (library, client, options, creds) throws(GSSError) in
            let keytab = try library.clientKeytab(keytab)
            // If the KDC requires preauthentication, libkrb5 reports an unreadable keytab as a preauthentication
            // failure.
            try library.requireKey(of: client, in: keytab)
            try library.check(
                "krb5_get_init_creds_keytab",
                krb5_get_init_creds_keytab(
                    library.context, creds, client, keytab, 0, nil, options), subject: library.text(client))
        } firstOwner: { (library) throws(GSSError) in
            try library.firstOwner(of: library.clientKeytab(keytab))
        }
    }

    /// Asks a KDC for the first ticket of a user with a password. Blocks.
    ///
    /// - Parameters:
    ///   - user: The principal, without `@REALM` in the default realm.
    ///   - password: Its bytes, UTF-8. libkrb5 reads them where they are.
    ///   - verification: How the KDC must prove its identity; `nil` requires no proof.
    ///   - observe: Told when a KDC is asked and when it has answered.
    public static func request(
        user: String, password: Secret, verification: KerberosVerification? = nil,
        observe: KerberosObserver? = nil
    ) throws(GSSError) -> KerberosCredentialCache {
        guard !password.isEmpty, !password.withBytes({ $0.contains(0) }) else {
            throw GSSError(
                call: "krb5_get_init_creds_password", major: GSSMajorStatus(.badName),
                majorMessages: ["the password is empty or holds a NUL character"], subject: user)
        }
        return try request(user, verification, observe) { (library, client, options, creds) throws(GSSError) in
            let status = password.withCString {
                krb5_get_init_creds_password(library.context, creds, client, $0, nil, nil, 0, nil, options)
            }
            try library.check("krb5_get_init_creds_password", status, subject: user)
        } firstOwner: { (library) throws(GSSError) in
            try library.principal(user)
        }
    }

    private typealias Request = (
        KerberosLibrary, krb5_principal, UnsafeMutablePointer<krb5_get_init_creds_opt>, UnsafeMutablePointer<krb5_creds>
    ) throws(GSSError) -> Void

    private static func request(
        _ user: String?, _ verification: KerberosVerification?, _ observe: KerberosObserver?, _ ask: Request,
        firstOwner: (KerberosLibrary) throws(GSSError) -> krb5_principal
    ) throws(GSSError) -> KerberosCredentialCache {
        let names = try KerberosLibrary()
        defer { withExtendedLifetime(names) {} }
        let client: krb5_principal = if let user { try names.principal(user) } else { try firstOwner(names) }
        let requested = names.text(client)
        let realm = requested.flatMap(KerberosTicket.realm(of:)) ?? ""
        let library = try KerberosLibrary(askingFor: "krbtgt/\(realm)@\(realm)", observe: observe)
        let own = try PrivateCache(of: client, clockOf: library)
        let cache = try own.open(library)
        let options = try library.make(
            "krb5_get_init_creds_opt_alloc", release: { krb5_get_init_creds_opt_free($0, $1) }
        ) { krb5_get_init_creds_opt_alloc(library.context, $0) }
        try library.check(
            "krb5_get_init_creds_opt_set_out_ccache",
            krb5_get_init_creds_opt_set_out_ccache(library.context, options, cache))
        if client.pointee.type == KRB5_NT_ENTERPRISE_PRINCIPAL {
            // The KDC shall answer with the account's own name (RFC 6806 section 5).
            krb5_get_init_creds_opt_set_canonicalize(options, 1)
        }
        var creds = krb5_creds()
        defer { krb5_free_cred_contents(library.context, &creds) }
        try ask(library, client, options, &creds)
        try verification?.check(&creds, library)
        let result = try KerberosCredentialCache(own, library, requested: requested)
        if let observe, let ticket = result.grantingTicket { observe(.ticketObtained(ticket)) }
        return result
    }

    /// Whether a keytab has a key of a user. Reads the file; asks no KDC.
    ///
    /// - Parameters:
    ///   - keytab: `nil` is the default client keytab.
    ///   - user: `nil` is anybody.
    public static func keytab(_ keytab: String?, has user: String?) -> Bool {
        guard let library = try? KerberosLibrary(), let keytab = try? library.clientKeytab(keytab) else { return false }
        guard let user else { return krb5_kt_have_content(library.context, keytab) == 0 }
        guard let principal = try? library.principal(user) else { return false }
        return (try? library.requireKey(of: principal, in: keytab)) != nil
    }

    /// The current stamp of a client keytab's file; `nil` if it is not a file, or does not exist.
    package static func stamp(ofKeytab name: String?) -> FileStamp? {
        guard let library = try? KerberosLibrary(), let keytab = try? library.clientKeytab(name) else { return nil }
        return library.name(of: keytab).flatMap { FileStamp($0) }
    }

    // MARK: - What is in it

    /// Whether the cache that it was copied from is unchanged since its file had this stamp: it is not after
    /// another `kinit`, by any user. True for one that was not copied. Asks no KDC.
    package func isCurrent(since stamp: FileStamp?) -> Bool {
        guard let origin else { return true }
        if let stamp { return FileStamp(origin) == stamp }
        guard let library = try? KerberosLibrary(), let cache = try? library.cache(named: origin),
            let owner = try? library.owner(of: cache), let tickets = try? library.tickets(in: cache)
        else { return false }
        return isSameText(library.text(owner), principal) && tickets.grantingTicket == grantingTicket
    }

    /// Whether two copies have the same ticket-granting ticket, so that they differ at most in service tickets.
    package func hasSameOrigin(as other: KerberosCredentialCache) -> Bool {
        isSameText(origin, other.origin) && isSameText(principal, other.principal)
            && grantingTicket == other.grantingTicket && needsGSSAPI == other.needsGSSAPI
    }

    /// All tickets, without their keys: the ticket-granting ticket, and those of services.
    public func tickets() throws(GSSError) -> [KerberosTicket] {
        let library = try KerberosLibrary()
        return try library.tickets(in: cache.open(library))
    }
}

/// A cache with the tickets of a user other than the named one.
public struct KerberosCacheMismatch: Error, Sendable, Hashable {
    /// The cache, as given; `nil` is the default one.
    public var cache: String?
    /// The named user, with the realm.
    public var wanted: String
    /// The owner of the tickets, with the realm.
    public var found: String
    /// The library's message.
    public var underlying: GSSError
}
