internal import GSSCore
internal import GSSKerberos
internal import MongoAuth

extension Rule {
    // MARK: - The conversation

    private static let isItMongoDB: Steps = { evidence in
        [.init("check that a MongoDB server listens there; port \(evidence.words.port) may be that of something else")]
    }

    static let conversation: [Rule] = [
        Rule(
            "server-wants-tls", for: "closed.speaks-tls", is: .protocol, by: .connectionString,
            { "\($0.words.host) speaks TLS on port \($0.words.port), and the connection string does not" },
            do: { _ in [.init("set tls=true in the connection string")] }),
        Rule(
            "server-may-want-tls", for: "closed.before-reply", is: .protocol, by: .connectionString,
            { "\($0.words.host) closes the connection before it sends anything, as servers that require TLS do" },
            do: { _ in [.init("set tls=true in the connection string"), hangUps] }),
        Rule(
            "hello-hung-up", for: "transport.closed", is: .protocol, by: .server, when: { $0.phase == .hello },
            { "\($0.words.host) closed the connection instead of answering hello" },
            do: { isItMongoDB($0) + [hangUps] }),
        Rule(
            "connection-lost", for: "transport.closed", is: .protocol, by: .server, when: { $0.phase != .hello },
            {
                "\($0.words.host), which had answered hello, closed the connection in the phase \($0.phase?.rawValue ?? "command")"
            },
            do: { _ in
                [
                    .init(
                        "the server's log has the reason: a crash, a restart, too many connections, or something in between that closes the connection"
                    )
                ]
            }),
        Rule(
            "not-mongodb", for: "transport.protocol-violation", is: .protocol, by: .server,
            { "what \($0.words.host) sends on port \($0.words.port) is not a reply in MongoDB's protocol" },
            do: isItMongoDB),
        Rule(
            "load-balancer-not-declared", for: "hello.354", is: .protocol, by: .connectionString,
            { _ in "the server is behind a load balancer" },
            do: { _ in [.init("write loadBalanced=true")] }),
        Rule(
            "server-not-ready", for: "hello.91", "hello.11600", is: .protocol, by: .server,
            { _ in "the server is shutting down or starting" },
            do: { _ in [.init("try again")] }),
        Rule(
            "server-api-required", for: "hello.322", "hello.323", "hello.498870", "server.322", "server.323",
            "server.498870", is: .protocol,
            by: .server,
            { _ in
                "the server demands that clients declare a version of its API (requireApiVersion), which this client does not"
            },
            do: { _ in [.init("drivers do it with the option serverApi; this program cannot check such a server")] }),
        Rule(
            "hello-refused", for: "auth.hello-refused", is: .protocol, by: .server,
            { _ in "the server refuses hello, and says why" },
            do: { _ in [.init("its log may say more")] }),
        Rule(
            "load-balancer-missing", for: "auth.not-load-balanced", is: .protocol, by: .connectionString,
            { _ in "the string says loadBalanced=true, and the server is not behind a load balancer" },
            do: { _ in
                [.init("leave out loadBalanced=true, or name the load balancer in place of the server behind it")]
            }),
        Rule(
            "identity-not-told", for: "auth.identity-not-told", is: .protocol, by: .server,
            { _ in
                "it is unknown whether the authentication succeeded: the mechanism does not prove it, and the server does not report the authenticated user"
            },
            do: { _ in [.init("use a mechanism that authenticates both sides: GSSAPI or SCRAM")] }),
        Rule(
            "arbiter", for: "auth.arbiter", is: .mechanismUnavailable, by: .connectionString,
            { _ in "the server says that it is an arbiter, which has no users" },
            do: { _ in
                [
                    .init(
                        "name a member of the replica set that has data. An arbiter is left out if the string also names such a member that lists it by this name"
                    )
                ]
            }),
        Rule(
            "conversation-broken", for: "auth.malformed-reply", "auth.conversation-mismatch", "auth.too-many-steps",
            is: .protocol, by: .server,
            { "\($0.words.host) violates the protocol of the conversation" }, do: isItMongoDB),
        Rule(
            "challenge-unacceptable", for: "sasl.unacceptable-challenge", is: .protocol, by: .server,
            { "\($0.words.host) makes a demand in \($0.mechanism ?? "the mechanism") that a client must refuse" },
            do: { evidence in
                evidence.mechanism?.hasPrefix("SCRAM") == true
                    ? [
                        .init(
                            "set the password again on a server whose scramIterationCount or scramSHA256IterationCount is from 4096 to 600000"
                        )
                    ] : []
            }),
        Rule(
            "challenge-malformed", for: "sasl.malformed-challenge", "sasl.unexpected-challenge",
            "sasl.missing-challenge", "sasl.too-large",
            is: .protocol, by: .server,
            { "\($0.words.host) sends a malformed message of \($0.mechanism ?? "the mechanism")" }, do: isItMongoDB),
        Rule(
            "size-without-layer", for: "sasl.size-without-layer", is: .securityLayer, by: .server,
            { _ in
                "the server states a maximum size although it offers no security layer (RFC 4752 requires the client to refuse that)"
            },
            do: { _ in
                [
                    .init(
                        "other clients accept such servers, for example those of GNU SASL, Dovecot and the JDK. So does `--tolerate size-without-layer`"
                    )
                ]
            }),
        Rule(
            "security-layer", for: "sasl.security-layer", is: .securityLayer, by: .server,
            { _ in "the server's offer of security layers departs from RFC 4752" },
            do: { _ in [.init("see the server's log, and the version of its SASL library")] }),
    ]

