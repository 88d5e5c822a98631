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
}
