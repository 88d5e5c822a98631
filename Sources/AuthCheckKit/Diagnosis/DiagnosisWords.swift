internal import GSSCore
internal import GSSKerberos
internal import SaslConnectionString
internal import ShellWords

/// The subject of a libkrb5 call: the same code has different meanings for a cache, a keytab and anything else.
enum KerberosSubject: Sendable {
    case cache
    case keytab
    /// The user's first ticket, so that all keys involved are the user's.
    case firstTicket

    func isMatter(of call: String) -> Bool {
        switch self {
        case .cache: call.hasPrefix("krb5_cc_")
        case .keytab: call.hasPrefix("krb5_kt_") || call.hasSuffix("_keytab")
        case .firstTicket:
            ["gss_acquire_cred", "krb5_get_init_creds", "krb5_init_creds"].contains { call.hasPrefix($0) }
        }
    }
}

/// The words for causes and commands: the user's own names, quoted for a shell, or placeholders.
struct DiagnosisWords {
    /// The principal of a `kadmin` command.
    enum Subject {
        case user
        case service
    }

    let user: String
    let service: String
    private let unquotedUser: String
    private let unquotedService: String
    /// The service without its realm, as Active Directory has it; a placeholder if `cmd.exe` could interpret it.
    let servicePrincipalName: String
    /// Whether the user's name is an enterprise name.
    let isEnterpriseUser: Bool
    /// `kinit` with the user as its operand, so that it fills the cache that is read.
    var kinit: String { "kinit \(cacheOption)\(userOperand)" }
    /// The same for the default cache.
    var kinitAnywhere: String { "kinit \(userOperand)" }
    private let cacheOption: String
    private let userOperand: String
    /// Whether the user's name has several components, as that of a service.
    let isServiceUser: Bool
    /// How to write a user name with a realm that is not a Kerberos realm in a connection string; `nil` without a
    /// realm.
    let enterpriseName: String?
    let host: String
    let port: String
    /// The host as the operand of a command.
    let hostOperand: String
    /// The user with the realm in upper case, if that realm is configured; quoted for a shell.
    let realmInCapitals: String?
    let cache: String
    /// The cache as the operand of a command; nothing for the default one.
    let cacheOperand: String
    let keytab: String
    let configurationFile: String
    /// Whether the keytab is the source of the credentials.
    let hasKeytab: Bool
    /// The owner of the cache, if that is not the user.
    let otherOwner: String?
    /// The realm that an error about realms is about.
    let realm: String
    /// The same as the operand of a command.
    let realmOperand: String
    /// The ticket-granting ticket between two realms that the KDC does not know; `nil` if it is about a service.
    let missingTrust: (own: String, other: String)?
    /// The service's realm where one is known.
    let serviceRealm: String?
    /// The user's and the service's realm if they differ: then the trust between them may be missing.
    let differentRealms: (own: String, other: String)?

    init(_ error: GSSError?, _ names: Evidence.Names) {
        let subject = error?.subject
        func isAbout(_ subject: KerberosSubject) -> Bool { error.map { subject.isMatter(of: $0.call) } ?? false }
        let isAboutService = !isAbout(.cache) && !isAbout(.keytab) && !isAbout(.firstTicket)
        let user = names.user ?? (isAbout(.firstTicket) ? subject : nil)
        // The call's own name for the service has the realm from the configuration.
        let asked = isAboutService ? subject : nil
        let service = Self.realm(of: asked) == nil ? names.service ?? asked : asked
        let cache = names.cache ?? (isAbout(.cache) ? subject : nil)
        let keytab = names.keytab ?? (error?.call.hasPrefix("krb5_kt_") == true ? subject : nil)
        unquotedUser = user.map(Self.withoutOption) ?? "USER@REALM"
        unquotedService = service.map { Self.withoutOption(Self.withoutEmptyRealm($0)) } ?? "SERVICE/HOST@REALM"
        self.user = ShellWord.quoted(unquotedUser)
        self.service = ShellWord.quoted(unquotedService)
        let ownName = Self.withoutRealm(unquotedService)
        servicePrincipalName =
            ShellWord.isPlain(ownName) && !ownName.utf8.contains(UInt8(ascii: "%")) ? ownName : "SERVICE/HOST"
        let userName = Self.withoutRealm(unquotedUser)
        let isService = userName.utf8.contains(UInt8(ascii: "/"))
        let isEnterprise = !isService && userName.utf8.contains(UInt8(ascii: "@"))
        (isServiceUser, isEnterpriseUser) = (isService, isEnterprise)
        enterpriseName =
            isService || isEnterprise
            ? nil
            : user.flatMap { user in
                Self.realm(of: user).map {
                    percentEncoded("\(Self.withoutRealm(user))@\($0)@", keeping: .unreserved) + "REALM"
                }
            }
        host = names.host ?? "the server"
        port = names.port.map { "\($0)" } ?? "27017"
        hostOperand = names.host.map(Self.operand) ?? "HOST"
        realmInCapitals = Self.realmInCapitals(of: user, names)
        self.cache = cache.map(ShellWord.quoted) ?? "the default cache"
        cacheOperand = cache.map(Self.operand) ?? ""
        self.keytab = keytab.map { Self.operand(Self.path($0)) } ?? "KEYTAB"
        configurationFile = names.configurationFile.map(Self.operand) ?? "krb5.conf"
        hasKeytab = keytab != nil
        cacheOption = names.isDefaultCache ? "" : names.cache.map { "-c \(ShellWord.quoted($0)) " } ?? ""
        userOperand =
            isEnterprise ? "-E " + ShellWord.quoted(Self.withoutEscapes(unquotedUser)) : ShellWord.quoted(unquotedUser)

        otherOwner = names.cacheOwner.flatMap { isSameText($0, user) ? nil : ShellWord.quoted($0) }

        let text = (error?.minorMessages ?? []).joined(separator: " ")
        let quoted = ["\"", "'"].lazy.map { Self.parts(of: text, between: $0) }.first { $0.count == 3 }
        realm = quoted?[1] ?? names.askedRealm ?? Self.realm(of: user) ?? "REALM"
        realmOperand = ShellWord.quoted(realm)
        missingTrust = Self.missingTrust(in: text)
        serviceRealm = Self.realm(of: service)
        if let own = Self.realm(of: user), let other = serviceRealm, own != other {
            differentRealms = (own, other)
        } else {
            differentRealms = nil
        }
    }