    private static let hangUps: Diagnosis.Step =
        .init(
            "see whether a firewall, a list of allowed addresses or the server's maxIncomingConnections closes the connection"
        )

    // MARK: - Refusals

    static let refusals: [Rule] = [
        Rule(
            "atlas-refused", for: "server.8000", is: .refused, by: .user, when: { $0.isAtlas },
            { "Atlas does not know the user \($0.words.user) with this password" },
            do: { _ in
                [.init("see Database Access of the project: the user, its password, and the clusters that it may use")]
            }),
        Rule(
            "identity-refused", for: "auth.refused", is: .refused, by: .server, when: { $0.stage == .authenticated },
            { _ in "the server has authenticated us, and refuses to report the authenticated user" },
            do: { _ in [.init("the server's log has the reason")] }),
        Rule(
            "user-not-on-server", for: "auth.refused", is: .refused, by: .server,
            when: { $0.isKerberos && $0.stage == .serverProven },
            { evidence in
                "Kerberos has authenticated both sides, so keytab and clocks are right; the server does not admit \(evidence.words.user): most likely "
                    + "there is no such user on $external"
            },
            do: { evidence in
                let other = evidence.userInSmallLetters
                return [.init("create the user on the server, in mongosh", command: evidence.createUser)]
                    + (other.map {
                        [
                            .init(
                                "or see whether the server has the user in other case (\($0), perhaps): Active Directory ignores case in names, and the server does not"
                            )
                        ]
                    } ?? [])
                    + [.init("the server's log has the reason; where it asks LDAP for roles, that may have failed")]
            }),
        Rule(
            "server-keytab-lacks-new-key", for: "auth.refused", is: .refused, by: .server,
            when: { $0.isKerberos && $0.measured.isTicketReplaced },
            {
                "the server does not accept a ticket that the KDC has just issued: its keytab lacks the current key of \($0.words.service)"
            }, do: keytab),
        Rule(
            "server-keytab-lacks-key", for: "auth.refused", is: .refused, by: .server, when: { $0.isKerberos },
            { "the server could not decrypt the ticket, most likely: its keytab lacks the key of \($0.words.service)" },
            do: { evidence in
                keytab(evidence) + [
                    .init(
                        "the server's log has the reason, which may be another one: that no user \(evidence.words.user) is created on $external"
                    )
                ]
                    + (evidence.userInSmallLetters.map {
                        [
                            .init(
                                "(\($0), perhaps: Active Directory ignores case in names, and the server does not)"
                            )
                        ]
                    } ?? [])
            }),
        Rule(
            "scram-refused", for: "auth.refused", is: .refused, by: .user,
            when: { $0.mechanism?.hasPrefix("SCRAM") == true },
            { "the user name or the password is wrong, or \($0.words.user) is a user of another database" },
            do: { _ in
                [.init("check the password, and authSource: it must be the database on which the user was created")]
            }),
        Rule(
            "plain-refused", for: "auth.refused", is: .refused, by: .user, when: { $0.mechanism == "PLAIN" },
            { "the server's password backend (LDAP, PAM) does not accept \($0.words.user) with this password" },
            do: { _ in [.init("check the name and the password; the server's log has the reason")] }),
        Rule(
            "certificate-user-missing", for: "auth.refused", is: .refused, by: .server,
            when: { $0.mechanism == "MONGODB-X509" },
            { _ in
                "TLS has verified the client's certificate, so its authority is right; most likely no user on $external has the certificate's subject as its name, or the connection string names another one"
            },
            do: { _ in
                [
                    .see(
                        "see the subject as the server has it",
                        "openssl x509 -in CERTIFICATE -noout -subject -nameopt RFC2253"),
                    .init(
                        "create the user on the server, in mongosh",
                        command:
                            #"db.getSiblingDB("$external").createUser({user: "SUBJECT", roles: [{role: "read", db: "DATABASE"}]})"#
                    ),
                    .init("leave the user out of the connection string: the server takes it from the certificate"),
                ]
            }),
        Rule(
            "server-refused", for: "auth.refused", is: .refused, by: .server, { "the server refuses \($0.words.user)" },
            do: { _ in [.init("the server's log has the reason")] }),
    ]

