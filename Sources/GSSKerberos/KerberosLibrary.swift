internal import CKerberosGSSAPI
internal import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A context of libkrb5 itself, for what the GSS-API does not report; it owns everything created with it. Belongs to
/// one thread and one operation; its calls may block.
///
/// It shares nothing with the contexts inside the GSS-API library but the parsed configuration, which libkrb5 keeps
/// in memory as long as there is any context: an idle one saves all others from reading the files.
final class KerberosLibrary {
    let context: krb5_context
    private let watch: KDCWatch
    /// What is to be released before the context, the newest first.
    private var releases: [() -> Void] = []

    /// Reads the configuration.
    ///
    /// - Parameters:
    ///   - ticket: What the KDCs will be asked for, for the events.
    ///   - observe: Told of each request to a KDC, on the thread of the call that makes it.
    init(askingFor ticket: String = "", observe: KerberosObserver? = nil) throws(GSSError) {
        try ConfigurationIncludes.check()
        guard ExitGate.enter() else { throw ExitGate.ending }
        var created: krb5_context?
        let code = krb5_init_context(&created)
        guard code == 0, let created else {
            defer { ExitGate.leave() }
            throw Self.error("krb5_init_context", code, nil, subject: nil)
        }
        context = created
        watch = KDCWatch(ticket: ticket, observe: observe)
        watch.attach(to: created)
    }

    deinit {
        for release in releases.reversed() { release() }
        krb5_free_context(context)
        ExitGate.leave()
    }

    /// Throws for every code but 0. The text of a code is fetched immediately: the library keeps it only until the next
    /// failure.
    func check(_ call: String, _ code: krb5_error_code, subject: String? = nil) throws(GSSError) {
        guard code != 0 else { return }
        throw Self.error(call, code, context, subject: subject)
    }

    private static func error(
        _ call: String, _ code: krb5_error_code, _ context: krb5_context?, subject: String?
    ) -> GSSError {
        let message = krb5_get_error_message(context, code)
        defer { krb5_free_error_message(context, message) }
        // A file that does not exist or is not readable: the library has no code of its own for a keytab.
        let isMissing = [ENOENT, EACCES, EPERM].contains(code)
        return GSSError(
            call: call, major: GSSMajorStatus(isMissing ? .noCredential : .failure), minor: UInt32(bitPattern: code),
            minorMessages: message.map { [String(cString: $0)] } ?? [], subject: subject)
    }

    /// Calls a function that creates something, which lives as long as this object, so
    /// that no handle outlives the context.
    func make<Handle>(
        _ call: String, subject: String? = nil, release: @escaping (krb5_context, Handle) -> Void,
        _ body: (UnsafeMutablePointer<Handle?>) -> krb5_error_code
    ) throws(GSSError) -> Handle {
        var made: Handle?
        try check(call, body(&made), subject: subject)
        guard let made else { throw GSSError(call: call, major: GSSMajorStatus(.failure), subject: subject) }
        keep { [context] in release(context, made) }
        return made
    }

    /// Notes what is to be released with this object.
    func keep(_ release: @escaping () -> Void) {
        releases.append(release)
    }

    // MARK: - Names

    /// Reads a principal; one without a realm is of the default one. A single component with an `@` is an
    /// enterprise name (RFC 6806 section 5): the KDC answers with the account's own.
    func principal(_ name: String) throws(GSSError) -> krb5_principal {
        let principal = try make("krb5_parse_name", subject: name, release: { krb5_free_principal($0, $1) }) {
            krb5_parse_name(context, name, $0)
        }
        if principal.pointee.length == 1, let component = principal.pointee.data?.pointee,
            UnsafeBufferPointer(start: component.data, count: Int(component.length)).contains(CChar(0x40))
        {
            principal.pointee.type = KRB5_NT_ENTERPRISE_PRINCIPAL
        }
        return principal
    }

    /// How many bytes a principal's name may have: it is copied often, and printed.
    static let longestName = 16_384

    func hasPossibleLength(_ principal: krb5_const_principal) -> Bool {
        let name = principal.pointee
        let components = UnsafeBufferPointer(start: name.data, count: max(0, Int(name.length)))
        return components.reduce(Int(name.realm.length)) { $0 + Int($1.length) } <= Self.longestName
    }

    /// A principal as text; `nil` for none, and for one that is too long.
    func text(_ principal: krb5_const_principal?) -> String? {
        var name: UnsafeMutablePointer<CChar>?
        guard let principal, hasPossibleLength(principal), krb5_unparse_name(context, principal, &name) == 0, let name
        else { return nil }
        defer { krb5_free_unparsed_name(context, name) }
        return String(cString: name)
    }

