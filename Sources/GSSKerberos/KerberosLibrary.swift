internal import CKerberosGSSAPI
internal import GSSCore

/// A context of libkrb5 itself, for what the GSS-API does not tell. Belongs to one thread; its calls may block.
///
/// It shares nothing with the contexts inside the GSS-API library: what it learns of clocks, for example, stays here.
final class KerberosLibrary {
    let context: krb5_context

    /// Reads the configuration.
    init() throws(GSSError) {
        var created: krb5_context?
        let code = krb5_init_context(&created)
        guard code == 0, let created else {
            throw Self.error("krb5_init_context", code, nil, subject: nil)
        }
        context = created
    }

    deinit {
        krb5_free_context(context)
    }

    /// Throws for every code but 0. The text of a code is fetched at once: the library keeps it until the next failure.
    func check(_ call: String, _ code: krb5_error_code, subject: String? = nil) throws(GSSError) {
        guard code != 0 else { return }
        throw Self.error(call, code, context, subject: subject)
    }

    private static func error(
        _ call: String, _ code: krb5_error_code, _ context: krb5_context?, subject: String?
    ) -> GSSError {
        let message = krb5_get_error_message(context, code)
        defer { krb5_free_error_message(context, message) }
        return GSSError(
            call: call, major: GSSMajorStatus(.failure), minor: UInt32(bitPattern: code),
            minorMessages: message.map { [String(cString: $0)] } ?? [], subject: subject)
    }

    /// Lends a parsed principal.
    func withPrincipal<R>(
        _ name: String, _ body: (krb5_principal) throws(GSSError) -> R
    ) throws(GSSError) -> R {
        var principal: krb5_principal?
        let code = krb5_parse_name(context, name, &principal)
        try check("krb5_parse_name", code, subject: name)
        defer { krb5_free_principal(context, principal) }
        guard let principal else { throw Self.error("krb5_parse_name", code, context, subject: name) }
        return try body(principal)
    }

    /// A principal as text; `nil` for none.
    func text(_ principal: krb5_const_principal?) -> String? {
        var name: UnsafeMutablePointer<CChar>?
        guard let principal, krb5_unparse_name(context, principal, &name) == 0, let name else { return nil }
        defer { krb5_free_unparsed_name(context, name) }
        return String(cString: name)
    }

    /// The name of an encryption type, for example `aes256-cts-hmac-sha1-96`.
    func encryptionTypeName(_ type: krb5_enctype) -> String {
        var buffer = [CChar](repeating: 0, count: 128)
        guard krb5_enctype_to_name(type, 0, &buffer, buffer.count) == 0 else { return "etype \(type)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `default_realm`, or what the machine's name makes of it.
    func defaultRealm() -> String? {
        var realm: UnsafeMutablePointer<CChar>?
        guard krb5_get_default_realm(context, &realm) == 0, let realm else { return nil }
        defer { krb5_free_default_realm(context, realm) }
        return String(cString: realm)
    }

    /// `clockskew`: by how much clocks may differ, five minutes unless the configuration says otherwise.
    func allowedClockSkew() -> Duration {
        var seconds: Int32 = 300
        var profile: profile_t?
        if krb5_get_profile(context, &profile) == 0, let profile {
            _ = profile_get_integer(profile, "libdefaults", "clockskew", nil, seconds, &seconds)
            profile_release(profile)
        }
        return .seconds(seconds)
    }
}
