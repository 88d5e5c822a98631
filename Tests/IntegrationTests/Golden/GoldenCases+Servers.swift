extension GoldenCase {
    // MARK: - What works

    static let successes: [GoldenCase] = [
        kerberos("success"),
        kerberos("success~details", arguments: ["--details"]),
        kerberos("success~seedlist", at: "db").seedlist("cluster", "&tls=false"),
        kerberos("success~tls", at: "db.test", trusted),
        kerberos("warning~ticket", cache: "short.cache"),
        kerberos("warning~unverified-tls", at: "db.test", "&tls=true&tlsInsecure=true"),
        kerberos("warning~replica-set", "&replicaSet=rs0"),
        kerberos("warning~no-roles", user: "dan@EXAMPLE.TEST", cache: "dan.cache"),
        kerberos("warning~members", at: "strange-members"),
        kerberos("warning~other-identity", at: "other-user-name"),
        kerberos("warning~wire-versions", at: "old-wire-versions"),
        kerberos(
            "port-closed~several-hosts",
            at: "db.example.test,closed.example.test,error-at-connection-status.example.test"),
        check(
            "port-closed~seedlist", "mongodb+srv://ann%40EXAMPLE.TEST@two.example.test/?authMechanism=GSSAPI&tls=false"),
    ].map { $0.name.hasPrefix("port") ? $0 : $0.withoutRule() }

    func seedlist(_ cluster: String, _ options: String) -> GoldenCase {
        var copy = self
        copy.arguments[0] =
            "mongodb+srv://ann%40EXAMPLE.TEST@\(GoldenNames.host(cluster))/?authMechanism=GSSAPI\(options)"
        return copy
    }

    // MARK: - The conversation

    static let conversations: [GoldenCase] = [
        kerberos("hello-hung-up", at: "tls-hangs-up", trusted + "&tlsAllowInvalidHostnames=true"),
        kerberos("connection-lost", at: "close-at-first-continue"),
        kerberos("not-mongodb", at: "http"),
        kerberos("load-balancer-not-declared", at: "behind-load-balancer"),
        kerberos("load-balancer-missing", "&loadBalanced=true"),
        kerberos("server-not-ready", at: "starting"),
        kerberos("server-api-required", at: "demands-api-version"),
        kerberos("hello-refused", at: "closed-hello"),
        password("identity-not-told", at: "untold", mechanism: "PLAIN"),
        kerberos("arbiter", at: "arbiter"),
        kerberos("conversation-broken", at: "conversation-id-wrong-at-first-continue"),
        password("challenge-unacceptable", at: "scram-costly", mechanism: "SCRAM-SHA-256"),
        password("challenge-unacceptable~few", at: "scram-cheap", mechanism: "SCRAM-SHA-256"),
        password("challenge-malformed", at: "scram-garbled", mechanism: "SCRAM-SHA-256"),
        kerberos("size-without-layer", at: "size-without-layer"),
        kerberos("security-layer", at: "layers-6"),
    ]

    // MARK: - Refusals, mechanisms, proofs

    static let refusals: [GoldenCase] = [
        password("atlas-refused", at: "cluster0.example.mongodb.net", mechanism: "SCRAM-SHA-256", trusted),
        password("scram-refused", at: "scram", mechanism: "SCRAM-SHA-256"),
        password("scram-refused~8000", at: "other-8000", mechanism: "SCRAM-SHA-256"),
        password("plain-refused", at: "ldap", mechanism: "PLAIN"),
        check(
            "certificate-user-missing",
            "mongodb://db.test/?authMechanism=MONGODB-X509&tlsCertificateKeyFile=%2Fmnt%2Ftls%2Fclient.pem\(trusted)"),
        kerberos("identity-refused", at: "error-at-connection-status"),
        kerberos("user-not-on-server", user: "bob@EXAMPLE.TEST", cache: "bob.cache"),
        kerberos("server-keytab-lacks-key", at: "rekeyed"),
        kerberos("server-keytab-lacks-new-key", at: "stale", cache: "stale.cache"),
        check("mechanism-not-in-client", "mongodb://scram.example.test/?authMechanism=MONGODB-AWS"),
        password("mechanism-not-scram", at: "no-scram"),
        password("user-not-on-database", at: "no-user"),
        password("user-without-scram-credentials", at: "no-hash", mechanism: "SCRAM-SHA-256"),
        password("mechanism-not-enabled", at: "no-mechanism", mechanism: "SCRAM-SHA-256"),
        kerberos("gssapi-not-enabled", at: "mechanism-unavailable"),
        kerberos("claim-of-clocks", at: "error-of-clocks"),
        kerberos("claim-of-missing-key", at: "error-of-key-version"),
        kerberos("server-answer-of-another-key", at: "tampered-token"),
        kerberos("server-not-proven", at: "done-at-once"),
        kerberos("server-not-proven~cut", at: "truncated-token"),
    ]

    // MARK: - Arguments and other commands

    private static func command(
        _ name: String, _ arguments: [String], schema: String, variables: [String: String] = [:],
        wrapper: Wrapper = .none
    ) -> GoldenCase {
        GoldenCase(name: name, arguments: arguments, variables: variables, wrapper: wrapper, schema: schema)
    }

    private static func environment(
        _ name: String, _ arguments: [String] = [], configuration: String? = nil, cache: String? = nil,
        variables: [String: String] = [:], wrapper: Wrapper = .none, timeout: String = "20s"
    ) -> GoldenCase {
        var all = variables
        if let configuration { all["KRB5_CONFIG"] = "/mnt/krb5-\(configuration).conf" }
        if let cache { all["KRB5CCNAME"] = "FILE:/mnt/\(cache)" }
        return command(
            "environment~\(name)", ["environment", "--timeout", timeout] + arguments,
            schema: "authcheck.environment", variables: all, wrapper: wrapper)
    }

    private static func keytab(_ name: String, _ file: String, _ arguments: [String] = [], wrapper: Wrapper = .none)
        -> GoldenCase
    {
        command(
            "keytab~\(name)",
            ["keytab", "/mnt/\(file)", "--host", "db.example.test", "--timeout", "20s"] + arguments,
            schema: "authcheck.keytab", wrapper: wrapper)
    }

    static let commands: [GoldenCase] = [
        kerberos("input-without-end", arguments: ["--password-file", "/mnt/pipe"], timeout: "1s"),
        kerberos("arguments-invalid", arguments: ["--password-file", "/mnt/no-such-password"]),
        check("nobody-to-authenticate", "mongodb://db.example.test/"),
        check("connection-string-invalid", "mongodb://ann@EXAMPLE.TEST@db.example.test/?authMechanism=GSSAPI"),
        check("connection-string-invalid~host", "db.example.test"),
        command(
            "explain", ["explain", uri("db")], schema: "authcheck.explain"),
        command(
            "explain~options",
            [
                "explain",
                "mongodb://ann%40EXAMPLE.TEST@db.example.test,[fd00::1]:27018/app?authMechanism=GSSAPI&replicaSet=rs0&tls=true"
                    + "&tlsInsecure=true&authMechanismProperties=SERVICE_NAME:mongo,CANONICALIZE_HOST_NAME:forward",
            ], schema: "authcheck.explain"),
        command(
            "explain~whole-principal",
            [
                "explain",
                uri("db", "&authMechanismProperties=SERVICE_NAME:mongodb%2Fdb.example.test%40EXAMPLE.TEST"),
            ], schema: "authcheck.explain"),
        environment("well", ["--host", "db.example.test"]),
        environment("no-cache", cache: "no-cache"),
        environment("expired", cache: "expired.cache"),
        environment("malformed", configuration: "malformed"),
        environment("comment-behind-realm", configuration: "comment-realm"),
        environment("comment-behind-kdc", configuration: "comment-kdc"),
        environment("comment-behind-port", configuration: "comment-port"),
        environment("kdc-proxy", configuration: "proxy-kdc"),
        environment("kdc-by-datagrams-only", configuration: "udp"),
        environment("kdc-closed", configuration: "closed-kdc"),
        environment("kdc-name-temporary", configuration: "failing-kdc"),
        environment("client-keytab-type", cache: "no-cache", variables: ["KRB5_CLIENT_KTNAME": "NOSUCH:ann"]),
        environment("clock", wrapper: .clock(seconds: GoldenSetup.skew)),
        keytab("well", "mongod.keytab"),
        keytab("old-key", "old-mongod.keytab", ["--host", "rekeyed.example.test"]),
        keytab("other-host", "ann.keytab"),
        keytab("missing", "no-such.keytab"),
        keytab("forbidden", "forbidden", wrapper: .obeyingFileModes),
    ]
}
