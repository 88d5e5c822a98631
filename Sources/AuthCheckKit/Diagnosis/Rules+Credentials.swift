internal import GSSCore
internal import GSSKerberos
internal import MongoAuth

extension Rule {
    // MARK: - Nothing to start from

    private static let nothing = [
        "kerberos.KRB5_FCC_NOFILE", "kerberos.KRB5_CC_NOTFOUND", "kerberos.KG_CCACHE_NOMATCH", "kerberos.ENOENT",
        "credentials.no-credentials", "credentials.wrong-user", "gss.no-credential",
    ]

    static let credentials: [Rule] = [
        Rule(
            "realm-in-small-letters", for: nothing, is: .noCredentials, by: .user,
            when: { $0.words.realmInCapitals != nil && $0.isAbout(.cache) },
            { "realms are case-sensitive, and that of \($0.words.user) is in lower case" },
            do: {
                [
                    .init(
                        "write the user with the realm in upper case",
                        command: "kinit \($0.words.realmInCapitals ?? "")")
                ]
            }),
        Rule(
            "key-in-server-keytab", for: nothing, is: .noCredentials, by: .user,
            when: { $0.variables.serverKeytabOfUser != nil && !$0.isAbout(.keytab) },
            {
                "there is no ticket of \($0.words.user); its key is in \($0.variables.serverKeytabOfUser ?? ""), which is a server's "
                    + "keytab: clients do not use it by default"
            },
            do: {
                let path = DiagnosisWords.file($0.variables.serverKeytabOfUser)
                return [
                    .init("make clients use it", command: "export KRB5_CLIENT_KTNAME=\(path)"),
                    .init("or get a ticket with it", command: "kinit -kt \(path) \($0.words.user)"),
                ]
            }),
        Rule(
            "client-keytab-unusable", for: nothing, is: .noCredentials, by: .user,
            when: {
                $0.variables.unusableClientKeytab != nil && !$0.isAbout(.keytab)
                    && ($0.has("kerberos.KRB5_FCC_NOFILE") || $0.has("kerberos.KRB5_CC_NOTFOUND"))
            },
            { evidence in
                let file = evidence.variables.unusableClientKeytab
                let isThere = evidence.has("kerberos.KRB5_CC_NOTFOUND")
                return
                    (isThere
                    ? "no cache has a ticket of \(evidence.words.user)"
                    : "there is no credential cache \(evidence.words.cache)")
                    + ", and the keytab that KRB5_CLIENT_KTNAME names, \(file?.path ?? ""), cannot be used: \(file?.reason ?? "")"
            },
            do: { evidence in
                let file = evidence.variables.unusableClientKeytab
                return otherUser(evidence)
                    + (file?.isFile == false
                        ? [.init("or set KRB5_CLIENT_KTNAME to a keytab's path, or to FILE:/path")]
                        : [
                            .see(
                                "or see what is at that path, and set KRB5_CLIENT_KTNAME to the right one",
                                "ls -l \(DiagnosisWords.file(file?.path))")
                        ])
            }),
        Rule(
            "keytab-missing", for: "kerberos.ENOENT", is: .noCredentials, by: .thisMachine,
            when: { $0.isAbout(.keytab) },
            { "there is no keytab \($0.words.keytab)" }, do: { [.see("check the path", "ls -l \($0.words.keytab)")] }),
        Rule(
            "keytab-forbidden", for: "kerberos.EACCES", is: .noCredentials, by: .thisMachine,
            when: { $0.isAbout(.keytab) },
            { "this user has no permission to read the keytab \($0.words.keytab)" },
            do: { [.see("see who owns it", "ls -l \($0.words.keytab)"), .see("see who this user is", "id")] }),
        Rule(
            "keytab-malformed", for: "kerberos.KRB5_KEYTAB_BADVNO", "kerberos.KRB5_KT_FORMAT", is: .noCredentials,
            by: .thisMachine,
            { "\($0.words.keytab) is not a keytab" }, do: { [.see("look at it", "klist -k \($0.words.keytab)")] }),
        Rule(
            "keytab-lacks-key", for: "kerberos.KRB5_KT_NOTFOUND", "kerberos.KRB5_KT_KVNONOTFOUND",
            "kerberos.KG_KEYTAB_NOMATCH",
            "kerberos.KRB5_KT_END",
            is: .noCredentials, by: .thisMachine,
            { "the keytab \($0.words.keytab) has no key of \($0.isAbout(.keytab) ? $0.words.user : "that principal")" },
            do: { [.see("see whose keys it has", "klist -k \($0.words.keytab)")] }),
        Rule(
            "keytab-name-invalid", for: "kerberos.KRB5_KT_UNKNOWN_TYPE", "kerberos.KRB5_KT_BADNAME",
            "kerberos.KRB5_KT_NAME_TOOLONG",
            is: .noCredentials,
            by: .connectionString, { "\($0.words.keytab) is not the name of a keytab" },
            do: { _ in [.init("name the keytab by its path, or as FILE:/path")] }),
        Rule(
            "keytab-unreadable", for: "kerberos.KRB5_KT_IOERR", "kerberos.EISDIR", "kerberos.EPERM",
            is: .noCredentials, by: .thisMachine,
            when: { $0.has("kerberos.KRB5_KT_IOERR") || $0.isAbout(.keytab) },
            { "the keytab \($0.words.keytab) cannot be read: perhaps it is not a file" },
            do: { [.see("look at it", "ls -ld \($0.words.keytab)")] }),
        Rule(
            "cache-forbidden", for: "kerberos.EACCES", "kerberos.KRB5_FCC_PERM",
            is: .noCredentials, by: .thisMachine,
            when: { $0.has("kerberos.KRB5_FCC_PERM") || $0.isAbout(.cache) && !$0.isCacheKept("KEYRING") },
            { "this user has no permission to read the cache \($0.words.cache)" },
            do: { [.see("look at it", "klist \($0.words.cacheOperand)"), .see("see who this user is", "id")] }),
        // Caches that a daemon or the kernel keeps.
        Rule(
            "cache-daemon-missing", for: "kerberos.*", is: .noCredentials, by: .thisMachine,
            when: { $0.isAbout(.cache) && $0.isCacheKept("KCM") && $0.isKeeperMissing },
            { "the cache \($0.words.cache) is kept by a daemon (KCM), which does not answer" },
            do: { evidence in
                [
                    .see("see whether the daemon runs (SSSD has one)", "systemctl status sssd-kcm.socket"),
                    .init("or use a cache in a file", command: "export KRB5CCNAME=FILE:/tmp/krb5cc_$(id -u)"),
                    .init("and get a ticket there", command: evidence.words.kinitAnywhere),
                ]
            }),
        Rule(
            "keyring-forbidden", for: "kerberos.*", is: .noCredentials, by: .thisMachine,
            when: {
                $0.isAbout(.cache) && $0.isCacheKept("KEYRING") && !$0.has("kerberos.KRB5_FCC_NOFILE")
                    && !$0.has("kerberos.KRB5_CC_NOTFOUND")
            },
            {
                "the cache \($0.words.cache) is in the kernel's keyring, which this process is not allowed to use; containers often forbid it"
            },
            do: { evidence in
                [
                    .init("use a cache in a file", command: "export KRB5CCNAME=FILE:/tmp/krb5cc_$(id -u)"),
                    .init("and get a ticket there", command: evidence.words.kinitAnywhere),
                ]
            }),
        Rule(
            "cache-missing", for: "kerberos.KRB5_FCC_NOFILE", "kerberos.ENOENT", is: .noCredentials, by: .user,
            when: { $0.has("kerberos.KRB5_FCC_NOFILE") || $0.isAbout(.cache) },
            { "there is no credential cache \($0.words.cache)" },
            do: { [.init("get a ticket first", command: $0.words.kinit)] }),
        Rule(
            "cache-of-another-user", for: "kerberos.KRB5_CC_NOTFOUND", "kerberos.KG_CCACHE_NOMATCH",
            "credentials.wrong-user", is: .noCredentials, by: .user, when: { $0.words.otherOwner != nil },
            {
                "the cache \($0.words.cache) belongs to \($0.words.otherOwner ?? ""), and no cache has a ticket of \($0.words.user)"
            },
            do: otherUser),
        Rule(
            "cache-lacks-user", for: "kerberos.KRB5_CC_NOTFOUND", "kerberos.KG_CCACHE_NOMATCH",
            "credentials.wrong-user", is: .noCredentials, by: .user,
            { "no cache has a ticket of \($0.words.user)" }, do: otherUser),
        Rule(
            "cache-type-unknown", for: "kerberos.KRB5_CC_UNKNOWN_TYPE", is: .noCredentials, by: .thisMachine,
            { "this machine's Kerberos does not support the cache type of \($0.words.cache)" },
            do: { _ in [.init("use a type that it supports: FILE:, DIR:, KCM:, KEYRING:, MEMORY:")] }),
        Rule(
            "cache-name-invalid", for: "kerberos.KRB5_CC_BADNAME", "kerberos.KRB5_CONFIG_BADFORMAT", "kerberos.EINVAL",
            "kerberos.KRB5_FCC_INTERNAL",
            is: .noCredentials, by: .thisMachine,
            when: { $0.isAbout(.cache) && ($0.names.cache == nil || !$0.has("kerberos.KRB5_FCC_INTERNAL")) },
            { evidence in
                let name =
                    evidence.names.cache == nil
                    ? "the default cache's name" : "the cache's name \(evidence.words.cache)"
                return "\(name) cannot be used: it has no type before a colon, or an unknown %{...}"
            },
            do: {
                [
                    .init(
                        "name it as TYPE:name, in KRB5CCNAME or in default_ccache_name of \($0.words.configurationFile)"
                    )
                ]
            }),
        Rule(
            "cache-unreadable", for: "kerberos.KRB5_CC_FORMAT", is: .noCredentials, by: .thisMachine,
            when: { $0.says("not a regular file") },
            {
                "the cache \($0.words.cache) is not a ticket file: it is a folder, a pipe or a device, or far too large"
            },
            do: { _ in [.init("name the right one in KRB5CCNAME, in default_ccache_name or with --ccache")] }),
        Rule(
            "cache-damaged", for: "kerberos.KRB5_CC_FORMAT", "kerberos.KRB5_CCACHE_BADVNO", "kerberos.KRB5_CC_END",
            is: .noCredentials, by: .user,
            { "the cache \($0.words.cache) is damaged" }, do: { [.init("recreate it", command: $0.words.kinit)] }),
        Rule(
            "cache-io-failed", for: "kerberos.KRB5_CC_IO", "kerberos.KRB5_FCC_INTERNAL", "kerberos.EISDIR",
            "kerberos.EPERM",
            is: .noCredentials, by: .thisMachine,
            when: { $0.isAbout(.cache) }, { "the cache \($0.words.cache) cannot be read" },
            do: { [.see("look at it", "klist \($0.words.cacheOperand)")] }),
        Rule(
            "realm-not-named", for: "kerberos.KRB5_CONFIG_NODEFREALM", is: .noCredentials, by: .thisMachine,
            { "\($0.words.user) has no realm, and this machine has no default realm" },
            do: { [.init("name the realm (user@REALM), or set default_realm in \($0.words.configurationFile)")] }),
        Rule(
            "principal-malformed", for: "kerberos.KRB5_PARSE_MALFORMED", "kerberos.KRB5_PARSE_ILLCHAR", is: .usage,
            by: .connectionString,
            { "\($0.words.user) is not a Kerberos principal" },
            do: { _ in
                [.init("write it as name@REALM, with a backslash before each @ or / that is part of the name")]
            }),
        Rule(
            "credential-missing", for: "gss.no-credential", "gss.defective-credential", "credentials.no-credentials",
            is: .noCredentials, by: .user,
            { "there is no Kerberos credential of \($0.words.user)" }, do: otherUser),
    ]

