internal import CKerberosGSSAPI
public import GSSCore

/// A request that every KDC of a realm can answer, and the configured KDCs of the realm.
///
/// It is a request for a user's first ticket (RFC 4120, AS-REQ) as libkrb5 makes it, without anything that a password
/// or key would be needed for: no KDC counts it as a login that failed. Making it sends nothing.
public struct KDCQuestion: Sendable, Hashable {
    /// The realm whose KDCs are asked.
    public var realm: String
    /// The user in whose name it is sent.
    public var principal: String
    /// Whether that is a named user, and not one that cannot exist.
    public var isAboutUser: Bool
    /// The AS-REQ, DER as libkrb5 has encoded it, without the length that precedes it over TCP.
    public var message: [UInt8]
    /// A message that is refused for any user, so that the KDC reports its time: a request for a service that
    /// does not exist. It is for accounts without preauthentication, which would otherwise get a ticket at once.
    public var clockMessage: [UInt8]
    /// The values of the lines `kdc =` of the realm.
    public var entries: [String]
    /// Whether the library asks the DNS for KDCs where there are no such lines: `dns_lookup_kdc`.
    public var asksDNS: Bool

    /// Makes a question. Reads the configuration, and may block.
    ///
    /// - Parameters:
    ///   - realm: The realm whose KDCs are asked; `nil` is the principal's realm, or the default one.
    ///   - principal: The user to ask for. Without one, or with one of another realm, it is a user who does not exist.
    /// - Throws: ``/GSSCore/GSSError`` where the configuration or a name cannot be read, or where there is no realm.
    public init(realm: String? = nil, principal: String? = nil) throws(GSSError) {
        let library = try KerberosLibrary()
        var user: (name: String, realm: String)?
        if let principal {
            let parsed = try library.principal(principal)
            let name = library.text(parsed) ?? principal
            user = (name, KerberosTicket.realm(of: name).map(String.init) ?? "")
        }
        let realm = if let named = realm ?? user?.realm { named } else { try library.requiredDefaultRealm() }
        if let user, isSameText(user.realm, realm) {
            (self.principal, isAboutUser) = (user.name, true)
        } else {
            // As in a principal: its separators are escaped with a backslash.
            let escaped = realm.unicodeScalars.reduce(into: "") { text, scalar in
                if scalar == "@" || scalar == "/" || scalar == "\\" { text += "\\" }
                text.unicodeScalars.append(scalar)
            }
            (self.principal, isAboutUser) = ("probe/there-is-no-such-user@\(escaped)", false)
        }
        self.realm = realm
        message = try library.firstRequest(of: self.principal)
        clockMessage = try library.firstRequest(of: self.principal, for: "clock/there-is-no-such-service")
        guard let profile = KerberosProfile(library) else {
            (entries, asksDNS) = ([], true)
            return
        }
        entries = profile.values("realms", realm, "kdc")
        let fallback = profile.boolean("libdefaults", "dns_fallback", default: true)
        asksDNS = profile.boolean("libdefaults", "dns_lookup_kdc", default: fallback)
    }
}

extension KerberosLibrary {
    /// `default_realm`; an error if there is none.
    fileprivate func requiredDefaultRealm() throws(GSSError) -> String {
        let realm = try make("krb5_get_default_realm", release: { krb5_free_default_realm($0, $1) }) {
            krb5_get_default_realm(context, $0)
        }
        return String(cString: realm)
    }

    /// The message with which the library begins to ask for a user's ticket, which is the ticket-granting ticket unless
    /// a service is named. It is not sent.
    fileprivate func firstRequest(of principal: String, for service: String? = nil) throws(GSSError) -> [UInt8] {
        let client = try self.principal(principal)
        let request = try make(
            "krb5_init_creds_init", subject: principal, release: { krb5_init_creds_free($0, $1) }
        ) { krb5_init_creds_init(context, client, nil, nil, 0, nil, $0) }
        if let service {
            try check("krb5_init_creds_set_service", krb5_init_creds_set_service(context, request, service))
        }
        var (none, message, realm) = (krb5_data(), krb5_data(), krb5_data())
        var flags: UInt32 = 0
        defer {
            krb5_free_data_contents(context, &message)
            krb5_free_data_contents(context, &realm)
        }
        try check(
            "krb5_init_creds_step",
            krb5_init_creds_step(context, request, &none, &message, &realm, &flags), subject: principal)
        return Array(UnsafeRawBufferPointer(start: message.data, count: Int(message.length)))
    }
}

/// A KDC's answer to a ``KDCQuestion``.
public struct KDCReply: Sendable, Hashable {
    /// What kind of message it is.
    public enum Content: Sendable, Hashable {
        /// A ticket, encrypted with the user's key (AS-REP): the account needs no preauthentication.
        case ticket
        /// A KRB-ERROR with its code as RFC 4120 counts it, and the code's name in MIT's headers.
        case error(code: Int32, name: String?)
    }

    /// What kind of message it is.
    public var content: Content
    /// The KDC's clock, in time since 1970; only errors have it. It is not authenticated.
    public var time: Duration?

    /// Creates a description.
    public init(content: Content, time: Duration?) {
        (self.content, self.time) = (content, time)
    }

    /// The status code of libkrb5 for an error as RFC 4120 counts it.
    public static func statusCode(_ code: Int32) -> Int32 { Int32(truncatingIfNeeded: KRB5KDC_ERR_NONE) &+ code }

    /// Reads messages.
    ///
    /// - Returns: `nil` for each one that is not a KDC's.
    /// - Throws: ``/GSSCore/GSSError`` where the configuration cannot be read.
    public static func read(_ messages: [[UInt8]]) throws(GSSError) -> [KDCReply?] {
        guard !messages.isEmpty else { return [] }
        let library = try KerberosLibrary()
        return messages.map { read($0, library) }
    }

    /// The first byte is the ASN.1 tag: application 11 or 30.
    private static func read(_ message: [UInt8], _ library: KerberosLibrary) -> KDCReply? {
        switch message.first {
        case 0x6B: return KDCReply(content: .ticket, time: nil)
        case 0x7E: break
        default: return nil
        }
        var error: UnsafeMutablePointer<krb5_error>?
        let code = message.withUnsafeBytes { bytes in
            // The library only reads it, despite its type.
            var data = krb5_data()
            data.length = UInt32(bytes.count)
            data.data = UnsafeMutablePointer(mutating: bytes.bindMemory(to: CChar.self).baseAddress)
            return krb5_rd_error(library.context, &data, &error)
        }
        guard code == 0, let error else { return nil }
        defer { krb5_free_error(library.context, error) }
        let number = Int32(truncatingIfNeeded: error.pointee.error)
        let name = (0..<128).contains(number) ? KerberosFailure.symbolicName(of: statusCode(number)) : nil
        return KDCReply(
            content: .error(code: number, name: name),
            time: .seconds(KerberosLibrary.seconds(error.pointee.stime))
                + .microseconds(Int64(error.pointee.susec)))
    }
}

extension KDCReply.Content {
    /// Whether the answer is too large for UDP, so that the request must be repeated over TCP.
    public var isTooLongForDatagrams: Bool {
        if case .error(code: 52, _) = self { true } else { false }
    }
}
