import Glibc

/// The Active Directory domain of one realm: where its database is, and how it is changed.
///
/// The changes are made in the database's files by Samba's own library, in a program of Debian's Python; the KDC sees
/// them at once. No other server than the KDC has to run for that.
struct SambaDomain: Sendable {
    let realm: String
    /// The NetBIOS name.
    let domain: String
    let files: RealmFiles
    /// The default encryption types of accounts.
    let encryptionTypes: [String]
    private let templates: String

    init(
        _ samba: KerberosRealm.Backend.Samba, _ configuration: KerberosRealm.Configuration, files: RealmFiles
    ) throws(KerberosTestKitError) {
        realm = configuration.realm
        domain = configuration.netbiosDomain(samba)
        self.files = files
        encryptionTypes =
            configuration.encryptionTypes.isEmpty
            ? ["aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96"] : configuration.encryptionTypes
        if let chosen = samba.templates { templates = chosen } else { templates = try Self.cacheFolder() }
        guard templates.utf8.first == UInt8(ascii: "/"), !templates.utf8.contains(where: { $0 < 0x20 }) else {
            throw KerberosTestKitError(
                .invalidArgument, "\(templates.debugDescription) cannot hold templates: give an absolute path")
        }
    }

    private static func cacheFolder() throws(KerberosTestKitError) -> String {
        let variables = [("XDG_CACHE_HOME", ""), ("HOME", "/.cache")]
        for (name, rest) in variables {
            if let value = getenv(name).map({ String(cString: $0) }), value.utf8.first == UInt8(ascii: "/") {
                return "\(value)\(rest)/kerberos-test-kit"
            }
        }
        throw KerberosTestKitError(
            .invalidArgument,
            "there is no folder for the domain's template: set HOME or XDG_CACHE_HOME, or give one with .samba(templates:)"
        )
    }

    /// The command line of the KDC: in the foreground, and one process for everything, which can be paused and killed.
    func command() throws(KerberosTestKitError) -> [String] {
        [
            try KerberosTool.samba.locate(), "--foreground", "--no-process-group", "--model=single",
            "--configfile=\(files.smbConf)",
        ]
    }

    /// Copies the template, which is created if needed, and gives the copy its own key: realms of the same name
    /// do not accept each other's tickets.
    func create() async throws(KerberosTestKitError) {
        try await run(
            [DirectoryChange("start", templates, files.samba, realm, domain), DirectoryChange("password", "krbtgt")],
            to: "make the domain")
    }

    /// Makes all changes, in order, in one process; changes before a failure stay.
    func run(_ changes: [DirectoryChange], to purpose: String) async throws(KerberosTestKitError) {
        for change in changes { try change.validate() }
        let outcome = try await KerberosTool.debianPython.run(
            ["-I", "-X", "utf8", files.sambaScript, files.smbConf], environment: KerberosRealm.toolEnvironment(files),
            input: changes.map { "\($0.line)\n" }.joined(), in: files)
        guard outcome.succeeded else {
            // Samba's libraries write there, too, even without errors.
            let lines = outcome.error.unicodeScalars.split(separator: "\n").map(String.init)
            let own = lines.filter { $0.hasPrefix("samba-realm: ") }.map { String($0.dropFirst(13)) }
            throw KerberosTestKitError(
                .toolFailed, "Samba's database could not \(purpose)",
                standardError: (own.isEmpty ? lines : own).joined(separator: "\n"))
        }
    }

    /// The account or service name of a principal of this realm.
    func account(of principal: String) throws(KerberosTestKitError) -> String {
        let suffix = "@\(realm)".utf8
        let isOfRealm = principal.utf8.suffix(suffix.count).elementsEqual(suffix)
        let name = isOfRealm ? String(decoding: principal.utf8.dropLast(suffix.count), as: UTF8.self) : principal
        try checkName(name)
        return name
    }

    /// The changes that create an account for a principal. A name with a slash becomes the service principal name of an
    /// account, and its user principal name as well, as with `ktpass`; so the service can get tickets with its keytab.
    func additions(_ principal: NewPrincipal) throws(KerberosTestKitError) -> [DirectoryChange] {
        guard principal.options.isEmpty else {
            throw KerberosTestKitError(
                .unsupported,
                "options are words for MIT's kadmin, which Samba does not have: use traits for \(principal.name)")
        }
        if principal.password == "" {
            throw KerberosTestKitError(.invalidArgument, "the password of \(principal.name) is empty")
        }
        let name = try account(of: principal.name)
        let isService = name.utf8.contains(UInt8(ascii: "/"))
        let account = isService ? "" : name
        let addition = DirectoryChange(
            "add", account, "\(name)@\(realm)", isService ? name : "", principal.password ?? "")
        let types = try DirectoryChange.encryptionTypes(encryptionTypes, of: name)
        return try [addition, types] + changes(of: name, principal.traits)
    }

