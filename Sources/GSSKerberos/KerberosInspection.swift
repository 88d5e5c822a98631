internal import CKerberosGSSAPI
public import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// What this machine's Kerberos has to offer for one identity: configuration, cache and tickets, for a report.
///
/// Nothing of it decides anything: an authentication finds out by itself what it can use.
public struct KerberosInspection: Sendable, Hashable {
    /// A cache of tickets.
    public struct Cache: Sendable, Hashable {
        /// Its full name, for example `FILE:/tmp/krb5cc_1000`.
        public var name: String
        /// Its type, for example `FILE`.
        public var type: String
        /// Whose it is; `nil` where it cannot be read.
        public var principal: String?

        /// Creates a description.
        public init(name: String, type: String, principal: String?) {
            self.name = name
            self.type = type
            self.principal = principal
        }
    }

    /// The configuration files that can be read, in the library's order.
    public var configurationFiles: [String]
    /// The configuration files that are there and cannot be read.
    public var unreadableConfigurationFiles: [String]
    /// The realm of names without one.
    public var defaultRealm: String?
    /// By how much the clocks of client, KDC and server may differ, as this machine's configuration has it.
    public var allowedClockSkew = Duration.seconds(300)
    /// The principal that was asked for, with its realm, or the cache's.
    public var principal: String?
    /// The cache in which the tickets are looked for.
    public var cache: Cache?
    /// The client keytab that was named, or the default one where it exists.
    public var clientKeytab: String?
    /// The ticket-granting ticket of the principal's own realm.
    public var ticketGrantingTicket: KerberosTicket?
    /// All other tickets, the newest of each service last.
    public var tickets: [KerberosTicket]
    /// The reason why no tickets can be had; `nil` where there are some.
    ///
    /// More precise than what the GSS-API says, which knows "no credentials" for an unreadable cache, a missing keytab and
    /// a keytab of somebody else alike.
    public var problem: GSSError?

