internal import GSSCore
internal import GSSKerberos
internal import MongoAuth
internal import NameResolution

extension Rule {
    // MARK: - The service's ticket

    static let serviceTicket: [Rule] = [
        Rule(
            "trust-missing", for: "kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", is: .serviceUnknown,
            by: .connectionString,
            when: { $0.isTrustMissing },
            { evidence in
                let trust = evidence.words.missingTrust
                return "\(trust?.own ?? "REALM") has no trust path to \(trust?.other ?? "OTHER")"
            },
            do: { evidence in
                let (own, other) = evidence.words.missingTrust ?? ("REALM", "OTHER")
                return [
                    .init("check SERVICE_REALM, and [domain_realm] in \(evidence.words.configurationFile)"),
                    .init(
                        "if the realm is right, both KDCs must share the principal krbtgt/\(other)@\(own), or [capaths] must name the realms between"
                    ),
                ]
            }),
        Rule(
            "service-name-is-principal", for: "kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", is: .serviceUnknown,
            by: .connectionString, when: { $0.wholePrincipal != nil },
            {
                "\($0.wholePrincipal?.property ?? "SERVICE_NAME") is one part of the server's principal, and the string has the "
                    + "whole principal there: \($0.wholePrincipal?.value ?? "")"
            },
            do: { [.init("write \($0.wholePrincipal?.advice ?? "the parts") in authMechanismProperties")] }),
        Rule(
            "service-host-is-address", for: "kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", is: .serviceUnknown,
            by: .connectionString, when: { $0.isServiceHostAddress },
            {
                "the KDC does not know \($0.words.service): principals are made for names, and the host is an address"
            },
            do: { _ in
                [
                    .init("connect by the name that the server's principal has"),
                    .init("or write SERVICE_HOST:NAME in authMechanismProperties, with that name"),
                ]
            }),
        Rule(
            "service-known-by-another-name", for: "kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN",
            "kerberos.KRB5KDC_ERR_SERVER_NOMATCH",
            "kerberos.KRB5_SERVICE_UNKNOWN",
            is: .serviceUnknown, by: .connectionString, when: { $0.measured.knownService != nil },
            { evidence in
                let known = evidence.measured.knownService
                let source = known?.alias.map { ", which the DNS says is the host \($0)" } ?? ""
                return
                    "the KDC does not know \(evidence.words.service); it knows \(known?.name ?? "SERVICE/HOST")\(source)"
            },
            do: { evidence in
                [
                    .init(
                        "if that is the server that is meant, write \(evidence.measured.knownService?.properties ?? "SERVICE_HOST:HOST") "
                            + "in authMechanismProperties")
                ]
                    + evidence.byDirectory(
                        mit: [
                            .administer(
                                "or have the principal created, and its key put into the server's keytab",
                                service: evidence.words.kadmin("addprinc -randkey", .service))
                        ],
                        activeDirectory: [
                            .see(
                                "in Active Directory see which account has it",
                                "setspn -Q \(evidence.words.servicePrincipalName)")
                        ])
            }),
        Rule(
            "service-unknown", for: "kerberos.KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", "kerberos.KRB5KDC_ERR_SERVER_NOMATCH",
            "kerberos.KRB5_SERVICE_UNKNOWN",
            is: .serviceUnknown, by: .kdc, { "the KDC does not know \($0.words.service)" },
            do: { evidence in
                let words = evidence.words
                let realm: [Diagnosis.Step] =
                    words.differentRealms.map { own, other in
                        [.init("or \(own) has no trust path to \(other): see SERVICE_REALM")]
                    }
                    ?? (words.serviceRealm == nil
                        ? [
                            .init(
                                "if it is in another realm, name that with SERVICE_REALM or in [domain_realm] of \(words.configurationFile)"
                            )
                        ]
                        : [])
                return [.init("check SERVICE_NAME, the host name in the connection string and CANONICALIZE_HOST_NAME")]
                    + evidence.byDirectory(
                        mit: [
                            .administer(
                                "or have the principal created", service: words.kadmin("addprinc -randkey", .service))
                        ],
                        activeDirectory: [
                            .see(
                                "in Active Directory see that exactly one account has it",
                                "setspn -Q \(words.servicePrincipalName)")
                        ]) + realm
            }),
        Rule(
            "service-not-unique", for: "kerberos.KRB5KDC_ERR_PRINCIPAL_NOT_UNIQUE", is: .kerberos, by: .kdc,
            { "the KDC has \($0.words.service) more than once" },
            do: {
                [
                    .see(
                        "in Active Directory see which accounts have it, and take it from all but one",
                        "setspn -Q \($0.words.servicePrincipalName)")
                ]
            }),
        Rule(
            "service-expired", for: "kerberos.KRB5KDC_ERR_SERVICE_EXP", is: .kerberos, by: .kdc,
            { "the account of \($0.words.service) has expired at the KDC" }, do: lookAtService),
        Rule(
            "service-locked", for: "kerberos.KRB5KDC_ERR_SERVICE_REVOKED", is: .kerberos, by: .kdc,
            { "\($0.words.service) is locked or disabled at the KDC" }, do: lookAtService),
        Rule(
            "service-not-yet-valid", for: "kerberos.KRB5KDC_ERR_SERVICE_NOTYET", is: .kerberos, by: .kdc,
            { "\($0.words.service) is not valid yet at the KDC" }, do: lookAtService),
        Rule(
            "service-between-users-only", for: "kerberos.KRB5KDC_ERR_MUST_USE_USER2USER",
            "kerberos.KRB5KRB_AP_ERR_USER_TO_USER_REQUIRED",
            "kerberos.KRB5_NO_2ND_TKT",
            is: .kerberos, by: .kdc,
            {
                "the KDC issues tickets for \($0.words.service) only between users (user-to-user): its principal is marked as not a service"
            },
            do: { [.administer("have the mark removed", service: $0.words.kadmin("modprinc +allow_svr", .service))] }),
        Rule(
            "service-policy", for: "kerberos.KRB5KDC_ERR_POLICY", is: .kerberos, by: .kdc,
            { "a policy of the KDC denies \($0.words.user) a ticket for \($0.words.service)" },
            do: { _ in
                [.init("the KDC's log has the reason; in Active Directory see authentication policies and silos")]
            }),
        Rule(
            "option-not-allowed", for: "kerberos.KRB5KDC_ERR_BADOPTION", is: .kerberos, by: .kdc,
            {
                "the KDC does not grant an option of the request for \($0.words.service): delegation, forwarding or renewal is not allowed there"
            },
            do: { evidence in
                [
                    .see("see the account's flags", evidence.words.kadmin("getprinc", .service)),
                    .init(
                        "for tickets by constrained delegation see the list of services that the middle account may delegate to"
                    ),
                ]
            }),
        Rule(
            "ticket-never-valid", for: "kerberos.KRB5KDC_ERR_NEVER_VALID", "kerberos.KRB5KDC_ERR_CANNOT_POSTDATE",
            is: .kerberos, by: .kdc,
            {
                "the ticket for \($0.words.service) would end before it starts: a lifetime of the KDC is too short, or a clock is wrong"
            },
            do: { [.see("see the longest lifetimes", $0.words.kadmin("getprinc", .service))] }),
        Rule(
            "ticket-of-other-addresses", for: "kerberos.KRB5KRB_AP_ERR_BADADDR", is: .kerberos, by: .user,
            { _ in
                "the ticket is valid from some addresses only, and the KDC sees another one (address translation, a VPN)"
            },
            do: {
                [
                    .init("get one without addresses", command: $0.words.kinit(option: "-A")),
                    .init("see noaddresses and extra_addresses in \($0.words.configurationFile)"),
                ]
            }),
        Rule(
            "trust-path-refused", for: "kerberos.KRB5KDC_ERR_PATH_NOT_ACCEPTED",
            "kerberos.KRB5KRB_AP_PATH_NOT_ACCEPTED",
            "kerberos.KRB5KRB_AP_ERR_ILL_CR_TKT",
            "kerberos.KRB5_NO_TKT_IN_RLM", "kerberos.KRB5KRB_AP_ERR_NO_TGT", is: .kerberos, by: .kdc,
            { _ in "the realms do not trust the path that the ticket took" },
            do: { [.see("see [capaths]", "grep -n -A6 capaths \($0.words.configurationFile)")] }),
        Rule(
            "service-without-common-encryption", for: "kerberos.KRB5KDC_ERR_ETYPE_NOSUPP",
            "kerberos.KRB5_CONFIG_ETYPE_NOSUPP", "kerberos.KRB5_PROG_ETYPE_NOSUPP",
            "kerberos.KRB5_CC_NOT_KTYPE", "kerberos.KRB5_BAD_ENCTYPE", "kerberos.KRB5_PROG_KEYTYPE_NOSUPP",
            "kerberos.KRB5_NOPERM_ETYPE",
            "kerberos.KRB5_WRONG_ETYPE", "kerberos.KRB5KDC_ERR_SUMTYPE_NOSUPP", "kerberos.KRB5_PROG_SUMTYPE_NOSUPP",
            is: .kerberos, by: .kdc,
            { "\($0.words.service), the KDC and this machine have no encryption type in common" },
            do: { evidence in
                let words = evidence.words
                return [
                    .see(
                        "see what is permitted here (permitted_enctypes, allow_rc4)",
                        "grep -n -e enctypes -e allow_ \(words.configurationFile)"),
                    .see("see what the tickets have", "klist -e"),
                ]
                    + evidence.byDirectory(
                        mit: [.see("see which keys the service has", words.kadmin("getprinc", .service))],
                        activeDirectory: [
                            .init(
                                "allow AES for the service's account (msDS-SupportedEncryptionTypes), and change its password once"
                            )
                        ])
            }),
        Rule(
            "cryptography-refuses", for: "kerberos.KRB5_CRYPTO_INTERNAL", is: .kerberos, by: .thisMachine,
            { _ in
                "this machine's cryptographic library refuses what the ticket's encryption type needs (FIPS mode forbids RC4, for example)"
            },
            do: { _ in [.see("see the tickets' encryption types", "klist -e")] }),
        Rule(
            "kdc-refused-without-code", for: "kerberos.KRB5KRB_ERR_GENERIC", is: .kerberos, by: .kdc,
            { evidence in
                let given = evidence.kerberos?.error.minorMessages.first ?? ""
                let lead = "KDC returned error string: "
                let text = given.hasPrefix(lead) ? String(given.dropFirst(lead.count)) : given
                return "the KDC refused without a code of its own" + (text.isEmpty ? "" : ": \(text)")
            }, do: { _ in [.init("the KDC's log has the reason")] }),
        Rule(
            "not-a-kdc", for: "kerberos.KRB5KRB_ERR_FIELD_TOOLONG", "kerberos.KRB5KRB_AP_ERR_BADVERSION",
            "kerberos.KRB5KRB_AP_ERR_MSG_TYPE", "kerberos.KRB5_BADMSGTYPE",
            "kerberos.KRB5KDC_ERR_BAD_PVNO", "kerberos.KRB5KRB_AP_ERR_V4_REPLY", "kerberos.KRB5KDC_ERR_TRTYPE_NOSUPP",
            is: .kerberos, by: .kdc,
            { "what answers as a KDC of \($0.words.realm) does not speak Kerberos 5 correctly" },
            do: { _ in [.init("see that a KDC has the configured address")] }),
    ]

