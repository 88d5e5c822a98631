extension GoldenCase {
    // MARK: - Names

    private static func seedlist(_ name: String, _ cluster: String, _ options: String = "", timeout: String = "60s")
        -> GoldenCase
    {
        let host = cluster == "short" ? cluster : GoldenNames.host(cluster)
        return check(
            name, "mongodb+srv://ann%40EXAMPLE.TEST@\(host)/?authMechanism=GSSAPI\(options)", timeout: timeout)
    }

    static let names: [GoldenCase] = [
        kerberos("name-unknown", at: "nosuch"),
        kerberos("name-unknown~no-address", at: "empty"),
        kerberos("name-is-of-records", at: "cluster"),
        kerberos("name-server-failed", at: "failing"),
        kerberos("name-server-silent", at: "mute", timeout: "2s"),
        seedlist("records-in-search-list", "short"),
        seedlist("records-missing", "nosuch"),
        seedlist("records-server-failed", "failing-records"),
        seedlist("records-server-silent", "mute-records", timeout: "2s"),
        seedlist("text-record-invalid", "bad-text"),
        seedlist("records-foreign-host", "outside"),
        seedlist("records-conflict", "set", "&srvMaxHosts=1"),
        seedlist("records-lead-nowhere", "portless"),
    ]

    // MARK: - Connections

    private static func proxied(_ name: String, _ proxy: String, _ options: String = "", at host: String = "db")
        -> GoldenCase
    {
        kerberos(name, at: host, "&proxyHost=\(GoldenNames.host(proxy))" + options)
    }

    static let connections: [GoldenCase] = [
        kerberos("port-closed", at: "closed"),
        kerberos("host-unreachable", at: "far"),
        kerberos("host-silent", at: "dead", timeout: "2s"),
        kerberos("hello-silent", at: "silent", timeout: "2s"),
        kerberos("command-silent", at: "silence-at-sasl-start", timeout: "3s"),
        kerberos("interrupted", at: "silent", wrapper: .interrupted),
        proxied("proxy-unreachable", "closed"),
        proxied("proxy-not-socks", "http", "&proxyPort=27017"),
        proxied("proxy-wants-user", "proxy-with-users"),
        proxied("proxy-refuses-user", "proxy-with-users", "&proxyUsername=ann&proxyPassword=wrong"),
        proxied("proxy-not-socks~closed", "hangs-up", "&proxyPort=27017"),
        proxied("proxy-cannot-connect", "proxy", at: "closed"),
    ]

    // MARK: - TLS

    static let encryption: [GoldenCase] = [
        kerberos("tls-silent", at: "silent", trusted, timeout: "2s"),
        kerberos("tls-authority-unknown", at: "tls-server", "&tls=true&tlsCAFile=%2Fmnt%2Ftls%2Fother-ca.crt"),
        kerberos("tls-self-signed", at: "tls-self-signed", trusted),
        kerberos(
            "tls-self-signed-beside-others", at: "tls-self-signed-leaf",
            "&tls=true&tlsCAFile=%2Fmnt%2Ftls%2Fno-authority-and-ca.pem"),
        kerberos("tls-authority-of-same-name", at: "tls-namesake", trusted),
        kerberos(
            "tls-no-authorities", at: "tls-server", "&tls=true",
            variables: ["SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/nonexistent"]),
        kerberos("tls-not-for-servers", at: "tls-client-only", trusted),
        kerberos("tls-certificate-expired", at: "tls-expired", trusted),
        kerberos("tls-certificate-not-yet-valid", at: "tls-future", trusted),
        kerberos("tls-certificate-other-name", at: "tls-server", trusted),
        kerberos("tls-key-usage", at: "tls-key-usage", trusted),
        kerberos("tls-certificate-revoked", at: "db.test", trusted + "&tlsCRLFile=%2Fmnt%2Ftls%2Frevoked.crl"),
        kerberos("tls-revocation-lists", at: "db.test", trusted + "&tlsCRLFile=%2Fmnt%2Ftls%2Fended.crl"),
        kerberos("tls-not-spoken", at: "http", trusted),
        check(
            "tls-not-spoken-srv", "mongodb+srv://ann%40EXAMPLE.TEST@cluster.example.test/?authMechanism=GSSAPI"),
        kerberos("tls-client-certificate-missing", at: "tls-demanding", trusted + "&tlsAllowInvalidHostnames=true"),
        kerberos(
            "tls-client-certificate-refused", at: "tls-demanding",
            trusted + "&tlsAllowInvalidHostnames=true&tlsCertificateKeyFile=%2Fmnt%2Ftls%2Fstranger.pem"),
        kerberos("tls-versions-old", at: "tls-old", trusted),
        kerberos("tls-authorities-file", "&tls=true&tlsCAFile=%2Fmnt%2Ftls%2Fno-such.pem"),
        kerberos("tls-client-certificate-file", trusted + "&tlsCertificateKeyFile=%2Fmnt%2Ftls%2Fmismatch.pem"),
        kerberos("tls-client-key-password", trusted + "&tlsCertificateKeyFile=%2Fmnt%2Ftls%2Fclient-encrypted.pem"),
        kerberos("tls-handshake", at: "tls-alert", trusted),
        password("tls-atlas-address", at: "shard.example.mongodb.net", trusted),
        kerberos("server-wants-tls", at: "tls-server"),
        kerberos("server-may-want-tls", at: "hangs-up", arguments: ["--no-probes"]),
    ]
}