    /// The changes that give an account traits.
    func changes(of name: String, _ traits: [PrincipalTrait]) throws(KerberosTestKitError) -> [DirectoryChange] {
        var changes: [DirectoryChange] = []
        for trait in traits {
            switch trait.directory {
            case .flags(let on, let off):
                changes.append(DirectoryChange("flags", name, "\(on)", "\(off)"))
            case .attribute(let attribute, let value):
                changes.append(DirectoryChange("set", name, attribute, value))
            case .encryptionTypes(let types):
                changes.append(try DirectoryChange.encryptionTypes(types, of: name))
            case .unlocked:
                changes.append(DirectoryChange("flags", name, "0", "\(0x2)"))
                changes.append(DirectoryChange("set", name, "lockoutTime", "0"))
            case nil:
                throw KerberosTestKitError(
                    .unsupported,
                    "Active Directory has no equivalent of \(trait.words.joined(separator: " ")), a trait for \(name)")
            }
        }
        return changes
    }

    /// Refuses what Active Directory would refuse or change.
    private func checkName(_ name: String) throws(KerberosTestKitError) {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let forbidden = Set("\"\\[]:;|=+*?<>@,".utf8)
        let reason: String? =
            if name.utf8.contains(UInt8(ascii: "@")) {
                "it is of another realm than \(realm); a further name of an account, with a suffix of its own, is given "
                    + "with setUserPrincipalName"
            } else if parts.contains(where: \.isEmpty) || parts.count > 3 {
                "a service is service/host, or service/host/name"
            } else if parts.count == 1 && name.utf8.contains(where: forbidden.contains) {
                "none of \"/\\[]:;|=+*?<>@, can be in an account's name"
            } else if parts.count > 1 && name.utf8.contains(where: Set("\"\\@<>".utf8).contains) {
                "none of \"\\@<> can be in a service's name"
            } else if parts.count == 1 && name.utf16.count > 20 {
                "an account's name has 20 characters at most"
            } else if name.hasSuffix(".") || name.hasPrefix(" ") || name.hasSuffix(" ") {
                "it cannot begin or end with a blank, nor end with a full stop"
            } else {
                nil
            }
        if let reason {
            throw KerberosTestKitError(
                .invalidArgument, "Active Directory has no account named \(name.debugDescription): \(reason)")
        }
    }

    /// `smb.conf` for the KDC and for changes of the database.
    ///
    /// The KDC is the only service. Port 0 means that passwords cannot be changed; with MIT's KDC there is no such
    /// service either.
    func smbConf(
        _ configuration: KerberosRealm.Configuration, _ port: LoopbackPort
    ) throws(KerberosTestKitError) -> String {
        let hours = [
            "user ticket lifetime": configuration.maximumLifetime,
            "service ticket lifetime": configuration.maximumLifetime,
            "renewal lifetime": configuration.maximumRenewableLifetime,
        ]
        return try RealmTemplate(PackageResources.smb_conf_template).filled([
            "DOMAIN": [domain],
            "REALM": [realm],
            "ADDRESSES": [port.addresses.joined(separator: " ")],
            "PORT": ["\(port.number)"],
            "FOLDER": [files.samba],
            "LOG": [files.log],
            "LIFETIMES": hours.sorted { $0.key < $1.key }.map {
                "kdc:\($0.key) = \($0.value.components.seconds / 3600)"
            },
            "LINES": configuration.kdcLines,
        ])
    }
}

/// One change of a domain: a verb of `samba-realm.py` and its words.
struct DirectoryChange: Sendable {
    let words: [String]

    init(_ words: String...) {
        self.words = words
    }

    init(_ words: [String]) {
        self.words = words
    }

    /// Words with tabs between them.
    var line: String { words.joined(separator: "\t") }

    func validate() throws(KerberosTestKitError) {
        try KerberosRealm.refuseLineBreaks(words)
    }

    /// Sets `msDS-SupportedEncryptionTypes`; no types mean no such attribute.
    static func encryptionTypes(
        _ types: [String], of name: String
    ) throws(KerberosTestKitError) -> DirectoryChange {
        let bits = try encryptionBits(types)
        return DirectoryChange(["set", name, "msDS-SupportedEncryptionTypes"] + (bits == 0 ? [] : ["\(bits)"]))
    }

    /// The bits of [MS-KILE] 2.2.7.
    static func encryptionBits(_ types: [String]) throws(KerberosTestKitError) -> Int {
        let known = [
            "arcfour-hmac": 0x4, "rc4-hmac": 0x4, "arcfour-hmac-md5": 0x4, "aes128-cts-hmac-sha1-96": 0x8,
            "aes128-cts": 0x8, "aes256-cts-hmac-sha1-96": 0x10, "aes256-cts": 0x10,
        ]
        var bits = 0
        for type in types {
            guard let bit = known[type] else {
                throw KerberosTestKitError(
                    .unsupported,
                    "Samba's KDC has no keys of the type \(type); it has \(known.keys.sorted().joined(separator: ", "))"
                )
            }
            bits |= bit
        }
        return bits
    }
}
