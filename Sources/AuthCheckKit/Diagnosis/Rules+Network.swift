extension Rule {
    // MARK: - Names

    private static let askNameServer: Steps = { [.see("ask on this machine", "getent ahosts \($0.words.hostOperand)")] }
    private static let askRecords: Steps = { evidence in
        let record = evidence.record
        return [
            .see(
                "ask on this machine", "dig \(record?.type ?? "SRV") \(DiagnosisWords.operand(record?.name ?? "NAME"))")
        ]
    }
    private static let silentNameServer: Steps = { evidence in
        let ask =
            evidence.record.map { "dig \($0.type) \(DiagnosisWords.operand($0.name))" }
            ?? "dig \(evidence.words.hostOperand)"
        return [
            .see("see which name servers are asked", "grep nameserver /etc/resolv.conf"),
            .see("see whether they answer", ask),
        ]
    }

    static let names: [Rule] = [
        Rule(
            "name-is-of-records", for: "dns.is-service-name", is: .dns, by: .connectionString,
            { "\($0.names.host ?? "the name") has no address, but SRV records of MongoDB" },
            do: { [.init("write mongodb+srv://\($0.names.host ?? "NAME")/, without a port")] }),
        Rule(
            "records-in-search-list", for: "dns.in-search-list", is: .dns, by: .connectionString,
            {
                "the records are not those of \($0.record?.name ?? "that name"), but of a name from the resolver's search list, which only some drivers use"
            },
            do: {
                [
                    .init("write mongodb+srv://\($0.names.host ?? "NAME") if that is meant"),
                    .init("otherwise check the name's spelling"),
                ]
            }),
        Rule(
            "name-unknown", for: "dns.no-such-name", "dns.no-address", is: .dns, by: .connectionString,
            { evidence in
                "the name \(evidence.names.host ?? "of the host") \(evidence.has("dns.no-address") ? "has no address" : "does not exist")"
            }, do: { askNameServer($0) + [.init("check the spelling in the connection string")] }),
        Rule(
            "name-invalid", for: "dns.invalid-name", is: .dns, by: .connectionString,
            { _ in "the host name is malformed" },
            do: { _ in [.init("check the spelling in the connection string")] }),
        Rule(
            "name-server-failed", for: "dns.temporary-failure", "dns.malformed-answer", "dns.failure", "deadline.dns",
            "dns.deadline-exceeded",
            is: .dns, by: .network,
            when: { !$0.has("deadline.dns") && !$0.has("dns.deadline-exceeded") },
            { "no name server has answered for \($0.names.host ?? "the name")" }, do: silentNameServer),
        Rule(
            "name-server-silent", for: "deadline.dns", "dns.deadline-exceeded", "deadline.names", is: .deadline,
            by: .network,
            { "no name server has answered for \($0.record?.name ?? $0.names.host ?? "the name") in time" },
            do: silentNameServer),
        Rule(
            "name-unresolved", for: "transport.name-resolution", is: .dns, by: .network,
            { "\($0.names.host ?? "the name") does not resolve" },
            do: askNameServer),
        Rule(
            "records-missing", for: "seedlist.no-hosts", is: .dns, by: .connectionString,
            { "there is no \($0.record?.type ?? "SRV") record at \($0.record?.name ?? "the name")" },
            do: { askRecords($0) + [.init("check the spelling in the connection string")] }),
        Rule(
            "records-server-failed", for: "seedlist.look-up-failed", is: .dns, by: .network,
            {
                "no name server has answered for the \($0.record?.type ?? "SRV") records of \($0.record?.name ?? "the name")"
            }, do: silentNameServer),
        Rule(
            "records-server-silent", for: "seedlist.deadline-exceeded", is: .deadline, by: .network,
            {
                "no name server has answered for the \($0.record?.type ?? "SRV") records of \($0.record?.name ?? "the name") in time"
            },
            do: silentNameServer),
        Rule(
            "text-record-invalid", for: "seedlist.invalid-txt-record", is: .dns, by: .network,
            {
                "the TXT record of \($0.record?.name ?? "the name") may contain only authSource, replicaSet and loadBalanced"
            },
            do: { evidence in
                [
                    .init(
                        "correct it; if it serves another purpose (SPF), give the seedlist a name of its own"
                    )
                ]
                    + askRecords(evidence)
            }),
        Rule(
            "records-foreign-host", for: "seedlist.foreign-host", is: .dns, by: .network,
            { "the records point outside the domain of \($0.record?.name ?? "the name"), which a driver refuses" },
            do: { evidence in
                [
                    .init(
                        "ask the servers' administrator whether that host is one of them: a forged DNS answer looks like this"
                    )
                ] + askRecords(evidence) + [
                    .init(
                        "if it is, make the records point to names in that domain. This client does not "
                            + "have the option srvAllowedHostsSuffix of some drivers")
                ]
            }),
        Rule(
            "records-conflict", for: "seedlist.conflicting-options", is: .usage, by: .connectionString, { $0.message }),
        Rule(
            "records-lead-nowhere", for: "seedlist.*", is: .dns, by: .network,
            { "the records of \($0.record?.name ?? "the name") point to no server" }, do: askRecords),
    ]

    // MARK: - Connections

    static let connection: [Rule] = [
        Rule(
            "proxy-unreachable", for: "proxy.unreachable", is: .connect, by: .network,
            { _ in "the SOCKS5 proxy cannot be reached" },
            do: { _ in [.init("check proxyHost and proxyPort, and that the proxy runs")] }),
        Rule(
            "proxy-not-socks", for: "proxy.not-socks5", is: .connect, by: .connectionString,
            { _ in "what listens at proxyHost and proxyPort is not a SOCKS5 proxy" },
            do: { _ in [.init("check proxyHost and proxyPort: an HTTP proxy is not a SOCKS5 proxy")] }),
        Rule(
            "proxy-wants-user", for: "proxy.credential-required", is: .connect, by: .connectionString,
            { _ in "the proxy requires a user name and a password" },
            do: { _ in [.init("give proxyUsername and proxyPassword, as the proxy's configuration has them")] }),
        Rule(
            "proxy-refuses-user", for: "proxy.credential-rejected", is: .connect, by: .connectionString,
            { _ in "the proxy does not accept the user name and password" },
            do: { _ in [.init("check proxyUsername and proxyPassword")] }),
        Rule(
            "proxy-cannot-connect", for: "proxy.refused", is: .connect, by: .network,
            { _ in "the proxy could not or would not connect to the server" },
            do: { _ in
                [
                    .init(
                        "the proxy connects instead of this machine: check on its host that the server's name resolves, that it can be reached, and that the proxy's rules allow it"
                    )
                ]
            }),
        Rule(
            "proxy-failed", for: "proxy.*", is: .connect, by: .network,
            { _ in "the connection through the proxy failed" },
            do: { _ in [.init("see the proxy's log")] }),
        Rule(
            "port-closed", for: "transport.connect", is: .connect, by: .server,
            when: { $0.measured.attempts > 0 && $0.measured.refusals == $0.measured.attempts },
            { "\($0.words.host) is up, and nothing listens on port \($0.words.port)" },
            do: {
                [
                    .see("on \($0.words.host): see what listens there", "ss -ltnp 'sport = :\($0.words.port)'"),
                    .init("see net.port and net.bindIp in mongod.conf, and the port in the connection string"),
                ]
            }),
        Rule(
            "host-unreachable", for: "transport.connect", is: .connect, by: .network,
            { "no address of \($0.words.host) accepts a connection" },
            do: tryPort),
        Rule(
            "host-silent", for: "deadline.tcp", is: .deadline, by: .network, when: { $0.asked != .proxy },
            {
                "nothing comes back from \($0.words.host), port \($0.words.port): a firewall that drops packets, or a host that is down"
            }, do: tryPort),
        Rule(
            "tls-silent", for: "deadline.tls", is: .deadline, by: .server,
            { "\($0.words.host) has accepted the connection and sends nothing in the TLS handshake" },
            do: { _ in
                [.init("see the server's load and log; a load balancer that has no server behind it does that, too")]
            }),
        Rule(
            "hello-silent", for: "deadline.command", is: .deadline, by: .server, when: { $0.phase == .hello },
            {
                "\($0.words.host) has accepted the connection and does not answer hello: it is busy, it is not a MongoDB server, or it waits for TLS"
            },
            do: { evidence in
                (evidence.string.usesTLS ? [] : [.init("try tls=true")]) + [.init("see the server's load and log")]
            }),
        Rule(
            "command-silent", for: "deadline.command", is: .deadline, by: .server,
            { "\($0.words.host) does not answer in the phase \($0.phase?.rawValue ?? "command")" },
            do: { _ in
                [.init("see the server's load and log: what it asks to check the user (LDAP, a KDC) may be slow")]
            }),
        Rule(
            "file-silent", for: "deadline.file", "credentials.deadline-exceeded", is: .deadline, by: .thisMachine,
            { _ in "a file or a credential cache was not read in time" },
            do: { _ in [.init("see whether its file system or its daemon hangs")] }),
        Rule(
            "interrupted", for: "cancelled", is: .deadline, by: .unknown,
            { "the check was interrupted in the phase \($0.phase?.rawValue ?? "before the first one")" }),
        Rule(
            "deadline", for: "transport.deadline-exceeded", "auth.deadline-exceeded", is: .deadline, by: .unknown,
            { "the deadline passed in the phase \($0.phase?.rawValue ?? "before the first one")" },
            do: { _ in
                [
                    .init(
                        "increase --timeout, or the option of the connection string that the message names"
                    )
                ]
            }),
    ]

    private static let tryPort: Steps = { evidence in
        [
            .see("try it", "nc -vz -w 5 \(evidence.words.hostOperand) \(evidence.words.port)"),
            .init("see that the server runs, and that firewalls and security groups let the port through"),
        ]
    }

    // MARK: - TLS

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
