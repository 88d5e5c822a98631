internal import GSSCore

/// From codes to what to do. The first rule that applies is taken.
extension KerberosAdvice {
    /// What a call is about: the same code means something else for a cache, for a keytab and for everything else.
    enum Subject: Sendable {
        case cache
        case keytab
        /// The user's own first ticket, so that all keys at play are the user's.
        case firstTicket

        /// Whether a call is about it.
        func isMatter(of call: String) -> Bool {
            switch self {
            case .cache: call.hasPrefix("krb5_cc_")
            case .keytab: call.hasPrefix("krb5_kt_") || call.hasSuffix("_keytab")
            case .firstTicket:
                ["gss_acquire_cred", "krb5_get_init_creds", "krb5_init_creds"].contains { call.hasPrefix($0) }
            }
        }
    }

    /// A class and a hint for some codes.
    struct Rule: Sendable {
        typealias Hint = @Sendable (KerberosHintWords) -> String

        /// The names of the codes in MIT's headers; one with a star at its end is for all that begin so.
        let codes: [String]
        /// The calls for which it is; `nil` is all.
        let subject: Subject?
        let `class`: FailureClass
        let hint: Hint?

        init(_ codes: String..., in subject: Subject? = nil, means class: FailureClass, _ hint: Hint?) {
            (self.codes, self.subject, self.class, self.hint) = (codes, subject, `class`, hint)
        }

        func applies(to error: GSSError, _ code: String?) -> Bool {
            guard let code, subject?.isMatter(of: error.call) ?? true else { return false }
            return codes.contains { $0 == code || ($0.hasSuffix("*") && code.hasPrefix($0.dropLast())) }
        }
    }

    /// For codes of which no rule is known: what the major status tells.
    static func rule(for major: GSSMajorStatus) -> Rule {
        switch major.routineError {
        case .noCredential, .defectiveCredential:
            Rule(means: .noCredentials) { "run `\($0.kinitAnywhere)` first, or name a cache or keytab that exists" }
        case .credentialsExpired, .contextExpired:
            Rule(means: .credentialsRejected) { "the ticket has expired: run `\($0.kinit)`" }
        case .defectiveToken, .badSignature:
            Rule(means: .serverNotProven, nil)
        default:
            Rule(means: .kerberos, nil)
        }
    }

    static let rules: [Rule] = nothingToStartFrom + theWayToAKDC + whatTheKDCSays + whatTheServerSays + configuration

    // MARK: - The rules

    private static let nothingToStartFrom: [Rule] = [
        Rule("ENOENT", in: .keytab, means: .noCredentials) { "there is no keytab \($0.keytab): check the path" },
        Rule("EACCES", in: .keytab, means: .noCredentials) {
            "this user may not read the keytab \($0.keytab): see `ls -l \($0.keytab)` and `id`"
        },
        Rule("KRB5_KEYTAB_BADVNO", in: .keytab, means: .noCredentials) {
            "\($0.keytab) is not a keytab: see `klist -k \($0.keytab)`"
        },
        Rule("KRB5_KT_NOTFOUND", in: .keytab, means: .noCredentials) {
            "the keytab \($0.keytab) has no key of \($0.user): `klist -k \($0.keytab)` shows whose it has"
        },
        Rule("KRB5_KT_UNKNOWN_TYPE", in: .keytab, means: .noCredentials) { _ in
            "name the keytab by its path, or as FILE:/path"
        },
        Rule("KRB5_KT_NOTFOUND", means: .noCredentials) {
            "the keytab \($0.keytab) has no key of that principal: see `klist -k \($0.keytab)`"
        },
        Rule("EACCES", in: .cache, means: .noCredentials, mayNotReadCache),
        Rule("KRB5_FCC_PERM", means: .noCredentials, mayNotReadCache),
        Rule("ENOENT", in: .cache, means: .noCredentials, noCache),
        Rule("KRB5_FCC_NOFILE", means: .noCredentials, noCache),
        Rule("KRB5_CC_NOTFOUND", means: .noCredentials) {
            "no cache has a ticket of that user: run `\($0.kinit)`\($0.orNameOwner); `klist -A` "
                + "shows what is there"
        },
        Rule("KG_CCACHE_NOMATCH", means: .noCredentials) {
            "the cache \($0.cache) is somebody else's: run `\($0.kinit)`\($0.orNameOwner); "
                + "`klist -A` shows what is there"
        },
        Rule("KRB5_CC_UNKNOWN_TYPE", means: .noCredentials) {
            "this machine's Kerberos has no cache of the type of \($0.cache): FILE:, DIR:, KCM:, KEYRING:, MEMORY:"
        },
        Rule("KRB5_CC_BADNAME", means: .noCredentials) { "name the cache as TYPE:name, not \($0.cache)" },
        Rule("KRB5_CC_FORMAT", "KRB5_CCACHE_BADVNO", "KRB5_CC_END", means: .noCredentials) {
            "the cache \($0.cache) is damaged: run `\($0.kinit)` again"
        },
        Rule("KRB5_CONFIG_NODEFREALM", means: .noCredentials) {
            "name the realm (user@REALM), or set default_realm in \($0.configurationFile)"
        },
    ]

