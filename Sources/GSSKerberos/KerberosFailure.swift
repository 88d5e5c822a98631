internal import CGSSAPI
public import GSSCore

/// What a GSS or Kerberos error means for the one who has to mend it.
public struct KerberosFailure: Sendable, Hashable {
    /// The kinds of failure that call for different actions. The set is open.
    public struct Kind: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String {
            case noCredentials = "no-credentials"
            case kdcUnreachable = "kdc-unreachable"
            case credentialsRejected = "credentials-rejected"
            case serviceUnknown = "service-unknown"
            case clockSkew = "clock-skew"
            case serverNotProven = "server-not-proven"
            case other = "kerberos"
        }

        private let value: Value

        /// No cache, keytab or principal to start from.
        public static let noCredentials = Kind(value: .noCredentials)
        /// No KDC of the realm could be found or answered.
        public static let kdcUnreachable = Kind(value: .kdcUnreachable)
        /// The credentials are expired or revoked, or the KDC does not take them.
        public static let credentialsRejected = Kind(value: .credentialsRejected)
        /// The service principal is not in the Kerberos database.
        public static let serviceUnknown = Kind(value: .serviceUnknown)
        /// The clocks of this machine and of the KDC or server are too far apart.
        public static let clockSkew = Kind(value: .clockSkew)
        /// The server's proof of its identity is wrong.
        public static let serverNotProven = Kind(value: .serverNotProven)
        /// Anything else.
        public static let other = Kind(value: .other)

        /// The kind's stable, hyphenated name.
        public var description: String { value.rawValue }
    }

    /// The kind of failure.
    public var kind: Kind
    /// What to do, in a sentence; `nil` where nothing better than the error's own text is known.
    public var hint: String?

    /// Reads an error.
    public init(_ error: GSSError) {
        (kind, hint) = Self.explain(error)
    }

    private static func explain(_ error: GSSError) -> (Kind, String?) {
        let subject = error.subject ?? "USER@REALM"
        if let row = minorCodes[Int32(bitPattern: error.minor)] {
            return (row.kind, row.hint?(subject))
        }
        switch error.major.routineError {
        case .noCredential, .defectiveCredential:
            return (.noCredentials, "run `kinit \(subject)` first, or name a cache or keytab that exists")
        case .credentialsExpired:
            return (.credentialsRejected, "the ticket has expired: run `kinit` again")
        case .defectiveToken, .badSignature:
            return (.serverNotProven, nil)
        default:
            return (.other, nil)
        }
    }

    private typealias Row = (kind: Kind, hint: (@Sendable (_ subject: String) -> String)?)

    /// MIT's error codes, `krb5.h`. Only those that call for an action of their own.
    private static let minorCodes: [Int32: Row] = [
        code(KRB5_FCC_NOFILE): (.noCredentials, { "there is no ticket cache: run `kinit \($0)` first" }),
        code(KRB5_CC_NOTFOUND): (
            .noCredentials, { "no cache has a ticket of that user: run `kinit \($0)`; `klist -A` shows what is there" }
        ),
        code(KRB5_CC_FORMAT): (.noCredentials, { _ in "the cache file is damaged: run `kinit` again" }),
        code(KRB5_FCC_PERM): (.noCredentials, { _ in "the cache file may not be read by this user" }),
        code(KRB5_KT_NOTFOUND): (.noCredentials, { _ in "the keytab has no key of that principal: see `klist -k`" }),
        code(KRB5_CONFIG_NODEFREALM): (
            .noCredentials, { _ in "name the realm (user@REALM), or set default_realm in krb5.conf" }
        ),
        code(KRB5_KDC_UNREACH): (
            .kdcUnreachable,
            { _ in "no KDC answered: check that it runs and that krb5.conf, DNS and firewalls lead to it" }
        ),
        code(KRB5_REALM_CANT_RESOLVE): (
            .kdcUnreachable, { _ in "no KDC of the realm has an address: check `kdc =` in krb5.conf and the DNS" }
        ),
        code(KRB5_REALM_UNKNOWN): (
            .kdcUnreachable, { _ in "the realm has no KDC in krb5.conf or the DNS: check the realm's spelling" }
        ),
        code(KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN): (
            .credentialsRejected, { _ in "the KDC does not know the user: check the principal's spelling" }
        ),
        code(KRB5KDC_ERR_CLIENT_REVOKED): (.credentialsRejected, { _ in "the user's account is locked at the KDC" }),
        code(KRB5KDC_ERR_NAME_EXP): (.credentialsRejected, { _ in "the user's account has expired at the KDC" }),
        code(KRB5KDC_ERR_KEY_EXP): (.credentialsRejected, { _ in "the password has expired: run `kpasswd`" }),
        code(KRB5KDC_ERR_PREAUTH_FAILED): (.credentialsRejected, { _ in "the password or keytab is wrong" }),
        code(KRB5_PREAUTH_FAILED): (.credentialsRejected, { _ in "the password or keytab is wrong" }),
        code(KRB5KRB_AP_ERR_TKT_EXPIRED): (.credentialsRejected, { _ in "the ticket has expired: run `kinit` again" }),
        code(KRB5KRB_AP_ERR_TKT_NYV): (.credentialsRejected, { _ in "the ticket is not valid yet: check both clocks" }),
        code(KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN): (
            .serviceUnknown,
            {
                "the KDC does not know \($0): check SERVICE_NAME, the host name in the connection string and "
                    + "CANONICALIZE_HOST_NAME, or have the principal created"
            }
        ),
        code(KRB5KRB_AP_ERR_SKEW): (
            .clockSkew, { _ in "the clocks differ by more than the allowed skew: synchronize this machine and the KDC" }
        ),
        code(KRB5_MUTUAL_FAILED): (.serverNotProven, { _ in "the server does not hold the key of the service" }),
        code(KRB5KRB_AP_ERR_MUT_FAIL): (.serverNotProven, { _ in "the server does not hold the key of the service" }),
        code(KRB5KRB_AP_ERR_BAD_INTEGRITY): (
            .serverNotProven, { _ in "the server's answer was made with another key or was changed on its way" }
        ),
        code(KRB5KRB_AP_ERR_MODIFIED): (
            .serverNotProven, { _ in "the server's answer was made with another key or was changed on its way" }
        ),
    ]

    private static func code(_ value: Int) -> Int32 { Int32(truncatingIfNeeded: value) }
}