    private static let keytab: Steps = { evidence in
        let key = evidence.measured.serviceTicket.map { ticket in
            [ticket.keyVersion.map { " of version \($0)" }, ticket.encryptionType.map { " (\($0))" }].compactMap(\.self)
                .joined()
        }
        return [
            .see(
                "on \(evidence.words.host): the server's keytab must list \(evidence.words.service)"
                    + (key.map { " with a key\($0)" } ?? ""), "klist -ket KEYTAB"),
            .see("see which version the KDC issues", "kvno \(evidence.words.service)"),
        ]
    }

    // MARK: - Mechanisms

    /// An unauthenticated server, or an impostor, may claim so to get the password more easily.
    private static let weakerMechanism: Diagnosis.Step =
        .init(
            "do not choose a weaker mechanism because this server says so, which has proven nothing: ask its administrator which one to use"
        )

    static let mechanisms: [Rule] = [
        Rule(
            "mechanism-not-in-client", for: "auth.unsupported-mechanism", is: .mechanismUnavailable,
            by: .connectionString,
            { _ in
                "the connection string is valid, and this client does not support the mechanism; drivers may"
            },
            do: { _ in
                [
                    .init(
                        "this program cannot check such a string. Naming another mechanism checks something else, and must not be a weaker one"
                    )
                ]
            }),
        Rule(
            "mechanism-not-scram", for: "auth.mechanism-unavailable", is: .mechanismUnavailable, by: .user,
            when: {
                !$0.string.namesMechanism
                    && $0.measured.offeredMechanisms.map { !$0.isEmpty && !$0.contains { $0.hasPrefix("SCRAM") } }
                        ?? false
            },
            {
                "the server, which has proven nothing yet, says that for this user it has "
                    + ($0.measured.offeredMechanisms ?? []).prefix(4).joined(separator: ", ") + " only"
            },
            do: { _ in
                // Naming a mechanism because an unauthenticated server says so may reveal the password.
                [
                    .init("ask the server's administrator which one the user has, and name it with authMechanism"),
                    .init("use PLAIN only with verified TLS: it sends the password itself"),
                ]
            }),
        Rule(
            "user-not-on-database", for: "auth.mechanism-unavailable", is: .mechanismUnavailable, by: .user,
            when: { !$0.string.namesMechanism && $0.measured.offeredMechanisms?.isEmpty ?? true },
            {
                "the server knows no user \($0.words.user) on this database, and does not have SCRAM-SHA-1, which is tried then"
            },
            do: { _ in
                [
                    .init("check the user's name, and authSource: the database on which the user was created"),
                    .init(
                        "ask the server's administrator whether the user is one of Kerberos or LDAP, and name that mechanism then"
                    ),
                ]
            }),
        Rule(
            "user-without-scram-credentials", for: "auth.mechanism-unavailable", is: .mechanismUnavailable, by: .user,
            when: { $0.isAboutUsersCredentials },
            { "the user \($0.words.user) has no password that \($0.mechanism ?? "the mechanism") can use" },
            do: { _ in
                [
                    .init("set the user's password again on the server (updateUser) with this mechanism"),
                    weakerMechanism,
                ]
            }),
        Rule(
            "gssapi-not-enabled", for: "auth.mechanism-unavailable", is: .mechanismUnavailable, by: .server,
            when: { $0.isKerberos },
            { _ in "the server says that GSSAPI is not enabled; only MongoDB Enterprise and some others have it" },
            do: { _ in
                [
                    .init(
                        "enable it on the server: setParameter authenticationMechanisms=GSSAPI, and restart it"),
                    weakerMechanism,
                ]
            }),
        Rule(
            "mechanism-not-enabled", for: "auth.mechanism-unavailable", is: .mechanismUnavailable, by: .server,
            { "the server says that \($0.mechanism ?? "the mechanism") is not enabled" },
            do: { _ in
                [
                    .init(
                        "enable it with the server's parameter authenticationMechanisms, and restart the server"
                    ),
                    weakerMechanism,
                ]
            }),
    ]

