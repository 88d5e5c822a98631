internal import CKerberosGSSAPI
public import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// One user's tickets in a private cache in memory, and the credential that uses them.
///
/// They are copied from another cache, or come from a KDC for a key or a password; nothing is written to any file,
/// nobody else finds them, and their keys are wiped with the last reference. A value serves any number of threads at
/// once: unlike a credential that reads a shared cache, ``credential`` finds its tickets there and waits for no KDC, when
/// ``getTicket(for:)`` has fetched them before.
///
/// No call here may run on an event loop: each reads the Kerberos configuration, and some talk to a KDC.
public final class KerberosTickets: Sendable {
    /// Whose tickets they are, with the realm.
    public let principal: String
    /// The credential to start contexts with.
    public let credential: KerberosCredential
    /// The full name of the cache that they were copied from; `nil` where a KDC gave them.
    public let origin: String?
    /// When the ticket-granting ticket ends; `nil` without one.
    public let end: ContinuousClock.Instant?
    /// When half of the ticket-granting ticket's life is over; `nil` without one.
    public let middle: ContinuousClock.Instant?

    private let cache: PrivateCache
    private let mark: UInt64
    private let stamp: cgss_stamp?

    private init(_ tickets: cgss_tickets) throws(GSSError) {
        let cache = PrivateCache(adopting: String(cString: tickets.cache))
        self.cache = cache
        stamp = tickets.has_stamp != 0 ? tickets.stamp : nil
        principal = String(cString: tickets.principal)
        origin = tickets.origin.map { String(cString: $0) }
        mark = tickets.mark
        if tickets.lifetime >= 0 {
            let end = ContinuousClock.now + .seconds(tickets.lifetime)
            self.end = end
            middle = end - .seconds(max(0, tickets.lifetime + tickets.age) / 2)
        } else {
            end = nil
            middle = nil
        }
        credential = try KerberosCredential(cache)
    }

    // MARK: - Where they come from

    /// Copies the tickets of a user from a cache, or from that of its collection which is the user's.
    ///
    /// Reads files or asks the system's keeper of tickets, and no KDC.
    ///
    /// - Parameters:
    ///   - cache: A cache by its full name (`FILE:`, `DIR:`, `KCM:`, `KEYRING:`, `MEMORY:`); `nil` is the default one.
    ///   - user: The principal, without `@REALM` in the default realm; `nil` takes the cache as it is.
    /// - Throws: ``GSSCore/GSSError``; ``KerberosCacheMismatch`` where the cache is of somebody else.
    public static func copy(from cache: String?, user: String?) throws -> KerberosTickets {
        var tickets = cgss_tickets()
        let outcome = withOptionalCString(cache) { cache in
            withOptionalCString(user) { cgss_copy_tickets(cache, $0, &tickets) }
        }
        defer { cgss_free_tickets(&tickets) }
        guard outcome.code == 0 else {
            let error = error(outcome, subject: user ?? cache)
            guard let found = tickets.found else { throw error }
            throw KerberosCacheMismatch(
                cache: cache, wanted: tickets.principal.map { String(cString: $0) } ?? user ?? "",
                found: String(cString: found), underlying: error)
        }
        return try KerberosTickets(tickets)
    }

    /// Asks a KDC for the first ticket of a user with the key in a keytab. Blocks.
    ///
    /// - Parameters:
    ///   - user: The principal, without `@REALM` in the default realm.
    ///   - store: Names the client keytab; `nil` there is the default one. Its `verify` is heeded.
    public static func request(user: String, store: KerberosCredentialStore) throws(GSSError) -> KerberosTickets {
        try request(user: user, password: nil, store: store)
    }