    private static let lookAtService: Steps = { evidence in
        evidence.byDirectory(
            mit: [.see("see its state", evidence.words.kadmin("getprinc", .service))],
            activeDirectory: [
                .see("see which account has it, and its properties", "setspn -Q \(evidence.words.servicePrincipalName)")
            ])
    }

    // MARK: - Tickets that are there

    static let tickets: [Rule] = [
        Rule(
            "ticket-expired", for: "kerberos.KRB5KRB_AP_ERR_TKT_EXPIRED", "gss.credentials-expired",
            "gss.context-expired",
            "unproven.gss.context-expired",
            is: .credentialsRejected, by: .user, { "the ticket of \($0.words.user) has expired" },
            do: { [.init("get a new one", command: $0.words.kinit)] }),
        Rule(
            "ticket-not-yet-valid", for: "kerberos.KRB5KRB_AP_ERR_TKT_NYV", is: .credentialsRejected, by: .user,
            { "the ticket of \($0.words.user) is not valid yet" },
            do: { [.see("see when it starts", "klist"), .init("get a new one", command: $0.words.kinit)] }),
        Rule(
            "ticket-revoked", for: "kerberos.KRB5KDC_ERR_TGT_REVOKED", "kerberos.KRB5KRB_AP_ERR_TKT_INVALID",
            is: .credentialsRejected,
            by: .user,
            {
                "the KDC no longer accepts the ticket of \($0.words.user): the account was changed or the ticket was revoked"
            },
            do: { [.init("get a new one", command: $0.words.kinit)] }),
        // No server has been contacted yet: what does not decrypt is an answer of the KDC.
        Rule(
            "kdc-answer-of-another-key", for: "kerberos.KRB5KRB_AP_ERR_BAD_INTEGRITY",
            "kerberos.KRB5KRB_AP_ERR_MODIFIED", "kerberos.KRB5_MUTUAL_FAILED",
            "kerberos.KRB5KRB_AP_ERR_MUT_FAIL", "kerberos.KRB5_KDCREP_MODIFIED", "gss.defective-token",
            "gss.bad-signature",
            is: .credentialsRejected, by: .user,
            { _ in "the KDC and the credential cache no longer share a key" },
            do: { [.init("get new tickets", command: $0.words.kinit)] }),
        // Nor has a server refused: it is the KDC that cannot decrypt the ticket-granting ticket.
        Rule(
            "kdc-key-changed", for: "kerberos.KRB5KRB_AP_ERR_BADKEYVER", "kerberos.KRB5KRB_AP_ERR_NOKEY",
            "kerberos.KRB5KRB_AP_ERR_NOT_US",
            is: .kerberos, by: .user,
            { _ in "the KDC's own key is no longer that of the ticket-granting ticket" },
            do: { [.init("get new tickets", command: $0.words.kinit)] }),
        Rule(
            "cache-mixed-up", for: "kerberos.KRB5_PRINC_NOMATCH", "kerberos.KRB5KRB_AP_ERR_BADMATCH",
            "kerberos.KRB5KRB_AP_WRONG_PRINC",
            is: .kerberos, by: .user,
            { _ in "a ticket in the cache is for another name than the one that it is stored under" },
            do: { [.init("recreate the cache", command: $0.words.kinit)] }),
        Rule(
            "request-repeated", for: "kerberos.KRB5KRB_AP_ERR_REPEAT", "kerberos.KRB5_RC_*", is: .kerberos, by: .kdc,
            { _ in "the KDC has seen the same request before" },
            do: { _ in [.init("try again; if it persists, see the KDC's log")] }),
        Rule(
            "out-of-memory", for: "kerberos.ENOMEM", "kerberos.KRB5_CC_NOMEM", "kerberos.EMFILE", is: .kerberos,
            by: .thisMachine,
            { _ in "this process has too little memory, or too few open files (ulimit -n)" }),
        Rule(
            "file-not-written", for: "kerberos.ENOSPC", "kerberos.EROFS", "kerberos.KRB5_CC_WRITE",
            "kerberos.KRB5_CC_READONLY", is: .kerberos,
            by: .thisMachine,
            { _ in "Kerberos could not write a file" }, do: { _ in [.see("see where there is room", "df -h /tmp")] }),
        Rule(
            "kerberos-unknown", for: "kerberos", is: .kerberos, by: .unknown,
            { evidence in
                let error = evidence.kerberos?.error
                let name = evidence.kerberos?.symbolicName ?? "the code \(evidence.kerberos?.code ?? 0)"
                return "unknown: Kerberos says \(name) in \(error?.call ?? "a call"), for which there is no rule"
            }, do: { _ in [.see("see what Kerberos does", "authcheck --trace ./kerberos-trace.txt ...")] }),
        Rule(
            "kerberos-without-code", for: "auth.kerberos", "credentials.kerberos", is: .kerberos, by: .unknown,
            { _ in "unknown: Kerberos failed without a code" },
            do: { _ in [.see("see what Kerberos does", "authcheck --trace ./kerberos-trace.txt ...")] }),
    ]
}

extension Evidence {
    /// Whether the requested service has an address instead of a host name.
    var isServiceHostAddress: Bool {
        let name = (names.service ?? "").unicodeScalars.split(separator: "/", maxSplits: 1).last
        let host = name?.split(separator: "@", maxSplits: 1).first
        return host.flatMap { IPAddress(String($0)) } != nil
    }

    /// A property that holds a whole principal, and what to write instead.
    var wholePrincipal: (property: String, value: String, advice: String)? {
        ServiceNames.wholePrincipal(serviceName: string.serviceName, serviceHost: string.serviceHost)
    }

    /// Whether the trust path to the service's realm is missing, and not the service.
    var isTrustMissing: Bool {
        guard let trust = words.missingTrust, let realm = words.serviceRealm else { return false }
        return realm.utf8.elementsEqual(trust.other.utf8)
    }
}
