internal import CKerberosGSSAPI
public import GSSCore

/// What is in a keytab, without its keys.
public struct KerberosKeytab: Sendable, Hashable {
    /// One key.
    public struct Entry: Sendable, Hashable {
        /// Whose key it is, with the realm.
        public var principal: String
        /// The parts of the principal's name, unescaped.
        public var components: [String]
        /// The principal's realm.
        public var realm: String
        /// The number that tickets name it by (kvno).
        public var keyVersion: UInt32
        /// What the key is for, for example `aes256-cts-hmac-sha1-96`.
        public var encryptionType: String
        /// When it was written, in seconds since 1970; `nil` if the file does not record it.
        public var date: Int64?
        /// Distinguishes keys within this process. It reveals nothing about the key.
        package var fingerprint = 0

        /// Creates a description.
        public init(
            principal: String, components: [String], realm: String, keyVersion: UInt32, encryptionType: String,
            date: Int64? = nil
        ) {
            self.principal = principal
            self.components = components
            self.realm = realm
            self.keyVersion = keyVersion
            self.encryptionType = encryptionType
            self.date = date
        }
    }

    /// How many entries are described: more than a file of a megabyte can have.
    public static let capacity = 65_536

    /// The first entries, in the file's order.
    public var entries: [Entry]
    /// How many more there are.
    public var moreEntries: Int

    /// Creates a description.
    public init(entries: [Entry], moreEntries: Int = 0) {
        self.entries = entries
        self.moreEntries = moreEntries
    }

    /// Reads a file. Asks no KDC. The library reads it to its end, however large it is.
    ///
    /// A truncated file has fewer entries, as for the library.
    ///
    /// - Parameter path: The file's path, without a type in front.
    /// - Throws: ``/GSSCore/GSSError``: `KRB5_KEYTAB_BADVNO` for a file that is not a keytab, `ENOENT`, `EACCES`.
    public init(path: String) throws(GSSError) {
        let library = try KerberosLibrary()
        let name = Self.name(ofFile: path)
        let keytab = try library.clientKeytab(name)
        var cursor: krb5_kt_cursor?
        try library.check(
            "krb5_kt_start_seq_get", krb5_kt_start_seq_get(library.context, keytab, &cursor), subject: name)
        defer { krb5_kt_end_seq_get(library.context, keytab, &cursor) }
        (entries, moreEntries) = ([], 0)
        var entry = krb5_keytab_entry()
        while true {
            let code = krb5_kt_next_entry(library.context, keytab, &entry, &cursor)
            if code == Int32(KRB5_KT_END) { break }
            try library.check("krb5_kt_next_entry", code, subject: name)
            // Frees the entry and wipes its key.
            defer { krb5_free_keytab_entry_contents(library.context, &entry) }
            if entries.count < Self.capacity {
                entries.append(Entry(entry, library))
            } else {
                moreEntries += 1
            }
        }
    }

    /// A keytab's full name, in the library's and its configuration's form.
    public static func name(ofFile path: String) -> String { "FILE:\(path)" }
}

extension KerberosKeytab.Entry {
    init(_ entry: krb5_keytab_entry, _ library: KerberosLibrary) {
        let name = entry.principal.pointee
        let parts = UnsafeBufferPointer(start: name.data, count: max(0, Int(name.length)))
        self.init(
            principal: library.text(entry.principal) ?? "(a name of more than \(KerberosLibrary.longestName) bytes)",
            components: library.hasPossibleLength(entry.principal) ? parts.map(Self.text) : [],
            realm: Self.text(name.realm), keyVersion: entry.vno,
            encryptionType: library.encryptionTypeName(entry.key.enctype),
            date: entry.timestamp == 0 ? nil : KerberosLibrary.seconds(entry.timestamp))
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(start: entry.key.contents, count: Int(entry.key.length)))
        fingerprint = hasher.finalize()
    }

    private static func text(_ data: krb5_data) -> String {
        let bytes = UnsafeRawBufferPointer(start: data.data, count: Int(data.length))
        return String(decoding: bytes.prefix(KerberosLibrary.longestName), as: UTF8.self)
    }
}