    /// Realms are upper case by convention, and case-sensitive.
    private static func realmInCapitals(of user: String?, _ names: Evidence.Names) -> String? {
        guard let user, let realm = realm(of: user) else { return nil }
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let capitals = String(decoding: realm.utf8.map { letters ~= $0 ? $0 & 0xDF : $0 }, as: UTF8.self)
        let known = [names.defaultRealm, Self.realm(of: names.cacheOwner)]
        guard !isSameText(capitals, realm), known.contains(where: { isSameText($0 ?? "", capitals) }) else {
            return nil
        }
        return ShellWord.quoted(withoutOption("\(withoutRealm(user))@\(capitals)"))
    }

    /// MIT names the ticket that was requested: `Server krbtgt/OTHER@OWN not found in Kerberos database`.
    private static func missingTrust(in text: String) -> (own: String, other: String)? {
        for word in parts(of: text, between: " ") {
            guard let names = without("krbtgt/", word) else { continue }
            let realms = parts(of: names, between: "@")
            if realms.count == 2, !isSameText(realms[0], realms[1]) { return (realms[1], realms[0]) }
        }
        return nil
    }

    private static func realm(of principal: String?) -> String? {
        principal.flatMap(KerberosTicket.realm(of:)).flatMap { $0.isEmpty ? nil : String($0) }
    }

    private static func withoutRealm(_ principal: String) -> String {
        guard let realm = KerberosTicket.realm(of: principal) else { return principal }
        return String(decoding: principal.utf8.dropLast(realm.utf8.count + 1), as: UTF8.self)
    }

    /// A principal as `kinit -E` reads it.
    private static func withoutEscapes(_ principal: String) -> String {
        parts(of: principal, between: "\\").joined()
    }

    /// By scalars: a combining mark must not hide a separator.
    private static func parts(of text: String, between mark: Unicode.Scalar) -> [String] {
        text.unicodeScalars.split(separator: mark, omittingEmptySubsequences: false).map(String.init)
    }

    private static func withoutEmptyRealm(_ principal: String) -> String {
        KerberosTicket.realm(of: principal)?.isEmpty == true ? String(principal.unicodeScalars.dropLast()) : principal
    }

    /// The file behind a keytab's name.
    static func path(_ name: String) -> String {
        without("FILE:", name) ?? without("WRFILE:", name) ?? name
    }

    /// The text after an ASCII prefix; `nil` for a text that does not begin with it.
    private static func without(_ prefix: String, _ text: String) -> String? {
        text.utf8.starts(with: prefix.utf8)
            ? String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : nil
    }

    func kinit(option: String) -> String { "kinit \(option) \(cacheOption)\(userOperand)" }

    /// A command that an administrator runs, with the query as one word for the shell and the principal as one for
    /// `kadmin`, whatever characters it has.
    func kadmin(_ query: String, _ subject: Subject) -> String {
        Self.kadmin(query, [subject == .user ? unquotedUser : unquotedService])
    }

    /// The same for any words.
    static func kadmin(_ query: String, _ names: [String]) -> String {
        let words = names.map { name in
            ShellWord.isPlain(name)
                ? name : "\"" + parts(of: name, between: "\"").joined(separator: "\"\"") + "\""
        }
        return "kadmin -q " + ShellWord.inApostrophes(([query] + words).joined(separator: " "))
    }

    /// A user's name as the operand of a command.
    static func principal(_ name: String) -> String { ShellWord.quoted(withoutOption(name)) }

    /// A principal that no command treats as an option: a backslash escapes a character, and a hyphen needs
    /// no escape (`krb5_parse_name`).
    static func withoutOption(_ principal: String) -> String {
        principal.utf8.first == UInt8(ascii: "-") ? "\\" + principal : principal
    }

    /// The path of a file as the operand of a command.
    static func operand(_ path: String) -> String {
        ShellWord.quoted(path.utf8.first == UInt8(ascii: "-") ? "./" + path : path)
    }

    /// A file as the operand of a command; a placeholder if there is none.
    static func file(_ path: String?) -> String { path.map(operand) ?? "FILE" }
}
