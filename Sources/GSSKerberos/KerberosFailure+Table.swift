internal import CKerberosGSSAPI
internal import GSSCore

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// From codes to what to do.
extension KerberosFailure {
    typealias Row = (kind: Kind, hint: (@Sendable (KerberosHintWords) -> String)?)

    static func row(for error: GSSError, _ code: Int32) -> Row {
        if let row = codesOfKeytabs[code], error.isAboutKeytab { return row }
        if let row = codesOfCaches[code], error.isAboutCache { return row }
        if let row = codesOfFirstTicket[code], error.isAboutFirstTicket { return row }
        if let row = minorCodes[code] { return row }
        // The profile library's own table: every one is about a line of a file, or a file that it includes.
        if (Int(PROF_VERSION)...Int(PROF_VERSION) + 127).contains(Int(code)) { return malformedConfiguration }
        // Whatever else is said of a file that may not be read, it is the configuration: a name was not even looked at.
        if code == EACCES { return unreadableConfiguration }
        switch error.major.routineError {
        case .noCredential, .defectiveCredential:
            return (.noCredentials, { "run `kinit \($0.user)` first, or name a cache or keytab that exists" })
        case .credentialsExpired, .contextExpired:
            return (.credentialsRejected, { "the ticket has expired: run `kinit \($0.cacheOption)\($0.user)`" })
        case .defectiveToken, .badSignature:
            return (.serverNotProven, nil)
        default:
            return (.other, nil)
        }
    }

    private static func code(_ value: Int) -> Int32 { Int32(truncatingIfNeeded: value) }

    private static let malformedConfiguration: Row = (
        .other,
        {
            "\($0.configurationFile) is malformed: Kerberos reads nothing of it. `klist` stumbles over it in the same way"
        }
    )
    private static let unreadableConfiguration: Row = (
        .other,
        { "this user may not read \($0.configurationFile): see `ls -l \($0.configurationFile)`; it holds no secrets" }
    )
    private static let noCommonEncryptionType: Row = (
        .other,
        {
            "user, service and this machine have no encryption type in common: compare permitted_enctypes in "
                + "\($0.configurationFile), `klist -e`, and `\($0.kadmin("getprinc", .service))`"
        }
    )
    private static let noPath: Row = (
        .other,
        { "the realms do not trust the path that the ticket took: check [capaths] in \($0.configurationFile)" }
    )

    private static let codesOfKeytabs: [Int32: Row] = [
        ENOENT: (.noCredentials, { "there is no keytab \($0.keytab): check the path" }),
        EACCES: (
            .noCredentials, { "this user may not read the keytab \($0.keytab): see `ls -l \($0.keytab)` and `id`" }
        ),
        code(KRB5_KEYTAB_BADVNO): (.noCredentials, { "\($0.keytab) is not a keytab: see `klist -k \($0.keytab)`" }),
        code(KRB5_KT_NOTFOUND): (
            .noCredentials,
            { "the keytab \($0.keytab) has no key of \($0.user): `klist -k \($0.keytab)` shows whose it has" }
        ),
        code(KRB5_KT_UNKNOWN_TYPE): (.noCredentials, { _ in "name the keytab by its path, or as FILE:/path" }),
    ]

    private static let codesOfCaches: [Int32: Row] = [
        EACCES: (.noCredentials, { "this user may not read the cache \($0.cache): see `klist \($0.cache)` and `id`" }),
        ENOENT: (
            .noCredentials, { "there is no ticket cache \($0.cache): run `kinit \($0.cacheOption)\($0.user)` first" }
        ),
    ]

    /// While the user's first ticket is asked for, what does not decrypt was made with the user's key.
    private static let codesOfFirstTicket: [Int32: Row] = [
        code(KRB5KRB_AP_ERR_BAD_INTEGRITY): wrongKey,
        code(KRB5KRB_AP_ERR_MODIFIED): wrongKey,
        code(KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN): (
            .credentialsRejected, { "the KDC does not serve the realm of \($0.user): check the realm's spelling" }
        ),
    ]

    private static let wrongKey: Row = (
        .credentialsRejected,
        {
            $0.hasKeytab
                ? "the keytab \($0.keytab) is older than the key of \($0.user): compare `klist -ket \($0.keytab)` with "
                    + "`\($0.kadmin("getprinc", .user))`, and have a new one made"
                : "the password of \($0.user) is wrong: try it with `kinit \($0.user)`"
        }
    )

