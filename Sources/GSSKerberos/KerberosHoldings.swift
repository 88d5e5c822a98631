internal import CKerberosGSSAPI
public import GSSCore

/// The Kerberos credentials on this machine: the caches of the user's collection, and the keys of a keytab. For a
/// report.
public enum KerberosHoldings {
    /// One credential cache of the collection, with its tickets or why they cannot be listed.
    public struct Cache: Sendable, Hashable {
        /// The cache and its owner.
        public var cache: KerberosInspection.Cache
        /// Whether it is the default cache.
        public var isDefault: Bool
        /// Its tickets, without the settings that caches store in the same form.
        public var tickets: [KerberosTicket]
        /// How many more there are.
        public var moreTickets: Int
        /// Why it cannot be read.
        public var problem: GSSError?

        /// Creates a description.
        public init(
            cache: KerberosInspection.Cache, isDefault: Bool, tickets: [KerberosTicket] = [], moreTickets: Int = 0,
            problem: GSSError? = nil
        ) {
            (self.cache, self.isDefault, self.tickets) = (cache, isDefault, tickets)
            (self.moreTickets, self.problem) = (moreTickets, problem)
        }
    }

    /// A key of a keytab, without the key.
    public struct Key: Sendable, Hashable {
        /// The user or service that the key belongs to, as `name@REALM`.
        public var principal: String
        /// The number that tickets name it by (kvno).
        public var version: UInt32
        /// The type by its name, such as `aes256-cts-hmac-sha1-96`.
        public var encryptionType: String

        /// Creates a description.
        public init(principal: String, version: UInt32, encryptionType: String) {
            (self.principal, self.version, self.encryptionType) = (principal, version, encryptionType)
        }
    }

    /// A keytab by its name, with what it holds or why it cannot be read.
    public struct Keytab: Sendable, Hashable {
        /// Its full name, for example `FILE:/etc/app.keytab`.
        public var name: String
        /// One entry for each principal, version and encryption type; empty where the file cannot be read.
        public var keys: [Key]
        /// How many more there are.
        public var moreKeys: Int
        /// Why it cannot be read.
        public var problem: GSSError?

        /// Creates a description.
        public init(name: String, keys: [Key] = [], moreKeys: Int = 0, problem: GSSError? = nil) {
            (self.name, self.keys, self.moreKeys, self.problem) = (name, keys, moreKeys, problem)
        }
    }

    /// How many caches, tickets of a cache and keys are reported.
    public static let mostEntries = 100

    /// The default cache, whether it exists or not, and the others of all collections. Reads files and may ask a
    /// daemon.
    ///
    /// - Parameter name: The cache to treat as the default one.
    public static func caches(default name: String? = nil) throws(GSSError) -> [Cache] {
        let library = try KerberosLibrary()
        let first = try library.cache(named: name)
        var caches = [describe(first, isDefault: true, library)]
        var cursor: krb5_cccol_cursor?
        guard krb5_cccol_cursor_new(library.context, &cursor) == 0 else { return caches }
        defer { krb5_cccol_cursor_free(library.context, &cursor) }
        var next: krb5_ccache?
        while caches.count < mostEntries, krb5_cccol_cursor_next(library.context, cursor, &next) == 0, let handle = next
        {
            library.keep { [context = library.context] in krb5_cc_close(context, handle) }
            // Those in memory are this process's own.
            guard library.type(of: handle) != "MEMORY" else { continue }
            let found = describe(handle, isDefault: false, library)
            if !caches.contains(where: { isSameText($0.cache.name, found.cache.name) }) { caches.append(found) }
        }
        return caches
    }

    private static func describe(_ handle: krb5_ccache, isDefault: Bool, _ library: KerberosLibrary) -> Cache {
        let name = library.fullName(of: handle) ?? ""
        var cache = Cache(
            cache: .init(name: name, type: library.type(of: handle), principal: nil), isDefault: isDefault)
        do throws(GSSError) {
            cache.cache.principal = library.text(try library.owner(of: handle))
            let tickets = try library.tickets(in: handle)
            cache.tickets = Array(tickets.prefix(mostEntries))
            cache.moreTickets = tickets.count - cache.tickets.count
        } catch {
            cache.problem = error
        }
        return cache
    }

    /// The keytab from which a client gets tickets. Reads a file.
    ///
    /// - Parameter name: The keytab; `nil` is the default client keytab.
    public static func clientKeytab(_ name: String? = nil) throws(GSSError) -> Keytab {
        let library = try KerberosLibrary()
        let handle = try library.clientKeytab(name)
        var keytab = Keytab(name: library.name(of: handle) ?? name ?? "")
        do throws(GSSError) {
            try library.forEachKey(of: handle) { entry in
                guard keytab.keys.count < mostEntries else {
                    keytab.moreKeys += 1
                    return
                }
                guard let principal = library.text(entry.principal) else { return }
                keytab.keys.append(
                    Key(
                        principal: principal, version: entry.vno,
                        encryptionType: library.encryptionTypeName(entry.key.enctype)))
            }
        } catch {
            keytab.problem = error
        }
        return keytab
    }

    /// The realm of a host: from the configuration or the DNS, else the library's guess.
    ///
    /// May ask the DNS, and may block.
    public static func realms(
        ofHost host: String
    ) throws(GSSError) -> (known: String?, fallback: String?) {
        let library = try KerberosLibrary()
        let known = try library.realm(of: host)
        guard known.isEmpty else { return (known, nil) }
        let fallback = try library.fallbackRealm(of: host)
        return (nil, fallback.isEmpty ? nil : fallback)
    }
}

extension KerberosLibrary {
    /// The fallback realm of a host, from its domain name.
    fileprivate func fallbackRealm(of host: String) throws(GSSError) -> String {
        var bytes = host.utf8.map { CChar(bitPattern: $0) }
        let count = bytes.count
        let realms: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> = try make(
            "krb5_get_fallback_host_realm", subject: host, release: { krb5_free_host_realm($0, $1) }
        ) { realms in
            bytes.withUnsafeMutableBufferPointer { buffer in
                var data = krb5_data()
                data.length = UInt32(count)
                data.data = buffer.baseAddress
                return krb5_get_fallback_host_realm(context, &data, realms)
            }
        }
        return realms.pointee.map { String(cString: $0) } ?? ""
    }

    /// Calls a closure with each entry of a keytab.
    fileprivate func forEachKey(of keytab: krb5_keytab, _ body: (krb5_keytab_entry) -> Void) throws(GSSError) {
        var cursor: krb5_kt_cursor?
        try check(
            "krb5_kt_start_seq_get", krb5_kt_start_seq_get(context, keytab, &cursor), subject: name(of: keytab))
        defer { krb5_kt_end_seq_get(context, keytab, &cursor) }
        var entry = krb5_keytab_entry()
        // The file may be arbitrarily long.
        var count = 0
        while count < 10_000, krb5_kt_next_entry(context, keytab, &entry, &cursor) == 0 {
            defer { krb5_free_keytab_entry_contents(context, &entry) }
            body(entry)
            count += 1
        }
    }
}