    /// The realm that the configuration maps a host to; empty if it leaves that to the KDC. Follows no aliases.
    func realm(of host: String) throws(GSSError) -> String {
        let realms = try make("krb5_get_host_realm", subject: host, release: { krb5_free_host_realm($0, $1) }) {
            krb5_get_host_realm(context, host, $0)
        }
        return realms.pointee.map { String(cString: $0) } ?? ""
    }

    /// `default_realm`, or the realm derived from the machine's name.
    func defaultRealm() -> String? {
        var realm: UnsafeMutablePointer<CChar>?
        guard krb5_get_default_realm(context, &realm) == 0, let realm else { return nil }
        defer { krb5_free_default_realm(context, realm) }
        return String(cString: realm)
    }

    // MARK: - Keytabs

    /// A keytab by its name; `nil` is the default client keytab.
    func clientKeytab(_ name: String?) throws(GSSError) -> krb5_keytab {
        let call = name == nil ? "krb5_kt_client_default" : "krb5_kt_resolve"
        return try make(call, subject: name, release: { krb5_kt_close($0, $1) }) {
            if let name { krb5_kt_resolve(context, name, $0) } else { krb5_kt_client_default(context, $0) }
        }
    }

    /// The default keytab of servers.
    func serverKeytab() throws(GSSError) -> krb5_keytab {
        try make("krb5_kt_default", release: { krb5_kt_close($0, $1) }) { krb5_kt_default(context, $0) }
    }

    /// A keytab's full name, for example `FILE:/etc/app.keytab`.
    func name(of keytab: krb5_keytab) -> String? {
        var buffer = [CChar](repeating: 0, count: 1024)
        guard krb5_kt_get_name(context, keytab, &buffer, UInt32(buffer.count)) == 0 else { return nil }
        return Self.text(buffer)
    }

    /// Throws unless a keytab has a key of a user.
    func requireKey(of user: krb5_principal, in keytab: krb5_keytab) throws(GSSError) {
        var entry = krb5_keytab_entry()
        try check(
            "krb5_kt_get_entry", krb5_kt_get_entry(context, keytab, user, 0, 0, &entry),
            subject: name(of: keytab))
        krb5_free_keytab_entry_contents(context, &entry)
    }

    /// The principal of the first key in a keytab.
    func firstOwner(of keytab: krb5_keytab) throws(GSSError) -> krb5_principal {
        var cursor: krb5_kt_cursor?
        try check(
            "krb5_kt_start_seq_get", krb5_kt_start_seq_get(context, keytab, &cursor), subject: name(of: keytab))
        defer { krb5_kt_end_seq_get(context, keytab, &cursor) }
        var entry = krb5_keytab_entry()
        try check("krb5_kt_next_entry", krb5_kt_next_entry(context, keytab, &entry, &cursor))
        defer { krb5_free_keytab_entry_contents(context, &entry) }
        return try make("krb5_copy_principal", release: { krb5_free_principal($0, $1) }) {
            krb5_copy_principal(context, entry.principal, $0)
        }
    }

    // MARK: - Words and numbers

    /// The time in seconds since 1970, by the KDC's clock as far as known.
    func now() throws(GSSError) -> Int64 {
        var now: krb5_timestamp = 0
        try check("krb5_timeofday", krb5_timeofday(context, &now))
        return Self.seconds(now)
    }

    /// By how many seconds this machine's clock is ahead of the KDC's, as far as the library knows; zero if it is
    /// behind.
    func secondsAhead() throws(GSSError) -> Int64 {
        var (seconds, microseconds): (krb5_timestamp, krb5_int32) = (0, 0)
        try check("krb5_get_time_offsets", krb5_get_time_offsets(context, &seconds, &microseconds))
        return max(0, -Int64(seconds))
    }

    /// The library treats times as unsigned, so that they reach beyond 2038.
    static func seconds(_ time: krb5_timestamp) -> Int64 { Int64(UInt32(bitPattern: time)) }

    /// The nearest time that the library can represent.
    static func timestamp(_ seconds: Int64) -> krb5_timestamp {
        krb5_timestamp(bitPattern: UInt32(clamping: seconds))
    }

    /// The name of an encryption type, for example `aes256-cts-hmac-sha1-96`.
    func encryptionTypeName(_ type: krb5_enctype) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard krb5_enctype_to_name(type, 0, &buffer, buffer.count) == 0 else { return "etype \(type)" }
        return Self.text(buffer)
    }

    /// `clockskew`: the allowed difference of clocks, five minutes unless configured otherwise.
    func allowedClockSkew() -> Duration {
        var seconds: Int32 = 300
        var profile: profile_t?
        if krb5_get_profile(context, &profile) == 0, let profile {
            _ = profile_get_integer(profile, "libdefaults", "clockskew", nil, seconds, &seconds)
            profile_release(profile)
        }
        return .seconds(seconds)
    }

    private static func text(_ buffer: [CChar]) -> String {
        String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
