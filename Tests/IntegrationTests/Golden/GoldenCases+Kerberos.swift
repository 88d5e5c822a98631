extension GoldenCase {
    // MARK: - Nothing to start from

    static let credentials: [GoldenCase] = [
        kerberos("realm-in-small-letters", user: "ann@example.test"),
        kerberos("key-in-server-keytab", cache: "no-cache", variables: ["KRB5_KTNAME": "/mnt/ann.keytab"]),
        kerberos(
            "client-keytab-unusable", cache: "no-cache", variables: ["KRB5_CLIENT_KTNAME": "/mnt/no-such.keytab"]),
        kerberos(
            "client-keytab-unusable~type", cache: "no-cache", variables: ["KRB5_CLIENT_KTNAME": "NOSUCH:ann"]),
        kerberos("keytab-missing", arguments: ["--keytab", "/mnt/no-such.keytab"]),
        kerberos("keytab-forbidden", arguments: ["--keytab", "/mnt/forbidden"], wrapper: .obeyingFileModes),
        kerberos("keytab-malformed", arguments: ["--keytab", "/mnt/garbage"]),
        kerberos("keytab-lacks-key", user: "bob@EXAMPLE.TEST", arguments: ["--keytab", "/mnt/ann.keytab"]),
        kerberos("keytab-name-invalid", arguments: ["--keytab", "NOSUCH:ann"]),
        kerberos("keytab-unreadable", arguments: ["--keytab", "/mnt/folder"]),
        kerberos("keytab-key-wrong", user: "rekeyed@EXAMPLE.TEST", arguments: ["--keytab", "/mnt/rekeyed.keytab"]),
        kerberos("password-wrong", arguments: ["--password-file", "/mnt/wrong-password"]),
        kerberos(
            "password-wrong~preauthentication", user: "careful@EXAMPLE.TEST",
            arguments: ["--password-file", "/mnt/wrong-password"]),
        kerberos("user-unknown", user: "nobody@EXAMPLE.TEST", arguments: ["--password-file", "/mnt/password"]),
        kerberos(
            "enterprise-name-unknown", user: "ann@corp.example@EXAMPLE.TEST",
            arguments: ["--password-file", "/mnt/password"]),
        kerberos(
            "service-name-as-user", user: "http/web@EXAMPLE.TEST", arguments: ["--password-file", "/mnt/password"]),
        kerberos("user-locked", user: "locked@EXAMPLE.TEST", arguments: ["--password-file", "/mnt/password"]),
        kerberos("account-expired", user: "expired@EXAMPLE.TEST", arguments: ["--password-file", "/mnt/password"]),
        kerberos("password-expired", user: "aged@EXAMPLE.TEST", arguments: ["--password-file", "/mnt/password"]),
        kerberos("key-expired", user: "aged@EXAMPLE.TEST", arguments: ["--keytab", "/mnt/aged.keytab"]),
        kerberos("principal-malformed", user: "ann@A@B@C"),
        kerberos("credential-invalid", user: "CORP\\ann"),
        kerberos(
            "realm-not-named", user: "ann", configuration: "no-realm", arguments: ["--keytab", "/mnt/ann.keytab"]),
        kerberos(
            "user-without-common-encryption", configuration: "camellia",
            arguments: ["--password-file", "/mnt/password"]),
        kerberos(
            "file-silent", cache: "no-cache", variables: ["KRB5_CLIENT_KTNAME": "/mnt/pipe"], timeout: "2s"),
    ]

    static let caches: [GoldenCase] = [
        kerberos("cache-missing", cache: "no-cache"),
        kerberos("cache-forbidden", cache: "forbidden", wrapper: .obeyingFileModes),
        kerberos("cache-daemon-missing", configuration: "kcm"),
        kerberos("cache-missing~collection", user: "bob@EXAMPLE.TEST", cache: "DIR:/mnt/caches"),
        kerberos("cache-io-failed", cache: "DIR:/mnt/folder"),
        kerberos("cache-of-another-user~default", user: "bob@EXAMPLE.TEST"),
        kerberos("cache-of-another-user", user: "bob@EXAMPLE.TEST", arguments: ["--ccache", "FILE:/mnt/krb5cc"]),
        kerberos("cache-type-unknown", cache: "NOSUCH:ann"),
        kerberos("cache-name-invalid", configuration: "cache-name"),
        kerberos("cache-damaged", cache: "garbage"),
        kerberos("cache-unreadable", cache: "folder"),
        kerberos("cache-unreadable~pipe", cache: "pipe"),
        kerberos("ticket-expired", cache: "expired.cache"),
        kerberos("ticket-not-yet-valid", cache: "later.cache"),
        kerberos("ticket-of-other-addresses", cache: "addresses.cache"),
        kerberos("service-without-common-encryption", configuration: "camellia"),
    ]

    // MARK: - Clocks

    static let clocks: [GoldenCase] = [
        kerberos("clock-of-this-machine", wrapper: .clock(seconds: GoldenSetup.skew)),
        kerberos("clock-of-this-machine~expired", wrapper: .clock(seconds: 300_045)),
        kerberos("clock-of-kdc", configuration: "old-kdc"),
        kerberos("clock-of-this-machine-or-kdc", at: "timeless", wrapper: .clock(seconds: -GoldenSetup.skew)),
        kerberos("clocks-differ", configuration: "37"),
        kerberos("refused-with-other-clock", at: "skewed"),
        kerberos("refused-by-wrong-clock", cache: "warm.cache", wrapper: .clock(seconds: GoldenSetup.skew)),
    ]

    // MARK: - Configurations

    static let configurations: [GoldenCase] = [
        kerberos("configuration-malformed", configuration: "malformed"),
        kerberos("configuration-malformed~comment", configuration: "comment"),
        kerberos("configuration-include-missing", configuration: "including"),
        kerberos("configuration-forbidden", configuration: "forbidden", wrapper: .obeyingFileModes),
        kerberos("realm-with-comment", user: "ann", configuration: "comment-realm"),
    ]

    // MARK: - KDCs

    static let kdcs: [GoldenCase] = [
        kerberos("kdc-silent", configuration: "silent", timeout: "4s"),
        kerberos("kdc-silent~no-probes", configuration: "silent", arguments: ["--no-probes"], timeout: "2s"),
        kerberos("kdc-unreachable", configuration: "closed-kdc"),
        kerberos("kdc-unreachable~name", configuration: "nowhere-kdc"),
        kerberos("kdc-name-not-looked-up", configuration: "failing-kdc"),
        kerberos("kdc-behind-proxy", configuration: "proxy-kdc"),
        kerberos("kdc-by-datagrams-only", configuration: "udp"),
        kerberos("kdc-line-malformed", configuration: "comment-port"),
        kerberos("realm-without-kdc", configuration: "no-kdc"),
        kerberos(
            "realm-without-kdc~user", user: "ann@ELSEWHERE.TEST", arguments: ["--password-file", "/mnt/password"]),
        kerberos(
            "realm-in-small-letters-unknown", user: "ann@example.test", arguments: ["--password-file", "/mnt/password"]),
        kerberos(
            "realm-in-small-letters-refused", user: "ann@example.test", configuration: "small-letters",
            arguments: ["--password-file", "/mnt/password"]),
        kerberos("service-unknown", at: "unlisted"),
        kerberos("service-host-is-address", at: "127.0.0.10"),
        kerberos("service-unknown~records", at: "db").seedlist("unlisted-cluster", "&tls=false"),
        kerberos("service-known-by-another-name~host", "&authMechanismProperties=SERVICE_HOST:nosuch.example.test"),
        kerberos("service-known-by-another-name~service", "&authMechanismProperties=SERVICE_NAME:nosuch"),
        kerberos("service-known-by-another-name", at: "alias"),
        kerberos("service-unknown~no-probes", at: "alias", arguments: ["--no-probes"]),
        kerberos(
            "service-unknown~canonical", at: "foreign-alias", "&authMechanismProperties=CANONICALIZE_HOST_NAME:forward"),
        kerberos(
            "service-between-users-only", "&authMechanismProperties=SERVICE_HOST:between.example.test"),
        kerberos("trust-missing", "&authMechanismProperties=SERVICE_REALM:ELSEWHERE.TEST"),
        kerberos(
            "service-name-is-principal",
            "&authMechanismProperties=SERVICE_NAME:mongodb%2Fdb.example.test%40EXAMPLE.TEST"),
    ]

    /// Errors that a KDC sends only in states that ours is not in: a KDC that answers every request with one.
    static let kdcErrors: [GoldenCase] =
        [
            ("user-not-yet-valid", 21), ("kdc-without-usable-key", 9), ("user-policy", 12), ("other-proof-wanted", 25),
            ("certificate-log-in-refused", 62), ("armor-required", 93), ("user-in-another-realm", 68),
            ("realm-not-served", 7),
            ("kdc-out-of-service", 29),
        ].map { name, error in
            kerberos(name, configuration: "\(error)", arguments: ["--password-file", "/mnt/password"])
        }
        + [
            ("service-expired", 2), ("service-not-unique", 8), ("ticket-never-valid", 11), ("service-policy", 12),
            ("option-not-allowed", 13), ("service-without-common-encryption~kdc", 14), ("service-locked", 19),
            ("ticket-revoked", 20), ("service-not-yet-valid", 22), ("service-unknown~no-match", 26),
            ("trust-path-refused", 28), ("kdc-answer-of-another-key", 31), ("request-repeated", 34),
            ("cache-mixed-up", 36), ("not-a-kdc", 39), ("kdc-key-changed", 44), ("answer-too-big", 52),
            ("kdc-refused-without-code", 60), ("kerberos-unknown", 127),
        ].map { name, error in kerberos(name, configuration: "\(error)") }
}
