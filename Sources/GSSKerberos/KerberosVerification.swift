internal import CKerberosGSSAPI
internal import GSSCore

/// How a KDC proves that it is the realm's own before a user's first ticket is trusted: by a ticket for a service of
/// this host, which only a KDC that knows the service's key can issue.
///
/// Without it an attacker who impersonates the KDC can make up a matching user and password. A program that checks
/// passwords needs it; one that only authenticates to servers does not, as they verify the ticket.
public struct KerberosVerification: Sendable, Hashable {
    /// The service's principal. `nil` is any `host/...` principal of the keytab: MIT Kerberos tries only those.
    public var service: String?
    /// The keytab with the service's key, for example `FILE:/etc/krb5.keytab`; `nil` is the system's default one.
    public var keytab: String?

    /// Creates a verification with a key of this host.
    public init(service: String? = nil, keytab: String? = nil) {
        self.service = service
        self.keytab = keytab
    }

    /// Gets a ticket for the service and decrypts it. An unreadable keytab, or one without such a key, is a failure.
    func check(_ creds: inout krb5_creds, _ library: KerberosLibrary) throws(GSSError) {
        var options = krb5_verify_init_creds_opt()
        krb5_verify_init_creds_opt_init(&options)
        krb5_verify_init_creds_opt_set_ap_req_nofail(&options, 1)
        let key = try library.make(
            "krb5_kt_resolve", subject: keytab, release: { krb5_kt_close($0, $1) }
        ) {
            if let keytab { krb5_kt_resolve(library.context, keytab, $0) } else { krb5_kt_default(library.context, $0) }
        }
        let server: krb5_principal? = if let service { try library.principal(service) } else { nil }
        try library.check(
            "krb5_verify_init_creds",
            krb5_verify_init_creds(library.context, &creds, server, key, nil, &options),
            subject: service ?? library.name(of: key))
        withExtendedLifetime(server) {}
    }
}
