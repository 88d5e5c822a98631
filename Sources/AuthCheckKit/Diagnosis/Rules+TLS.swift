extension Rule {
    static let encryption: [Rule] = [
        Rule(
            "tls-atlas-address", for: "tls.atlas", is: .tls, by: .server,
            { _ in "Atlas aborts the TLS handshake with addresses that it does not know" },
            do: { _ in
                [.init("add this machine's public address to the project's IP access list")]
            }),
        Rule(
            "tls-not-for-servers", for: "tls.not-trusted", is: .tls, by: .server,
            when: { $0.says("extendedKeyUsage does not have serverAuth") },
            { _ in "the server's certificate is not for servers: its extendedKeyUsage lacks serverAuth" },
            do: { _ in [.init("have the certificate reissued with serverAuth in its extendedKeyUsage")] }),
        Rule(
            "tls-extension-unknown", for: "tls.not-trusted", is: .tls, by: .server,
            when: { $0.says("is not trusted: it has an unknown critical extension") },
            { _ in "the server's certificate has an extension that this client does not know and must not ignore" },
            do: { _ in [.init("have the certificate reissued without that extension, or with it not critical")] }),
        Rule(
            "tls-self-signed", for: "tls.not-trusted", is: .tls, by: .connectionString,
            when: { $0.says("it is self-issued and is not among") },
            { _ in "the server's certificate is self-issued, and is not among those that are trusted here" },
            do: { _ in
                [
                    .init(
                        "if that is the server's certificate (compare it on the server), name a file that has it: tlsCAFile=/path/to/server.pem"
                    ),
                    .init("better: have one issued by an authority, and name the authority's file"),
                ]
            }),
        Rule(
            "tls-self-signed-beside-others", for: "tls.not-trusted", is: .tls, by: .connectionString,
            when: { $0.says("its extension keyUsage does not have keyCertSign") },
            { _ in
                "the server's certificate is self-issued and trusted here, but its keyUsage lacks keyCertSign, and it is not the "
                    + "only trusted certificate"
            },
            do: { _ in [.init("name a file that has the server's certificate alone: tlsCAFile=/path/to/server.pem")] }),
        Rule(
            "tls-authority-of-same-name", for: "tls.not-trusted", is: .tls, by: .connectionString,
            when: { $0.says("but that authority's key did not sign it") },
            { _ in
                "an authority that is trusted here has the name of the server certificate's issuer, but "
                    + "another key, or does not allow this name"
            },
            do: { _ in
                [.init("get the authority's current certificate: it may have been reissued under the same name")]
            }),
        Rule(
            "tls-no-authorities", for: "tls.not-trusted", is: .tls, by: .thisMachine,
            when: { $0.says("no authority is trusted") },
            { _ in "this system has no certificates of authorities, so it trusts no server" },
            do: { _ in
                [
                    .init("name a file with the authority that issued the server's: tlsCAFile=/path/to/ca.pem"),
                    .init("or install the system's (the package ca-certificates)"),
                ]
            }),
        Rule(
            "tls-authority-unknown", for: "tls.not-trusted", is: .tls, by: .connectionString,
            { _ in "no authority that is trusted here has issued the server's certificate" },
            do: { _ in
                [
                    .init("name a file with the authority that issued it: tlsCAFile=/path/to/ca.pem"),
                    .init("if there are intermediate authorities, the server must send their certificates"),
                ]
            }),
        Rule(
            "tls-certificate-expired", for: "tls.expired", is: .tls, by: .server,
            { _ in "the server's certificate, or that of its authority, has expired" },
            do: { _ in
                [
                    .init(
                        "renew the certificate on the server (and make it load the new one), or replace the authority's in tlsCAFile"
                    )
                ]
            }),
        Rule(
            "tls-certificate-not-yet-valid", for: "tls.not-yet-valid", is: .tls, by: .thisMachine,
            { _ in "the server's certificate is not valid yet by this machine's clock" },
            do: { _ in
                [
                    .see("check the clock of this machine first", "timedatectl status"),
                    .init("then the start of the certificate's validity"),
                ]
            }),
        Rule(
            "tls-certificate-other-name", for: "tls.wrong-hostname", is: .tls, by: .connectionString,
            { _ in "the server's certificate is for other names" },
            do: { _ in
                [
                    .init(
                        "use a host that the certificate is issued for, or have a certificate issued with this one among its subject alternative names"
                    )
                ]
            }),
        Rule(
            "tls-key-usage", for: "tls.certificate-usage", is: .tls, by: .server,
            {
                "the keyUsage of the server's certificate lacks \($0.says("keyEncipherment") ? "keyEncipherment" : "digitalSignature")"
            },
            do: {
                guard !$0.says("keyEncipherment") else {
                    return [
                        .init("allow cipher suites with ECDHE on the server, which are safer"),
                        .init("or have the certificate reissued with keyEncipherment in its keyUsage"),
                    ]
                }
                return [
                    .init(
                        "have the certificate reissued with digitalSignature in its keyUsage. Drivers on OpenSSL ignore that extension; BoringSSL, which this client uses, does not"
                    )
                ]
            }),
        Rule(
            "tls-certificate-revoked", for: "tls.revoked", is: .tls, by: .server,
            { _ in "the server's certificate is revoked" },
            do: { _ in [.init("have a new certificate issued for the server")] }),
        Rule(
            "tls-revocation-lists", for: "tls.revocation-lists", is: .tls, by: .connectionString,
            { _ in "tlsCRLFile has no current list that is for the server's certificate" },
            do: { _ in
                [
                    .init(
                        "tlsCRLFile must name a PEM file with a current list (X509 CRL) of the authority that issued the server's certificate: get the newest one from there"
                    )
                ]
            }),
        Rule(
            "tls-not-spoken-srv", for: "tls.not-tls", is: .tls, by: .connectionString, when: { $0.string.isSRV },
            { "\($0.words.host) does not speak TLS on port \($0.words.port), and mongodb+srv turns TLS on by default" },
            do: { _ in [hangsUp, .init("only if the server is meant to be without TLS, write tls=false")] }),
        Rule(
            "tls-not-spoken", for: "tls.not-tls", is: .tls, by: .connectionString,
            { "\($0.words.host) does not speak TLS on port \($0.words.port)" },
            do: { _ in [hangsUp, .init("only if the server is meant to be without TLS, leave out tls=true")] }),
        Rule(
            "tls-client-certificate-missing", for: "tls.certificate-required", is: .tls, by: .connectionString,
            { _ in "the server requires a client certificate" },
            do: { _ in
                [
                    .init(
                        "name a file with a certificate and its key that the server accepts: tlsCertificateKeyFile=/path/to/client.pem"
                    )
                ]
            }),
        Rule(
            "tls-client-certificate-refused", for: "tls.certificate-rejected", is: .tls, by: .server,
            { _ in "the server does not accept the client's certificate" },
            do: { _ in
                [
                    .init(
                        "the server's log has the reason. Common ones: another authority issued the certificate, it has expired, or it is not for clients"
                    )
                ]
            }),
        Rule(
            "tls-versions-old", for: "tls.protocol-version", is: .tls, by: .server,
            { _ in "the server supports no version of TLS that is still safe" },
            do: { _ in [.init("enable TLS 1.2 or 1.3 on the server; older versions are not supported")] }),
        Rule(
            "tls-authorities-file", for: "tls.authorities-file", is: .tls, by: .connectionString,
            { _ in "the file of authorities cannot be used" },
            do: { _ in
                [.init("check the path in tlsCAFile: it must be a PEM file with certificates that this user may read")]
            }),
        Rule(
            "tls-client-certificate-file", for: "tls.certificate-key-file", is: .tls, by: .connectionString,
            { _ in "the file with the client's certificate cannot be used" },
            do: { _ in
                [
                    .init(
                        "check the path in tlsCertificateKeyFile: it must be a PEM file with a certificate and its key that this user may read"
                    )
                ]
            }),
        Rule(
            "tls-client-key-password", for: "tls.certificate-key-password", is: .tls, by: .connectionString,
            { _ in "the key of the client's certificate cannot be decrypted" },
            do: { _ in
                [
                    .init("give the key's password in tlsCertificateKeyFilePassword"),
                    .init(
                        "if it is right, the key may be encrypted in a way that BoringSSL does not support; convert it",
                        command: "openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256"),
                ]
            }),
        Rule(
            "tls-handshake", for: "tls.*", "transport.tls", is: .tls, by: .server, { _ in "the TLS handshake failed" },
            do: { _ in
                [
                    .init(
                        "the server's log may have the reason; check that its certificate and key belong together, that it knows the host by this name, and that it admits this machine's address"
                    ),
                    .init(
                        "if both sides have nothing in common: this client supports TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or "
                            + "ChaCha20; the groups X25519, P-256, P-384, P-521; keys of RSA (but not RSA-PSS), P-256, P-384, P-521, Ed25519"
                    ),
                ]
            }),
    ]

    private static let hangsUp: Diagnosis.Step =
        .init(
            "check the port and the server's TLS settings, and whether a firewall, a list of allowed addresses or a load balancer closes the connection"
        )
}
