internal import CKerberosGSSAPI
internal import GSSCore

/// A ticket in a cache, without its keys. Times are seconds since 1970, by the KDC's clock.
public struct KerberosTicket: Sendable, Hashable {
    /// The principal that the KDC gave it to, as `user@REALM`.
    public var client: String
    /// The service, `krbtgt/REALM@REALM` for a ticket-granting ticket.
    public var server: String
    /// The start of its validity.
    public var startTime: Int64
    /// The end of its validity.
    public var endTime: Int64
    /// Until when it can be renewed; `nil` if it cannot.
    public var renewableUntil: Int64?
    /// Its flags by their names in RFC 4120, for example `forwardable`.
    public var flags: [String]
    /// What the ticket itself is encrypted with, so that the service must have a key of this type; `nil` if the
    /// ticket cannot be parsed.
    public var encryptionType: String?
    /// The version of the service's key with which it is encrypted.
    public var keyVersion: UInt32?
    /// The encryption type of the session key, which client and service share.
    public var sessionEncryptionType: String
    /// Distinguishes tickets of the same second, within this process; 0 for one that was not read from a cache.
    package var fingerprint = 0

    /// Creates a description.
    public init(
        client: String, server: String, startTime: Int64, endTime: Int64, renewableUntil: Int64? = nil,
        flags: [String] = [], encryptionType: String? = nil, keyVersion: UInt32? = nil, sessionEncryptionType: String
    ) {
        self.client = client
        self.server = server
        self.startTime = startTime
        self.endTime = endTime
        self.renewableUntil = renewableUntil
        self.flags = flags
        self.encryptionType = encryptionType
        self.keyVersion = keyVersion
        self.sessionEncryptionType = sessionEncryptionType
    }
}

extension [KerberosTicket] {
    /// The ticket-granting ticket of the user's own realm; of several the one that expires last.
    package var grantingTicket: KerberosTicket? {
        filter(\.isGranting).max { $0.endTime < $1.endTime }
    }
}

extension KerberosTicket {
    /// Whether it is the ticket-granting ticket of the user's own realm.
    package var isGranting: Bool {
        guard let realm = Self.realm(of: client) else { return false }
        return isSameText(server, "krbtgt/\(realm)@\(realm)")
    }

    /// The text after the first unescaped `@`, verbatim.
    package static func realm(of principal: String) -> Substring? {
        var isEscaped = false
        let separator = principal.utf8.firstIndex { byte in
            defer { isEscaped = !isEscaped && byte == UInt8(ascii: "\\") }
            return !isEscaped && byte == UInt8(ascii: "@")
        }
        return separator.map { principal[principal.utf8.index(after: $0)...] }
    }

    /// Whether a remaining lifetime is sufficient. Times are in whole seconds.
    package static func isUsable(for left: Duration) -> Bool { left > .seconds(1) }

    /// Whether to try it with a service that refused an older ticket: it is for another key, or so much younger
    /// that the service may have been recreated since, with another key of the same version.
    package func mayHaveOtherKey(than old: KerberosTicket) -> Bool {
        hasOtherKeyVersion(than: old) || startTime - old.startTime >= 30
    }

    /// Whether it is encrypted with another key, as far as known.
    package func hasOtherKeyVersion(than old: KerberosTicket) -> Bool {
        keyVersion != old.keyVersion || encryptionType != old.encryptionType
    }

    /// Whether it is not a ticket, but credentials that gssproxy has encrypted and stored in the form of one.
    var isOfGSSProxy: Bool { Self.realm(of: server).map { isSameText(String($0), "X-GSSPROXY:") } ?? false }

    /// Longer than any real principal: a cache may contain anything.
    private static let longestName = 4096

    /// Reads a cache's entry; `nil` if it is not a ticket: caches store settings in the same form.
    init?(_ entry: inout krb5_creds, _ library: KerberosLibrary) {
        guard krb5_is_config_principal(library.context, entry.server) == 0,
            let client = library.text(entry.client), let server = library.text(entry.server),
            max(client.utf8.count, server.utf8.count) <= Self.longestName
        else { return nil }
        let seconds = KerberosLibrary.seconds
        let times = entry.times
        let start = times.starttime == 0 ? times.authtime : times.starttime
        self.init(
            client: client, server: server, startTime: seconds(start), endTime: seconds(times.endtime),
            renewableUntil: times.renew_till == 0 ? nil : seconds(times.renew_till),
            flags: Self.names(of: entry.ticket_flags),
            sessionEncryptionType: library.encryptionTypeName(entry.keyblock.enctype))
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(start: entry.ticket.data, count: Int(entry.ticket.length)))
        fingerprint = hasher.finalize()
        var ticket: UnsafeMutablePointer<krb5_ticket>?
        if krb5_decode_ticket(&entry.ticket, &ticket) == 0, let ticket {
            encryptionType = library.encryptionTypeName(ticket.pointee.enc_part.enctype)
            keyVersion = ticket.pointee.enc_part.kvno
            // The entry has the requested name, which may lack the realm.
            self.server = library.text(ticket.pointee.server) ?? server
            krb5_free_ticket(library.context, ticket)
        }
    }

    /// The bits as RFC 4120 section 5.3 counts them, from the most significant one, and those of its successors.
    private static func names(of flags: krb5_flags) -> [String] {
        let names: KeyValuePairs<Int, String> = [
            1: "forwardable", 2: "forwarded", 3: "proxiable", 4: "proxy", 5: "may-postdate", 6: "postdated",
            7: "invalid",
            8: "renewable", 9: "initial", 10: "pre-authent", 11: "hw-authent", 12: "transited-policy-checked",
            13: "ok-as-delegate", 15: "enc-pa-rep", 16: "anonymous",
        ]
        return names.filter { UInt32(bitPattern: flags) & (1 << (31 - $0.key)) != 0 }.map(\.value)
    }
}