    // MARK: - Proofs

    private static let claim = "do not send data to this server: it has proven nothing"

    static let proofs: [Rule] = [
        Rule(
            "claim-of-clocks", for: "unproven.KRB5KRB_AP_ERR_SKEW", is: .serverNotProven, by: .server,
            { _ in
                "the server has not proven who it is. It claims, without proof, that its clock and this machine's differ by more than Kerberos allows"
            },
            do: { _ in [.init(claim), .see("if it is true, see the clocks of both", "timedatectl status")] }),
        Rule(
            "claim-of-missing-key", for: "unproven.KRB5KRB_AP_ERR_BADKEYVER", "unproven.KRB5KRB_AP_ERR_NOKEY",
            is: .serverNotProven, by: .server,
            { _ in
                "the server has not proven who it is. It claims, without proof, that it does not have the key of the ticket"
            },
            do: { [.init(claim)] + keytab($0) }),
        Rule(
            "server-without-key", for: "unproven.KRB5_MUTUAL_FAILED", "unproven.KRB5KRB_AP_ERR_MUT_FAIL",
            is: .serverNotProven, by: .server,
            { _ in "the server does not hold the key of the service" }, do: { _ in [.init(claim)] }),
        Rule(
            "server-answer-of-another-key", for: "unproven.KRB5KRB_AP_ERR_BAD_INTEGRITY",
            "unproven.KRB5KRB_AP_ERR_MODIFIED", is: .serverNotProven,
            by: .server,
            { _ in "the server's answer was made with another key or was changed on its way" },
            do: { _ in [.init(claim)] }),
        Rule(
            "server-not-proven", for: "auth.server-not-proven", is: .serverNotProven, by: .server,
            { _ in "the server does not prove that it is the requested one" },
            do: { _ in [.init(claim)] }),
    ]

    // MARK: - Everything else

    static let rest: [Rule] = [
        Rule(
            "credential-invalid", for: "auth.invalid-credential", "sasl.invalid-configuration",
            "credentials.invalid-service", is: .usage,
            by: .connectionString, { $0.message }),
        Rule(
            "kdc-refused-before", for: "credentials.rejected", is: .credentialsRejected, by: .user,
            { "the KDC has refused \($0.words.user) a moment ago, and is not asked again" },
            do: { [.init("try it by hand", command: $0.words.kinitAnywhere)] }),
        Rule(
            "no-thread", for: "auth.no-worker", "credentials.no-worker", is: .internal, by: .thisMachine,
            { _ in "this process cannot start a thread for blocking work" },
            do: { _ in [.see("see how many it may have", "ulimit -u")] }),
        Rule(
            "mechanism-failed", for: "sasl.mechanism-failure", is: .kerberos, by: .unknown,
            { _ in "unknown: the mechanism failed without a code" }),
    ]
}

extension Evidence {
    /// What an administrator pastes into mongosh.
    var createUser: String {
        let name = (names.user ?? "USER@REALM").unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }
            .joined()
        return
            "db.getSiblingDB(\"$external\").createUser({user: \"\(name)\", roles: [{role: \"read\", db: \"DATABASE\"}]})"
    }

    /// A principal with upper-case letters in lower case; the realm stays.
    var userInSmallLetters: String? {
        let user = names.user ?? ""
        let name = user.utf8.prefix { $0 != UInt8(ascii: "@") }
        let capitals = UInt8(ascii: "A")...UInt8(ascii: "Z")
        guard name.contains(where: { capitals ~= $0 }), !name.contains(UInt8(ascii: "/")) else { return nil }
        let bytes = name.map { capitals ~= $0 ? $0 | 0x20 : $0 } + Array(user.utf8.dropFirst(name.count))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Servers say so if a user has only a password of the other hash.
    var isAboutUsersCredentials: Bool {
        guard let text = server?.message, mechanism?.hasPrefix("SCRAM") == true else { return false }
        return text.hasPrefix("Unable to use SCRAM") || !text.utf8.ranges(of: "credentials".utf8).isEmpty
    }
}