    private static let theWayToAKDC: [Rule] = [
        Rule("KRB5_KDC_UNREACH", means: .kdcUnreachable) {
            "no KDC answered: check that one of \($0.realm) runs, and that the lines `kdc =` of \($0.realm) in "
                + "\($0.configurationFile), the DNS and firewalls lead to it"
        },
        Rule("KRB5_REALM_CANT_RESOLVE", means: .kdcUnreachable) {
            "no KDC of \($0.realm) has an address: check the lines `kdc =` of \($0.realm) in \($0.configurationFile) "
                + "and the DNS"
        },
        Rule("KRB5_REALM_UNKNOWN", in: .firstTicket, means: .kdcUnreachable) {
            "neither \($0.configurationFile) nor the DNS knows a KDC of \($0.realm): check the realm's spelling, or "
                + "add it to [realms]"
                + ($0.enterpriseName.map {
                    "; if this is a user principal name of Active Directory, name the realm too: user name \($0)"
                } ?? "")
        },
        Rule("KRB5_REALM_UNKNOWN", means: .kdcUnreachable) {
            "neither \($0.configurationFile) nor the DNS knows a KDC of \($0.realm): check the realm's spelling, or "
                + "add it to [realms]"
        },
    ]

    private static let whatTheKDCSays: [Rule] = [
        // While the user's first ticket is asked for, what does not decrypt was made with the user's key.
        Rule(
            "KRB5KRB_AP_ERR_BAD_INTEGRITY", "KRB5KRB_AP_ERR_MODIFIED", in: .firstTicket, means: .credentialsRejected,
            wrongKey),
        Rule("KRB5KDC_ERR_PREAUTH_FAILED", "KRB5_PREAUTH_FAILED", means: .credentialsRejected, wrongKey),
        Rule("KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", in: .firstTicket, means: .credentialsRejected) {
            "the KDC does not serve the realm of \($0.user): check the realm's spelling"
        },
        Rule("KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", means: .credentialsRejected) {
            "the KDC does not know the user \($0.user): check the principal's spelling"
                + ($0.isEnterpriseUser
                    ? ". It is an enterprise name: in Active Directory the user principal name of an account"
                    : $0.isServiceUser
                        ? ", or have it created. In Active Directory a service principal name does not log in: name the account "
                            + "that has it" : ", or have it created: `\($0.kadmin("addprinc", .user))`")
        },
        Rule("KRB5KDC_ERR_CLIENT_REVOKED", means: .credentialsRejected) {
            "\($0.user) is locked, disabled or expired at the KDC; `\($0.kadmin("getprinc", .user))` shows which, and in Active "
                + "Directory the account's properties"
        },
        Rule("KRB5KDC_ERR_CLIENT_NOTYET", means: .credentialsRejected) {
            "\($0.user) is not valid yet at the KDC: see `\($0.kadmin("getprinc", .user))`"
        },
        Rule("KRB5KDC_ERR_NAME_EXP", means: .credentialsRejected) {
            "the account of \($0.user) has expired at the KDC: see `\($0.kadmin("getprinc", .user))`"
        },
        Rule("KRB5KDC_ERR_KEY_EXP", means: .credentialsRejected) {
            "the password of \($0.user) has expired: run `kpasswd \($0.user)`"
        },
        Rule("KRB5KDC_ERR_POLICY", means: .credentialsRejected) {
            "a policy of the KDC forbids that to \($0.user): the KDC's log has the reason"
        },
        Rule("KRB5KRB_AP_ERR_TKT_EXPIRED", means: .credentialsRejected) {
            "the ticket of \($0.user) has expired: run `\($0.kinit)`"
        },
        Rule("KRB5KRB_AP_ERR_TKT_NYV", means: .credentialsRejected) {
            "the ticket of \($0.user) is not valid yet (`klist` shows from when on), or a clock is wrong: "
                + "run `\($0.kinit)`"
        },
        Rule("KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", means: .serviceUnknown, unknownService),
        Rule("KRB5KDC_ERR_MUST_USE_USER2USER", means: .kerberos) {
            "the KDC gives tickets for \($0.service) only between users (user-to-user), as its principal is marked as none of a "
                + "service: `\($0.kadmin("modprinc +allow_svr", .service))`"
        },
        Rule("KRB5KRB_AP_ERR_BADADDR", means: .kerberos) {
            "the ticket is good from some addresses only, and the KDC sees another one (address translation, a VPN): get one without "
                + "addresses, `\($0.kinit(option: "-A"))`, and see noaddresses and extra_addresses in \($0.configurationFile)"
        },
        Rule("KRB5KDC_ERR_PATH_NOT_ACCEPTED", "KRB5KRB_AP_ERR_ILL_CR_TKT", means: .kerberos) {
            "the realms do not trust the path that the ticket took: check [capaths] in \($0.configurationFile)"
        },
        Rule(
            "KRB5KDC_ERR_ETYPE_NOSUPP", "KRB5_CONFIG_ETYPE_NOSUPP", "KRB5_PROG_ETYPE_NOSUPP", "KRB5_CC_NOT_KTYPE",
            "KRB5_BAD_ENCTYPE", means: .kerberos
        ) {
            "user, service and this machine have no encryption type in common: compare permitted_enctypes in "
                + "\($0.configurationFile), `klist -e`, and `\($0.kadmin("getprinc", .service))`"
        },
        Rule("KRB5KRB_AP_ERR_SKEW", "KRB5_KDCREP_SKEW", means: .clockSkew) {
            $0.clockOffset.map(hint(forClockOffset:))
                ?? "the clocks differ by more than Kerberos allows: synchronize this machine and the KDC (`timedatectl`, "
                + "`chronyc tracking`)"
        },
    ]

