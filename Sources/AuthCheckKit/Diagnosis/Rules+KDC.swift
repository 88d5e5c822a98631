extension Rule {
    // MARK: - Reaching a KDC

    private static let lookAtKDCs: Steps = { evidence in
        let words = evidence.words
        let realm = words.realm
        return [
            .see(
                "see which KDCs are configured for \(realm) (kdc = ...)",
                "grep -n -A8 -e \(words.realmOperand) \(words.configurationFile)"),
            .see("see which ones the DNS has", "dig +short SRV _kerberos._udp.\(words.realmOperand)"),
            .init("see that firewalls let port 88 through, UDP and TCP"),
        ]
    }

    static let theWayToAKDC: [Rule] = [
        Rule(
            "threads-busy", for: "credentials.threads-busy", is: .deadline, by: .unknown,
            {
                "no KDC of \($0.words.realm) was asked: until the deadline, the maximum number of concurrent "
                    + "requests were waiting for KDCs"
            },
            do: { _ in
                [
                    .init("see the results of the other hosts: one of their KDCs may be silent"),
                    .init("check fewer hosts at a time, or increase --timeout"),
                ]
            }),
        Rule(
            "kdc-behind-proxy", for: "credentials.kdc-timeout", "deadline.kdc", "kerberos.KRB5_KDC_UNREACH",
            is: .kdcUnreachable, by: .thisMachine, when: { $0.measured.isKDCBehindProxy },
            {
                "the KDCs of \($0.words.realm) are reached through an HTTPS proxy (kdc = https://...), and none answers"
                    + $0.kdcSentence
            },
            do: { evidence in
                [
                    .see(
                        "see whether Kerberos has its plugin for that, k5tls (Debian: package krb5-k5tls)",
                        "find /usr/lib* -name k5tls.so"),
                    .see(
                        "see which authorities are trusted for the proxy's certificate",
                        "grep -n http_anchors \(evidence.words.configurationFile)"),
                ]
            }),
        Rule(
            "kdc-by-datagrams-only", for: "credentials.kdc-timeout", "deadline.kdc", "kerberos.KRB5_KDC_UNREACH",
            "kerberos.KRB5KRB_ERR_RESPONSE_TOO_BIG", is: .kdcUnreachable, by: .network,
            when: { $0.measured.isKDCWithoutConnections },
            { "a KDC of \($0.words.realm) answers over UDP only, and long answers need TCP" + $0.kdcSentence },
            do: { _ in
                [.init("make firewalls pass 88/tcp to the KDC, and the KDC listen there (kdc_tcp_listen)")]
            }),
        Rule(
            "kdc-name-not-looked-up", for: "kerberos.EAGAIN", is: .kdcUnreachable, by: .network,
            when: { !$0.isAbout(.cache) && !$0.isAbout(.keytab) },
            { "no name server has answered for the name of a KDC of \($0.words.realm)" + $0.kdcSentence },
            do: { evidence in
                [
                    .see(
                        "see which KDCs are configured for \(evidence.words.realm) (kdc = ...)",
                        "grep -n -A8 -e \(evidence.words.realmOperand) \(evidence.words.configurationFile)"),
                    .see("see which name servers are asked", "grep nameserver /etc/resolv.conf"),
                ]
            }),
        Rule(
            "kdc-line-malformed", for: "kerberos.EINVAL", is: .kerberos, by: .thisMachine,
            when: { !$0.isAbout(.cache) && !$0.isAbout(.keytab) },
            {
                "Kerberos cannot read a value in \($0.words.configurationFile), most likely that of a line `kdc =`: a comment "
                    + "after a value is part of it"
            },
            do: { evidence in
                [
                    .see(
                        "look at the lines: host, host:port or [IPv6 address]:port",
                        "grep -n 'kdc *=' \(evidence.words.configurationFile)"),
                    .see("see what else is wrong on this machine", "authcheck environment"),
                ]
            }),
        Rule(
            "realm-with-comment", for: "kerberos.KRB5_REALM_UNKNOWN", "kerberos.KRB5_CC_NOTFOUND",
            "kerberos.KRB5_FCC_NOFILE", is: .kerberos, by: .thisMachine,
            when: {
                $0.names.defaultRealm.map { $0.utf8.contains(0x20) || $0.utf8.contains(UInt8(ascii: "#")) } ?? false
            },
            {
                "default_realm in \($0.words.configurationFile) is \"\($0.names.defaultRealm ?? "")\", which is not a realm: a comment "
                    + "after a value is part of it"
            },
            do: { evidence in
                [
                    .see(
                        "put the comment on a line of its own",
                        "grep -n default_realm \(evidence.words.configurationFile)")
                ]
            }),
        Rule(
            "kdc-silent", for: "credentials.kdc-timeout", "deadline.kdc", is: .kdcUnreachable, by: .network,
            { evidence in
                "no KDC of \(evidence.words.realm) has answered in time" + evidence.kdcSentence
            }, do: lookAtKDCs),
        Rule(
            "kdc-unreachable", for: "kerberos.KRB5_KDC_UNREACH", "kerberos.KRB5KRB_AP_ERR_IAKERB_KDC_NO_RESPONSE",
            is: .kdcUnreachable,
            by: .network,
            { "no KDC of \($0.words.realm) answers" + $0.kdcSentence }, do: lookAtKDCs),
        Rule(
            "kdc-without-address", for: "kerberos.KRB5_REALM_CANT_RESOLVE", is: .kdcUnreachable, by: .network,
            { "no KDC of \($0.words.realm) has an address: the lines `kdc =` or the DNS name hosts that do not exist" },
            do: lookAtKDCs),
        Rule(
            "realm-in-small-letters-unknown", for: "kerberos.KRB5_REALM_UNKNOWN",
            "kerberos.KRB5KRB_AP_ERR_IAKERB_KDC_NOT_FOUND", is: .kdcUnreachable,
            by: .user,
            when: { $0.words.realmInCapitals != nil && $0.isAbout(.firstTicket) },
            { "realms are case-sensitive, and that of \($0.words.user) is in lower case" },
            do: { [.init("write the user as \($0.words.realmInCapitals ?? "")")] }),
        Rule(
            "realm-without-kdc", for: "kerberos.KRB5_REALM_UNKNOWN", "kerberos.KRB5KRB_AP_ERR_IAKERB_KDC_NOT_FOUND",
            is: .kdcUnreachable,
            by: .thisMachine,
            { "neither \($0.words.configurationFile) nor the DNS knows a KDC of \($0.words.realm)" },
            do: { evidence in
                let words = evidence.words
                let name = evidence.isAbout(.firstTicket) ? words.enterpriseName : nil
                return [.init("check the realm's spelling, or add it to [realms] of \(words.configurationFile)")]
                    + (name.map {
                        [
                            .init(
                                "if this is a user principal name of Active Directory, name the realm too: user name \($0)"
                            )
                        ]
                    } ?? [])
            }),
        Rule(
            "host-without-realm", for: "kerberos.KRB5_ERR_HOST_REALM_UNKNOWN", "kerberos.KRB5_ERR_NUMERIC_REALM",
            is: .kerberos, by: .thisMachine,
            { "nothing says which realm \($0.words.host) is in" },
            do: { [.init("name it with SERVICE_REALM, or in [domain_realm] of \($0.words.configurationFile)")] }),
        Rule(
            "kdc-name-unresolved", for: "kerberos.KRB5_EAI_*", "kerberos.KRB5_ERR_BAD_HOSTNAME", is: .kerberos,
            by: .network,
            { "a name of \($0.words.configurationFile) or of the service does not resolve" },
            do: { [.see("see what it resolves to", "getent hosts \($0.words.hostOperand)")] }),
        Rule(
            "answer-too-big", for: "kerberos.KRB5KRB_ERR_RESPONSE_TOO_BIG", is: .kdcUnreachable, by: .network,
            { "the KDC's answer is too large for UDP, and no KDC of \($0.words.realm) sends it over TCP" },
            do: { _ in
                [.init("make firewalls pass 88/tcp to the KDC, and the KDC listen there (kdc_tcp_listen)")]
            }),
        Rule(
            "kdc-out-of-service", for: "kerberos.KRB5KDC_ERR_SVC_UNAVAILABLE", is: .kerberos, by: .kdc,
            {
                "the KDC of \($0.words.realm) answers, but cannot serve now: its database or a server behind it is down"
            },
            do: { _ in [.init("try again, and see the KDC's log")] }),
    ]

    // MARK: - The user's first ticket

    static let firstTicket: [Rule] = [
        Rule(
            "realm-in-small-letters-refused", for: "kerberos.KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN",
            "kerberos.KRB5KDC_ERR_WRONG_REALM",
            "kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN",
            is: .credentialsRejected, by: .user, when: { $0.words.realmInCapitals != nil && $0.isAbout(.firstTicket) },
            { "realms are case-sensitive, and that of \($0.words.user) is in lower case" },
            do: { [.init("write the user as \($0.words.realmInCapitals ?? "")")] }),
        // In a request for the user's first ticket, what does not decrypt was encrypted with the user's key.
        Rule(
            "keytab-key-wrong", for: "kerberos.KRB5KRB_AP_ERR_BAD_INTEGRITY", "kerberos.KRB5KRB_AP_ERR_MODIFIED",
            "kerberos.KRB5KDC_ERR_PREAUTH_FAILED", is: .credentialsRejected, by: .user,
            when: { $0.words.hasKeytab && ($0.isAbout(.firstTicket) || $0.has("kerberos.KRB5KDC_ERR_PREAUTH_FAILED")) },
            wrongKeytab, do: newKeytab),
        Rule(
            "password-wrong", for: "kerberos.KRB5KRB_AP_ERR_BAD_INTEGRITY", "kerberos.KRB5KRB_AP_ERR_MODIFIED",
            "kerberos.KRB5KDC_ERR_PREAUTH_FAILED", is: .credentialsRejected, by: .user,
            when: { $0.isAbout(.firstTicket) || $0.has("kerberos.KRB5KDC_ERR_PREAUTH_FAILED") }, wrongPassword,
            do: tryPassword),
        Rule(
            "other-proof-wanted", for: "kerberos.KRB5_PREAUTH_FAILED", "kerberos.KRB5KDC_ERR_PREAUTH_REQUIRED",
            "kerberos.KRB5_PREAUTH_BAD_TYPE",
            "kerberos.KRB5_PREAUTH_NO_KEY", "kerberos.KRB5KDC_ERR_PADATA_TYPE_NOSUPP", "kerberos.KRB5_SAM_*",
            "kerberos.KRB5KDC_ERR_PREAUTH_EXPIRED", "kerberos.KRB5KDC_ERR_MORE_PREAUTH_DATA_REQUIRED",
            is: .credentialsRejected, by: .user,
            {
                "the KDC requires another proof of \($0.words.user) than a password or a keytab's key: a one-time password, a certificate or "
                    + "hardware"
            },
            do: {
                [
                    .init("get a ticket by hand, which this program then uses", command: $0.words.kinitAnywhere),
                    .init(
                        "or let the account log in with a password or keytab",
                        command: $0.words.kadmin("getprinc", .user)),
                ]
            }),
        Rule(
            "armor-required", for: "kerberos.KRB5_ERR_FAST_REQUIRED",
            "kerberos.KRB5KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTION",
            is: .credentialsRejected, by: .kdc,
            {
                "the KDC accepts \($0.words.user) only through an armored channel (FAST), which needs another ticket first"
            },
            do: { [.init("get a ticket by hand", command: $0.words.kinit(option: "-T ARMOR_CACHE"))] }),
        Rule(
            "certificate-log-in-refused", for: "kerberos.KRB5KDC_ERR_CLIENT_NOT_TRUSTED",
            "kerberos.KRB5KDC_ERR_KDC_NOT_TRUSTED",
            "kerberos.KRB5KDC_ERR_INVALID_SIG",
            "kerberos.KRB5KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED", "kerberos.KRB5KDC_ERR_CERTIFICATE_MISMATCH",
            "kerberos.KRB5KDC_ERR_CANT_VERIFY_CERTIFICATE", "kerberos.KRB5KDC_ERR_INVALID_CERTIFICATE",
            "kerberos.KRB5KDC_ERR_REVOKED_CERTIFICATE", "kerberos.KRB5KDC_ERR_REVOCATION_STATUS_*",
            "kerberos.KRB5KDC_ERR_CLIENT_NAME_MISMATCH", "kerberos.KRB5KDC_ERR_KDC_NAME_MISMATCH",
            "kerberos.KRB5KDC_ERR_INCONSISTENT_KEY_PURPOSE", "kerberos.KRB5KDC_ERR_DIGEST_IN_*",
            "kerberos.KRB5KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED",
            "kerberos.KRB5KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED",
            "kerberos.KRB5KDC_ERR_NO_ACCEPTABLE_KDF", is: .credentialsRejected, by: .user,
            {
                "authentication with a certificate (PKINIT) was refused for \($0.words.user): the user's or the KDC's certificate does not meet the other side's requirements"
            },
            do: { [.see("see pkinit_anchors and pkinit_identities", "grep -n pkinit \($0.words.configurationFile)")] }),
        Rule(
            "realm-not-served", for: "kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", is: .credentialsRejected, by: .user,
            when: { $0.isAbout(.firstTicket) },
            { "the KDC does not serve the realm of \($0.words.user)" },
            do: { _ in [.init("check the realm's spelling")] }),
        Rule(
            "enterprise-name-unknown", for: "kerberos.KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", is: .credentialsRejected,
            by: .user,
            when: { $0.words.isEnterpriseUser },
            { "the KDC does not know the enterprise name \($0.words.user)" },
            do: { _ in [.init("check its spelling: in Active Directory it is the user principal name of an account")] }),
        Rule(
            "service-name-as-user", for: "kerberos.KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", is: .credentialsRejected,
            by: .user,
            when: { $0.words.isServiceUser },
            { "the KDC does not know the user \($0.words.user)" },
            do: { _ in
                [
                    .init(
                        "check its spelling. In Active Directory a service principal name cannot log in: name the account that has it"
                    )
                ]
            }),
        Rule(
            "user-unknown", for: "kerberos.KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN", is: .credentialsRejected, by: .user,
            { "the KDC does not know the user \($0.words.user)" },
            do: { evidence in
                [.init("check the principal's spelling")]
                    + evidence.byDirectory(
                        mit: [.init("or have it created", command: evidence.words.kadmin("addprinc", .user))],
                        activeDirectory: [
                            .see(
                                "see the account in Active Directory",
                                "Get-ADUser -Filter \"SamAccountName -eq 'NAME'\"")
                        ])
            }),
        Rule(
            "user-in-another-realm", for: "kerberos.KRB5KDC_ERR_WRONG_REALM", is: .credentialsRejected, by: .user,
            {
                "the KDC of \($0.words.realm) refers to another realm for \($0.isAbout(.firstTicket) ? $0.words.user : $0.words.service)"
            },
            do: { _ in [.init("name the account's realm; with Active Directory that of its domain")] }),
        Rule(
            "user-locked", for: "kerberos.KRB5KDC_ERR_CLIENT_REVOKED", is: .credentialsRejected, by: .kdc,
            { "\($0.words.user) is locked, disabled or expired at the KDC" }, do: lookAtUser),
        Rule(
            "user-not-yet-valid", for: "kerberos.KRB5KDC_ERR_CLIENT_NOTYET", is: .credentialsRejected, by: .kdc,
            { "\($0.words.user) is not valid yet at the KDC" }, do: lookAtUser),
        Rule(
            "account-expired", for: "kerberos.KRB5KDC_ERR_NAME_EXP", is: .credentialsRejected, by: .kdc,
            { "the account of \($0.words.user) has expired at the KDC" }, do: lookAtUser),
        Rule(
            "password-expired", for: "kerberos.KRB5KDC_ERR_KEY_EXP", is: .credentialsRejected, by: .user,
            when: { !$0.words.hasKeytab },
            { "the password of \($0.words.user) has expired" },
            do: { [.init("change it", command: "kpasswd \($0.words.user)")] }),
        Rule(
            "key-expired", for: "kerberos.KRB5KDC_ERR_KEY_EXP", is: .credentialsRejected, by: .user,
            { "the key of \($0.words.user) has expired, as a password does" },
            do: { [.init("change it, and create a new keytab", command: "kpasswd \($0.words.user)")] }),
        Rule(
            "user-without-common-encryption", for: "kerberos.KRB5KDC_ERR_ETYPE_NOSUPP",
            "kerberos.KRB5_CONFIG_ETYPE_NOSUPP", "kerberos.KRB5_PROG_ETYPE_NOSUPP",
            "kerberos.KRB5_BAD_ENCTYPE", "kerberos.KRB5_PROG_KEYTYPE_NOSUPP", "kerberos.KRB5_NOPERM_ETYPE",
            "kerberos.KRB5_WRONG_ETYPE",
            is: .kerberos, by: .user, when: { $0.isAbout(.firstTicket) },
            {
                "\($0.words.user) has no key of an encryption type that both the KDC and this machine permit (it has RC4 only, perhaps)"
            },
            do: { evidence in
                let keytab =
                    evidence.words.hasKeytab
                    ? [Diagnosis.Step.see("see which the keytab has", "klist -ket \(evidence.words.keytab)")] : []
                return keytab
                    + evidence.byDirectory(
                        mit: [
                            .see(
                                "see which keys the KDC has; a new password creates new ones",
                                evidence.words.kadmin("getprinc", .user))
                        ],
                        activeDirectory: [
                            .init(
                                "allow AES for the account (msDS-SupportedEncryptionTypes), and change its password once"
                            )
                        ])
                    + [
                        .see(
                            "see what is permitted here (permitted_enctypes, allow_rc4)",
                            "grep -n -e enctypes -e allow_ \(evidence.words.configurationFile)")
                    ]
            }),
        Rule(
            "user-policy", for: "kerberos.KRB5KDC_ERR_POLICY", is: .credentialsRejected, by: .kdc,
            when: { $0.isAbout(.firstTicket) },
            { "a policy of the KDC denies a ticket to \($0.words.user), from here or at this time" },
            do: { _ in [.init("the KDC's log has the reason")] }),
        Rule(
            "user-name-not-canonical", for: "kerberos.KRB5_IN_TKT_REALM_MISMATCH", "kerberos.KRB5_KDCREP_MODIFIED",
            is: .credentialsRejected, by: .user,
            when: { $0.isAbout(.firstTicket) },
            {
                "the KDC answered for a name other than \($0.words.user): it ignores case in names, or has an alias"
            },
            do: {
                [.init("write the name as the KDC has it, or set canonicalize = true in \($0.words.configurationFile)")]
            }),
        Rule(
            "proof-loop", for: "kerberos.KRB5_GET_IN_TKT_LOOP", is: .kerberos, by: .kdc,
            { "the KDC keeps asking for another proof of \($0.words.user)" },
            do: { _ in [.init("the KDC's log has the reason")] }),
        Rule(
            "kdc-without-usable-key", for: "kerberos.KRB5KDC_ERR_C_OLD_MAST_KVNO",
            "kerberos.KRB5KDC_ERR_S_OLD_MAST_KVNO",
            "kerberos.KRB5KDC_ERR_NULL_KEY",
            is: .kerberos, by: .kdc,
            {
                "the KDC's database has no usable key of \($0.isAbout(.firstTicket) ? $0.words.user : $0.words.service)"
            },
            do: {
                [
                    .see(
                        "see its keys, and have new ones made",
                        $0.words.kadmin("getprinc", $0.isAbout(.firstTicket) ? .user : .service))
                ]
            }),
    ]

    private static let wrongPassword: @Sendable (Evidence) -> String = { "the password of \($0.words.user) is wrong" }
    private static let tryPassword: Steps = { [.init("try it", command: $0.words.kinitAnywhere)] }
    private static let wrongKeytab: @Sendable (Evidence) -> String = {
        "the keytab \($0.words.keytab) does not have the key of \($0.words.user): it is older, or was made with another password or "
            + "salt (a name in different case has a different one)"
    }
    private static let newKeytab: Steps = { evidence in
        [.see("see which key versions it has", "klist -ket \(evidence.words.keytab)")]
            + evidence.byDirectory(
                mit: [
                    .see(
                        "compare it with the KDC's, and create a new keytab",
                        evidence.words.kadmin("getprinc", .user))
                ],
                activeDirectory: [
                    .init("create a new keytab (ktpass, or `net ads keytab`), with the account's current password")
                ])
    }
    private static let lookAtUser: Steps = { evidence in
        evidence.byDirectory(
            mit: [.see("see its state", evidence.words.kadmin("getprinc", .user))],
            activeDirectory: [.init("see the account's properties in Active Directory")])
    }

}

extension Evidence {
    /// The result of each KDC.
    var kdcSentence: String { measured.kdcs.isEmpty ? "" : " (\(measured.kdcs.joined(separator: "; ")))" }

    /// The steps for the realm's kind of directory; both if unknown.
    func byDirectory(mit: [Diagnosis.Step], activeDirectory: [Diagnosis.Step]) -> [Diagnosis.Step] {
        switch measured.isActiveDirectory {
        case true?: activeDirectory
        case false?: mit
        case nil: mit + activeDirectory
        }
    }
}
