internal import CKerberosGSSAPI
public import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The state of this machine's Kerberos for one identity: configuration, cache and tickets, for a report.
///
/// It decides nothing: an authentication determines itself what it can use.
public struct KerberosInspection: Sendable, Hashable {
    /// A cache of tickets.
    public struct Cache: Sendable, Hashable {
        /// Its full name, for example `FILE:/tmp/krb5cc_1000`.
        public var name: String
        /// Its type, for example `FILE`.
        public var type: String
        /// Its owner; `nil` if it cannot be read.
        public var principal: String?

        /// Creates a description.
        public init(name: String, type: String, principal: String?) {
            self.name = name
            self.type = type
            self.principal = principal
        }
    }

    /// A keytab that cannot be used.
    public struct UnusableKeytab: Sendable, Hashable {
        /// Its full name.
        public var name: String
        /// What the library says of it.
        public var error: GSSError
    }

    /// The configuration files that can be read, in the library's order.
    public var configurationFiles: [String]
    /// The configuration files that exist and cannot be read.
    public var unreadableConfigurationFiles: [String]
    /// `default_realm`, for principals that are written without one; `nil` where there is none.
    public var defaultRealm: String?
    /// The allowed clock skew between client, KDC and server, from this machine's configuration.
    public var allowedClockSkew = Duration.seconds(300)
    /// The requested principal, with its realm, or the cache's.
    public var principal: String?
    /// The cache in which the tickets are looked for.
    public var cache: Cache?
    /// The client keytab that was named, or the default one where it exists.
    public var clientKeytab: String?
    /// The default client keytab if it cannot be used, and why: it may have been intended.
    public var unusableClientKeytab: UnusableKeytab?
    /// The default keytab of servers, if it has a key of the principal. Clients do not use it.
    public var serverKeytab: String?
    /// The ticket-granting ticket of the principal's own realm.
    public var ticketGrantingTicket: KerberosTicket?
    /// All other tickets, the newest of each service last.
    public var tickets: [KerberosTicket]
    /// Why there are no tickets; `nil` if there are some.
    ///
    /// More precise than the GSS-API, which reports "no credentials" alike for an unreadable cache, a missing
    /// keytab and a keytab of another user.
    public var problem: GSSError?

    /// Inspects the machine. Reads files, and may ask a cache daemon; it may block.
    ///
    /// - Parameters:
    ///   - principal: The user whose tickets are wanted; `nil` is the cache's owner.
    ///   - store: Where to look.
    ///   - looksForTickets: Whether to look for tickets at all; a user with a password needs none.
    public init(
        principal: String? = nil, store: KerberosCredentialStore = .init(), looksForTickets: Bool = true
    ) {
        (configurationFiles, unreadableConfigurationFiles) = Self.findConfigurationFiles()
        self.principal = principal
        tickets = []
        do {
            let library = try KerberosLibrary()
            defaultRealm = library.defaultRealm()
            allowedClockSkew = library.allowedClockSkew()
            if let principal { self.principal = library.text(try library.principal(principal)) }
            if looksForTickets {
                findServerKeytab(library)
                try inspect(store, library)
            }
        } catch {
            problem = error
        }
    }

    /// Replaces the tickets found by those in use, in a private cache.
    ///
    /// - Parameter list: All of them; an empty list changes nothing.
    public mutating func take(_ list: [KerberosTicket]) {
        guard !list.isEmpty else { return }
        ticketGrantingTicket = list.grantingTicket
        tickets = list.filter { !$0.isGranting }
    }

    private mutating func inspect(_ store: KerberosCredentialStore, _ library: KerberosLibrary) throws(GSSError) {
        let keytabProblem = inspectKeytab(store.clientKeytab, library)
        guard store.cache != nil || store.clientKeytab == nil else {
            // A named keytab is used, whatever the default cache has.
            problem = keytabProblem
            return
        }
        do {
            try inspectCache(store.cache, library)
            // An expired ticket is replaced with the keytab's key.
            if ticketGrantingTicket == nil, tickets.isEmpty { problem = keytabProblem }
        } catch {
            // With a keytab the cache need not exist: it will be created.
            problem = clientKeytab == nil ? error : keytabProblem
        }
    }

    private mutating func inspectCache(_ name: String?, _ library: KerberosLibrary) throws(GSSError) {
        let first = try library.cache(named: name)
        let wanted: krb5_principal? = if let principal { try library.principal(principal) } else { nil }
        let chosen = wanted.flatMap { library.cache(of: $0, near: first) } ?? first
        let text = library.fullName(of: chosen) ?? name ?? ""
        cache = Cache(name: text, type: library.type(of: chosen), principal: nil)
        let found = library.text(try library.owner(of: chosen))
        cache?.principal = found
        guard principal == nil || principal == found else { return }
        principal = found
        take(try library.tickets(in: chosen))
    }

    private mutating func findServerKeytab(_ library: KerberosLibrary) {
        guard let principal, let keytab = try? library.serverKeytab(), let user = try? library.principal(principal),
            (try? library.requireKey(of: user, in: keytab)) != nil
        else { return }
        serverKeytab = library.name(of: keytab)
    }

    /// Whether the keytab has a key of the principal; the reason if it has none.
    private mutating func inspectKeytab(_ name: String?, _ library: KerberosLibrary) -> GSSError? {
        clientKeytab = name
        do {
            let keytab = try library.clientKeytab(name)
            if name == nil {
                // It was not named: it counts if it exists.
                do throws(GSSError) {
                    try library.check("krb5_kt_have_content", krb5_kt_have_content(library.context, keytab))
                } catch {
                    unusableClientKeytab = library.name(of: keytab).map { UnusableKeytab(name: $0, error: error) }
                    return nil
                }
                clientKeytab = library.name(of: keytab)
            }
            var cursor: krb5_kt_cursor?
            try library.check(
                "krb5_kt_start_seq_get", krb5_kt_start_seq_get(library.context, keytab, &cursor),
                subject: clientKeytab)
            krb5_kt_end_seq_get(library.context, keytab, &cursor)
            guard let principal else { return nil }
            try library.requireKey(of: library.principal(principal), in: keytab)
            return nil
        } catch {
            return error
        }
    }

    private static func findConfigurationFiles() -> (readable: [String], unreadable: [String]) {
        var list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        guard krb5_get_default_config_files(&list) == 0, let list else { return ([], []) }
        defer { krb5_free_config_files(list) }
        var readable: [String] = []
        var unreadable: [String] = []
        var position = list
        while let file = position.pointee {
            if access(file, R_OK) == 0 {
                readable.append(String(cString: file))
            } else if errno != ENOENT, errno != ENOTDIR {
                unreadable.append(String(cString: file))
            }
            position += 1
        }
        return (readable, unreadable)
    }
}