    private static let whatTheServerSays: [Rule] = [
        Rule("KRB5KRB_AP_ERR_BADKEYVER", "KRB5KRB_AP_ERR_NOKEY", means: .refused) {
            "the server's keytab does not have the current key of its principal: on \($0.host) compare "
                + "`klist -ket KEYTAB` with what `kvno \($0.service)` says here"
        },
        Rule("KRB5_MUTUAL_FAILED", "KRB5KRB_AP_ERR_MUT_FAIL", means: .serverNotProven) { _ in
            "the server does not hold the key of the service"
        },
        Rule("KRB5KRB_AP_ERR_BAD_INTEGRITY", "KRB5KRB_AP_ERR_MODIFIED", means: .serverNotProven) { _ in
            "the server's answer was made with another key or was changed on its way"
        },
    ]

    private static let configuration: [Rule] = [
        Rule("PROF_FAIL_INCLUDE_FILE", "PROF_FAIL_INCLUDE_DIR", means: .kerberos) {
            "a line `include` or `includedir` of \($0.configurationFile) names what is not there or may not be read, and Kerberos "
                + "reads nothing of the file then: see `grep -n include \($0.configurationFile)`"
        },
        // The profile library's own codes: every one is about a line of a file, or a file that it includes.
        Rule("KRB5_CONFIG_BADFORMAT", "PROF_*", means: .kerberos) {
            "\($0.configurationFile) is malformed: Kerberos reads nothing of it. `klist` fails in the same way"
        },
        // Whatever else is said of a file that may not be read, it is the configuration: a name was not even looked at.
        Rule("KRB5_CONFIG_CANTOPEN", "EACCES", means: .kerberos) {
            "this user may not read \($0.configurationFile): see `ls -l \($0.configurationFile)`; it holds no secrets"
        },
    ]

    // MARK: - Hints of several rules, and long ones

    private static let mayNotReadCache: Rule.Hint = {
        "this user may not read the cache \($0.cache): see `klist \($0.cache)` and `id`"
    }
    private static let noCache: Rule.Hint = {
        "there is no credential cache \($0.cache): run `\($0.kinit)` first"
    }
    private static let wrongKey: Rule.Hint = {
        $0.hasKeytab
            ? "the keytab \($0.keytab) does not have the key of \($0.user): it is older, or was made with another password or "
                + "salt (a name in other capitals has another one). Compare `klist -ket \($0.keytab)` with "
                + "`\($0.kadmin("getprinc", .user))`, and have a new one made"
            : "the password of \($0.user) is wrong: try it with `\($0.kinitAnywhere)`"
    }
    private static let unknownService: Rule.Hint = { words in
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
            + "`\(words.kadmin("addprinc -randkey", .service))`; in Active Directory exactly one account must have it: "
            + "`setspn -Q \(words.servicePrincipalName)`" + realm
    }
}