    private static let otherUser: Steps = { evidence in
        let words = evidence.words
        return [.init("get a ticket", command: words.kinit)]
            + (words.otherOwner.map { [.init("or name \($0) as the user")] } ?? [])
            + [.see("see whose tickets exist", "klist -A")]
    }

    // MARK: - The configuration

    static let configuration: [Rule] = [
        Rule(
            "configuration-include-missing", for: "kerberos.PROF_FAIL_INCLUDE_FILE", "kerberos.PROF_FAIL_INCLUDE_DIR",
            is: .kerberos, by: .thisMachine,
            {
                "a line `include` or `includedir` of \($0.words.configurationFile) names a path that does not exist or is not "
                    + "readable, and Kerberos then ignores the whole file"
            }, do: { [.see("see what it names", "grep -n include \($0.words.configurationFile)")] }),
        // The profile library's own codes: each is about a line of a file, or a file that it includes.
        Rule(
            "configuration-malformed", for: "kerberos.KRB5_CONFIG_BADFORMAT", "kerberos.PROF_*", is: .kerberos,
            by: .thisMachine,
            { evidence in
                let text = evidence.kerberos?.error.minorMessages.first.map { " (\($0))" } ?? ""
                return "\(evidence.words.configurationFile) is malformed, and Kerberos ignores all of it\(text)"
            },
            do: {
                [
                    .see(
                        "look at it: every line is a section, `name = value`, or a brace",
                        "cat -n \($0.words.configurationFile)")
                ]
            }),
        // An unreadable file here is the configuration: the name was not examined yet.
        Rule(
            "configuration-forbidden", for: "kerberos.KRB5_CONFIG_CANTOPEN", "kerberos.EACCES", is: .kerberos,
            by: .thisMachine,
            { "this user has no permission to read \($0.words.configurationFile)" },
            do: { [.see("see who owns it; it holds no secrets", "ls -l \($0.words.configurationFile)")] }),
    ]
}

extension Evidence {
    /// Whether the call that failed is about that.
    func isAbout(_ subject: KerberosSubject) -> Bool {
        kerberos.map { subject.isMatter(of: $0.error.call) } ?? (subject == .cache)
    }

    /// Whether the cache is of a type.
    func isCacheKept(_ type: String) -> Bool {
        [names.cache, kerberos?.error.subject].contains { $0?.utf8.starts(with: "\(type):".utf8) == true }
    }

    /// Whether the code means that the cache daemon is not running.
    var isKeeperMissing: Bool {
        ["KRB5_KCM_NO_SERVER", "ECONNREFUSED", "ENOENT", "EACCES", "KRB5_CC_NOSUPP", "KRB5_KCM_RPC_ERROR"].contains {
            has("kerberos.\($0)")
        } || kerberos?.symbolicName == nil
    }
}