    /// Asks a KDC for the first ticket of a user with a password. Blocks.
    ///
    /// - Parameters:
    ///   - user: The principal, without `@REALM` in the default realm.
    ///   - password: Its bytes, UTF-8. They are copied once, and that copy is wiped.
    ///   - store: Its `verify` is heeded.
    public static func request(
        user: String, password: UnsafeRawBufferPointer, store: KerberosCredentialStore = .init()
    ) throws(GSSError) -> KerberosTickets {
        guard !password.isEmpty, !password.contains(0) else {
            throw GSSError(
                call: "krb5_get_init_creds_password", major: GSSMajorStatus(.badName),
                majorMessages: ["the password is empty or holds a NUL character"], subject: user)
        }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: password.count + 1, alignment: 1)
        defer {
            cgss_wipe(copy.baseAddress, copy.count)
            copy.deallocate()
        }
        copy.copyMemory(from: password)
        copy[password.count] = 0
        return try request(user: user, password: copy.assumingMemoryBound(to: CChar.self).baseAddress, store: store)
    }

    private static func request(
        user: String, password: UnsafePointer<CChar>?, store: KerberosCredentialStore
    ) throws(GSSError) -> KerberosTickets {
        var tickets = cgss_tickets()
        let outcome = withOptionalCString(store.clientKeytab) { clientKeytab in
            withOptionalCString(store.verify) { verify in
                withOptionalCString(store.keytab) { keytab in
                    cgss_request_tickets(user, password, clientKeytab, verify, keytab, &tickets)
                }
            }
        }
        defer { cgss_free_tickets(&tickets) }
        guard outcome.code == 0 else { throw error(outcome, subject: user) }
        return try KerberosTickets(tickets)
    }

    /// Whether a keytab has a key of a user. Reads the file, asks no KDC.
    ///
    /// - Parameter keytab: `nil` is the default client keytab.
    public static func keytab(_ keytab: String?, has user: String) -> Bool {
        withOptionalCString(keytab) { cgss_keytab_has($0, user) != 0 }
    }

    // MARK: - Their life

    /// Whether the cache that they were copied from is as it was then: it is not after another `kinit`, of whomever. True
    /// for tickets that were not copied. Asks no KDC.
    public var areCurrent: Bool {
        guard let origin else { return true }
        if let stamp {
            var now = cgss_stamp()
            return cgss_cache_stamp(origin, &now) != 0 && cgss_same_stamp(stamp, now) != 0
        }
        var mark: UInt64 = 0
        return cgss_tickets_mark(origin, &mark).code == 0 && mark == self.mark
    }

    // MARK: - Services

    /// Looks for a service's ticket among these, and asks no KDC.
    ///
    /// - Returns: When it ends; `nil` where there is none, or none that is valid.
    public func ticket(for service: GSSName) throws(GSSError) -> ContinuousClock.Instant? {
        var lifetime: Int64 = 0
        let outcome = cgss_get_ticket(cache.name, try Self.text(of: service), 1, &lifetime)
        return outcome.code == 0 ? ContinuousClock.now + .seconds(lifetime) : nil
    }

    /// Gets a service's ticket, from a KDC unless it is here. Blocks.
    ///
    /// - Returns: When it ends.
    public func getTicket(for service: GSSName) throws(GSSError) -> ContinuousClock.Instant {
        var lifetime: Int64 = 0
        let outcome = cgss_get_ticket(cache.name, try Self.text(of: service), 0, &lifetime)
        guard outcome.code == 0 else { throw Self.error(outcome, subject: service.description) }
        return ContinuousClock.now + .seconds(lifetime)
    }

    /// Gets another ticket for a service from a KDC, in place of the one that is here and, where it can be written, in the
    /// cache that these were copied from: for a service whose key has changed. Blocks.
    ///
    /// - Returns: When it ends.
    /// - Throws: ``GSSCore/GSSError``; the ticket that was here is then here still.
    public func replaceTicket(for service: GSSName) throws(GSSError) -> ContinuousClock.Instant {
        var lifetime: Int64 = 0
        let text = try Self.text(of: service)
        let outcome = Self.withOptionalCString(origin) { cgss_replace_ticket(cache.name, text, $0, &lifetime) }
        guard outcome.code == 0 else { throw Self.error(outcome, subject: service.description) }
        return ContinuousClock.now + .seconds(lifetime)
    }

    /// All of these tickets, without their keys: the ticket-granting ticket, and those of services.
    public func list() throws(GSSError) -> [KerberosTicket] {
        let library = try KerberosLibrary()
        var handle: krb5_ccache?
        try library.check("krb5_cc_resolve", krb5_cc_resolve(library.context, cache.name, &handle))
        defer { if let handle { krb5_cc_close(library.context, handle) } }
        return try library.tickets(in: handle, named: cache.name)
    }

    /// Puts a service's ticket into the cache that these were copied from, where other programs find it, unless that is
    /// somebody else's meanwhile. What cannot be written is not: these tickets do not depend on it.
    public func saveTicket(for service: GSSName) {
        guard let origin, let text = try? Self.text(of: service) else { return }
        _ = cgss_save_ticket(cache.name, text, origin)
    }

    /// A principal's text goes in as it is; for other kinds of names the library has to work it out.
    private static func text(of service: GSSName) throws(GSSError) -> String {
        service.syntax == .kerberosPrincipal ? service.text : try service.kerberosPrincipal()
    }

    // MARK: - The C library

    private static func error(_ outcome: cgss_outcome, subject: String?) -> GSSError {
        let message = withUnsafeBytes(of: outcome.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        // A keytab that is not there or may not be read: the library has no code of its own for it.
        let isMissing = [ENOENT, EACCES, EPERM].contains(outcome.code)
        return GSSError(
            call: outcome.call.map { String(cString: $0) } ?? "libkrb5",
            major: GSSMajorStatus(isMissing ? .noCredential : .failure),
            minor: UInt32(bitPattern: outcome.code), minorMessages: message.isEmpty ? [] : [message], subject: subject)
    }

    private static func withOptionalCString<R>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
        guard let text else { return body(nil) }
        return text.withCString { body($0) }
    }
}

/// A cache that holds the tickets of somebody else than the user who was named.
public struct KerberosCacheMismatch: Error, Sendable, Hashable {
    /// The cache as it was named; `nil` is the default one.
    public var cache: String?
    /// Who was named, with the realm.
    public var wanted: String
    /// Whose tickets are there, with the realm.
    public var found: String
    /// What the library says.
    public var underlying: GSSError
}