    private static let wrongAnswer: Row = (
        .serverNotProven, { _ in "the server's answer was made with another key or was changed on its way" }
    )
    private static let noKeyOfTheService: Row = (
        .serverNotProven, { _ in "the server does not hold the key of the service" }
    )

    /// MIT's error codes, `krb5.h`. Only those that call for an action of their own.
    private static let minorCodes: [Int32: Row] = [
        // Nothing to start from.
        code(KRB5_FCC_NOFILE): (
            .noCredentials, { "there is no ticket cache \($0.cache): run `kinit \($0.cacheOption)\($0.user)` first" }
        ),
        code(KRB5_CC_NOTFOUND): (
            .noCredentials,
            {
                "no cache has a ticket of that user: run `kinit \($0.cacheOption)\($0.user)`; `klist -A` shows what is "
                    + "there"
            }
        ),
        cacheOfSomebodyElse: (
            .noCredentials,
            {
                "the cache \($0.cache) is somebody else's: run `kinit \($0.cacheOption)\($0.user)`; `klist -A` shows what "
                    + "is there"
            }
        ),
        code(KRB5_CC_UNKNOWN_TYPE): (
            .noCredentials,
            { "this machine's Kerberos has no cache of the type of \($0.cache): FILE:, DIR:, KCM:, KEYRING:, MEMORY:" }
        ),
        code(KRB5_CC_BADNAME): (.noCredentials, { "name the cache as TYPE:name, not \($0.cache)" }),
        code(KRB5_CC_FORMAT): damagedCache,
        code(KRB5_CCACHE_BADVNO): damagedCache,
        code(KRB5_CC_END): damagedCache,
        code(KRB5_FCC_PERM): (
            .noCredentials, { "this user may not read the cache \($0.cache): see `klist \($0.cache)` and `id`" }
        ),
        code(KRB5_KT_NOTFOUND): (
            .noCredentials, { "the keytab \($0.keytab) has no key of that principal: see `klist -k \($0.keytab)`" }
        ),
        code(KRB5_CONFIG_NODEFREALM): (
            .noCredentials, { "name the realm (user@REALM), or set default_realm in \($0.configurationFile)" }
        ),
        // The way to a KDC.
        code(KRB5_KDC_UNREACH): (
            .kdcUnreachable,
            {
                "no KDC answered: check that one of \($0.realm) runs, and that the lines `kdc =` of \($0.realm) in "
                    + "\($0.configurationFile), the DNS and firewalls lead to it"
            }
        ),
        code(KRB5_REALM_CANT_RESOLVE): (
            .kdcUnreachable,
            {
                "no KDC of \($0.realm) has an address: check the lines `kdc =` of \($0.realm) in \($0.configurationFile) "
                    + "and the DNS"
            }
        ),
        code(KRB5_REALM_UNKNOWN): (
            .kdcUnreachable,
            {
                "neither \($0.configurationFile) nor the DNS knows a KDC of \($0.realm): check the realm's spelling, or "
                    + "add it to [realms]"
            }
        ),
        // What the KDC makes of the user.
        code(KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN): (
            .credentialsRejected,
            {
                "the KDC does not know the user \($0.user): check the principal's spelling, or have it created: "
                    + "`\($0.kadmin("addprinc", .user))`"
            }
        ),
        code(KRB5KDC_ERR_CLIENT_REVOKED): (
            .credentialsRejected,
            { "\($0.user) is locked or disabled at the KDC; `\($0.kadmin("getprinc", .user))` shows which" }
        ),
        code(KRB5KDC_ERR_CLIENT_NOTYET): (
            .credentialsRejected, { "\($0.user) is not valid yet at the KDC: see `\($0.kadmin("getprinc", .user))`" }
        ),
        code(KRB5KDC_ERR_NAME_EXP): (
            .credentialsRejected,
            { "the account of \($0.user) has expired at the KDC: see `\($0.kadmin("getprinc", .user))`" }
        ),
        code(KRB5KDC_ERR_KEY_EXP): (
            .credentialsRejected, { "the password of \($0.user) has expired: run `kpasswd \($0.user)`" }
        ),
        code(KRB5KDC_ERR_POLICY): (
            .credentialsRejected, { "a policy of the KDC forbids that to \($0.user): the KDC's log has the reason" }
        ),
        code(KRB5KDC_ERR_PREAUTH_FAILED): wrongKey,
        code(KRB5_PREAUTH_FAILED): wrongKey,
        code(KRB5KRB_AP_ERR_TKT_EXPIRED): (
            .credentialsRejected, { "the ticket of \($0.user) has expired: run `kinit \($0.cacheOption)\($0.user)`" }
        ),
        code(KRB5KRB_AP_ERR_TKT_NYV): (
            .credentialsRejected,
            {
                "the ticket of \($0.user) is not valid yet (`klist` shows from when on), or a clock is wrong: "
                    + "run `kinit \($0.cacheOption)\($0.user)`"
            }
        ),
        // What the KDC makes of the service.
        code(KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN): (
            .serviceUnknown,
            { words in
                if let (own, other) = words.missingTrust, words.serviceRealm == other {
                    return "\(own) has no way to \(other): check SERVICE_REALM and [domain_realm] in "
                        + "\(words.configurationFile); if the realm is right, both KDCs must share the principal "
                        + "krbtgt/\(other)@\(own), or [capaths] must name the realms between"
                }
                let realm =
                    words.differentRealms.map { own, other in "; or \(own) has no way to \(other): see SERVICE_REALM" }
                    ?? (words.serviceRealm == nil
                        ? "; if it is in another realm, name that with SERVICE_REALM or in [domain_realm] of "
                            + words.configurationFile : "")
                return "the KDC does not know \(words.service): check SERVICE_NAME, the host name in the connection "
                    + "string and CANONICALIZE_HOST_NAME, or have the principal created: "
                    + "`\(words.kadmin("addprinc -randkey", .service))`" + realm
            }
        ),
        code(KRB5KDC_ERR_PATH_NOT_ACCEPTED): noPath,
        code(KRB5KRB_AP_ERR_ILL_CR_TKT): noPath,
        code(KRB5KDC_ERR_ETYPE_NOSUPP): noCommonEncryptionType,
        code(KRB5_CONFIG_ETYPE_NOSUPP): noCommonEncryptionType,
        code(KRB5_PROG_ETYPE_NOSUPP): noCommonEncryptionType,
        code(KRB5_CC_NOT_KTYPE): noCommonEncryptionType,
        code(KRB5_BAD_ENCTYPE): noCommonEncryptionType,
        // Clocks.
        code(KRB5KRB_AP_ERR_SKEW): skew,
        code(KRB5_KDCREP_SKEW): skew,
        // What the server says.
        code(KRB5KRB_AP_ERR_BADKEYVER): keyIsNotInTheServersKeytab,
        code(KRB5KRB_AP_ERR_NOKEY): keyIsNotInTheServersKeytab,
        code(KRB5_MUTUAL_FAILED): noKeyOfTheService,
        code(KRB5KRB_AP_ERR_MUT_FAIL): noKeyOfTheService,
        code(KRB5KRB_AP_ERR_BAD_INTEGRITY): wrongAnswer,
        code(KRB5KRB_AP_ERR_MODIFIED): wrongAnswer,
        // The configuration.
        code(KRB5_CONFIG_BADFORMAT): malformedConfiguration,
        code(KRB5_CONFIG_CANTOPEN): unreadableConfiguration,
    ]

    /// MIT's `KG_CCACHE_NOMATCH`, which no header has.
    private static let cacheOfSomebodyElse: Int32 = 39_756_032

    private static let damagedCache: Row = (
        .noCredentials, { "the cache \($0.cache) is damaged: run `kinit \($0.cacheOption)\($0.user)` again" }
    )
    private static let skew: Row = (
        .clockSkew,
        { words in
            words.clockOffset.map(KerberosFailure.hint(forClockOffset:))
                ?? "the clocks differ by more than Kerberos allows: synchronize this machine and the KDC (`timedatectl`, "
                + "`chronyc tracking`)"
        }
    )
    private static let keyIsNotInTheServersKeytab: Row = (
        .refused,
        {
            "the server's keytab does not have the current key of its principal: on \($0.host) compare "
                + "`klist -ket KEYTAB` with what `kvno \($0.service)` says here"
        }
    )
}