    /// Looks around. Reads files, and may talk to a daemon that keeps caches; it may block.
    ///
    /// - Parameters:
    ///   - principal: Whose tickets are wanted; `nil` takes the cache's owner.
    ///   - store: Where to look.
    ///   - looksForTickets: Whether to look there at all; not for those who have a password, which needs none.
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
            if let principal {
                self.principal = try library.withPrincipal(principal) { library.text($0) }
            }
            if looksForTickets { try inspect(store, library) }
        } catch {
            problem = error
        }
    }

    /// The newest ticket for a service.
    ///
    /// - Parameter name: Its principal; without a realm, or with an empty one, that of any realm.
    public func ticket(for name: String) -> KerberosTicket? {
        let hasRealm = name.contains("@") && !name.hasSuffix("@")
        let prefix = hasRealm ? name : name.hasSuffix("@") ? name : name + "@"
        return tickets.last { hasRealm ? $0.server == prefix : $0.server.hasPrefix(prefix) }
    }

    /// Tells of other tickets than those that were found: of the ones that are in use, in a private cache.
    ///
    /// - Parameter list: All of them; none changes nothing.
    public mutating func take(_ list: [KerberosTicket]) {
        guard !list.isEmpty else { return }
        ticketGrantingTicket = list.last { $0.isGranting }
        tickets = list.filter { !$0.isGranting }
    }

    private mutating func inspect(_ store: KerberosCredentialStore, _ library: KerberosLibrary) throws(GSSError) {
        let keytabProblem = inspectKeytab(store.clientKeytab, library)
        guard store.cache != nil || store.clientKeytab == nil else {
            // A keytab that was named is used for itself, whatever the default cache has.
            problem = keytabProblem
            return
        }
        do {
            try inspectCache(store.cache, library)
            // An expired ticket is replaced with the keytab's key.
            if ticketGrantingTicket == nil, tickets.isEmpty { problem = keytabProblem }
        } catch {
            // With a keytab the cache need not be there: it will be made.
            problem = clientKeytab == nil ? error : keytabProblem
        }
    }

    private mutating func inspectCache(_ name: String?, _ library: KerberosLibrary) throws(GSSError) {
        let handle = try openCache(name, library)
        defer { krb5_cc_close(library.context, handle) }
        var fullName: UnsafeMutablePointer<CChar>?
        var text = name ?? ""
        if krb5_cc_get_full_name(library.context, handle, &fullName) == 0, let fullName {
            text = String(cString: fullName)
            krb5_free_string(library.context, fullName)
        }
        let type = krb5_cc_get_type(library.context, handle).map { String(cString: $0) } ?? ""
        cache = Cache(name: text, type: type, principal: nil)

        var owner: krb5_principal?
        try library.check(
            "krb5_cc_get_principal", krb5_cc_get_principal(library.context, handle, &owner), subject: text)
        defer { krb5_free_principal(library.context, owner) }
        let found = library.text(owner)
        cache?.principal = found
        guard principal == nil || principal == found else { return }
        principal = found
        take(try library.tickets(in: handle, named: text))
    }

    /// The cache that was named, else the default one; that of the principal where it is in the same collection. So do
    /// ``KerberosTickets`` choose.
    private func openCache(_ name: String?, _ library: KerberosLibrary) throws(GSSError) -> krb5_ccache {
        if let name {
            try library.check(
                "krb5_cc_set_default_name", krb5_cc_set_default_name(library.context, name), subject: name)
        }
        var handle: krb5_ccache?
        let subject = name ?? krb5_cc_default_name(library.context).map { String(cString: $0) }
        try library.check("krb5_cc_default", krb5_cc_default(library.context, &handle), subject: subject)
        guard let handle else {
            throw GSSError(call: "krb5_cc_default", major: GSSMajorStatus(.failure), subject: subject)
        }
        guard let principal else { return handle }
        let match = try? library.withPrincipal(principal) { wanted -> krb5_ccache? in
            var owner: krb5_principal?
            defer { krb5_free_principal(library.context, owner) }
            guard
                krb5_cc_get_principal(library.context, handle, &owner) != 0
                    || krb5_principal_compare(library.context, owner, wanted) == 0
            else { return nil }
            return cgss_find_in_collection(library.context, krb5_cc_get_type(library.context, handle), wanted)
        }
        guard let match else { return handle }
        krb5_cc_close(library.context, handle)
        return match
    }

    /// Whether the keytab has a key of the principal; the reason where it has none.
    private mutating func inspectKeytab(_ name: String?, _ library: KerberosLibrary) -> GSSError? {
        do {
            var handle: krb5_keytab?
            if let name {
                clientKeytab = name
                try library.check("krb5_kt_resolve", krb5_kt_resolve(library.context, name, &handle), subject: name)
            } else {
                try library.check("krb5_kt_client_default", krb5_kt_client_default(library.context, &handle))
            }
            guard let handle else { return nil }
            defer { krb5_kt_close(library.context, handle) }
            if name == nil {
                // Nobody named it: it counts where it is there.
                guard krb5_kt_have_content(library.context, handle) == 0 else { return nil }
                var buffer = [CChar](repeating: 0, count: 1024)
                guard krb5_kt_get_name(library.context, handle, &buffer, UInt32(buffer.count)) == 0 else { return nil }
                clientKeytab = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
            var cursor: krb5_kt_cursor?
            try library.check(
                "krb5_kt_start_seq_get", krb5_kt_start_seq_get(library.context, handle, &cursor), subject: clientKeytab)
            krb5_kt_end_seq_get(library.context, handle, &cursor)
            guard let principal else { return nil }
            try library.withPrincipal(principal) { (wanted) throws(GSSError) in
                var entry = krb5_keytab_entry()
                try library.check(
                    "krb5_kt_get_entry", krb5_kt_get_entry(library.context, handle, wanted, 0, 0, &entry),
                    subject: clientKeytab)
                krb5_free_keytab_entry_contents(library.context, &entry)
            }
            return nil
        } catch {
            return error
        }
    }

    private static func findConfigurationFiles() -> (readable: [String], unreadable: [String]) {
        guard let list = cgss_configuration_files() else { return ([], []) }
        defer { cgss_free_configuration_files(list) }
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
