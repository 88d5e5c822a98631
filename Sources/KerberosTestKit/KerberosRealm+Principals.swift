/// A principal to be added to a realm.
public struct NewPrincipal: Sendable {
    /// The name, with or without `@REALM`.
    public var name: String
    /// The password; `nil` means a random key.
    public var password: String?
    /// What the KDC grants or refuses it.
    public var traits: [PrincipalTrait]
    /// Further words for `kadmin`'s `add_principal`, such as `["-kvno", "7"]`.
    public var options: [String]

    /// Describes a principal.
    public init(_ name: String, password: String? = nil, traits: [PrincipalTrait] = [], options: [String] = []) {
        self.name = name
        self.password = password
        self.traits = traits
        self.options = options
    }
}

extension KerberosRealm {
    /// Adds a user who logs in with a password, such as `ann`.
    public func addPrincipal(
        _ name: String, password: String, options: [String] = []
    ) async throws(KerberosTestKitError) {
        try await addPrincipals([NewPrincipal(name, password: password, options: options)])
    }

    /// Adds a principal with a random key: a service, or a user who has a keytab.
    public func addPrincipal(_ name: String, options: [String] = []) async throws(KerberosTestKitError) {
        try await addPrincipals([NewPrincipal(name, options: options)])
    }

    /// Adds many principals in one run of `kadmin.local`.
    public func addPrincipals(_ principals: [NewPrincipal]) async throws(KerberosTestKitError) {
        if let samba {
            try requireFolder()
            let changes = try principals.map { principal throws(KerberosTestKitError) in
                try samba.additions(principal)
            }
            return try await samba.run(Array(changes.joined()), to: "add principals")
        }
        var queries: [[String]] = []
        for principal in principals {
            let key = principal.password.map { ["-pw", $0] } ?? ["-randkey"]
            queries.append(
                ["add_principal"] + principal.traits.flatMap(\.words) + principal.options + key + [
                    try Self.checked(principal.name)
                ])
        }
        try await administer(queries, to: "add principals")
    }

    /// Modifies a principal with arguments of `kadmin`'s `modify_principal`, such as
    /// `["-expire", "yesterday"]` or `["-allow_tix"]`.
    public func modifyPrincipal(_ name: String, options: [String]) async throws(KerberosTestKitError) {
        try refuseSamba("modify_principal")
        try await administer([["modify_principal"] + options + [try Self.checked(name)]], to: "modify \(name)")
    }

    /// Adds traits to a principal; earlier traits stay.
    public func modifyPrincipal(_ name: String, traits: [PrincipalTrait]) async throws(KerberosTestKitError) {
        if let samba {
            try requireFolder()
            return try await samba.run(
                samba.changes(of: samba.account(of: name), traits), to: "modify \(name)")
        }
        try await modifyPrincipal(name, options: traits.flatMap(\.words))
    }

    /// Adds a policy for passwords and lock-outs, for ``PrincipalTrait/policy(_:)``.
    ///
    /// - Parameters:
    ///   - name: The policy's name, which principals are given.
    ///   - options: Words for `kadmin`'s `add_policy`, such as `["-minlength", "12"]` or `["-maxfailure", "3",
    ///     "-lockoutduration", "1 hour"]`.
    public func addPolicy(_ name: String, options: [String]) async throws(KerberosTestKitError) {
        try refuseSamba("add_policy")
        try await administer([["add_policy"] + options + [try Self.checked(name)]], to: "add the policy \(name)")
    }

    /// Removes a principal.
    public func deletePrincipal(_ name: String) async throws(KerberosTestKitError) {
        if let samba {
            try requireFolder()
            return try await samba.run([DirectoryChange("remove", try samba.account(of: name))], to: "delete \(name)")
        }
        try await administer([["delete_principal", "-force", try Self.checked(name)]], to: "delete \(name)")
    }

    /// Gives a principal a new random key, so that older keytabs become wrong.
    ///
    /// - Parameters:
    ///   - name: The principal, with or without `@REALM`.
    ///   - keepingVersion: The new key gets the old one's version number. An acceptor with an old keytab then tries its
    ///     key and fails to decrypt, instead of finding that it has no key of that version.
    public func changeKey(_ name: String, keepingVersion: Bool = false) async throws(KerberosTestKitError) {
        if let samba {
            try requireFolder()
            if keepingVersion {
                throw KerberosTestKitError(.unsupported, "Active Directory gives every new key a new version")
            }
            return try await samba.run(
                [DirectoryChange("password", try samba.account(of: name))], to: "change the key of \(name)")
        }
        let principal = try Self.checked(name)
        var version: String?
        if keepingVersion {
            let outcome = try await administer([["get_principal", "-terse", principal]], to: "read \(name)")
            // The ninth field of the terse form. A prompt can precede it on its line, and an echo of the query can
            // precede the line.
            let line = outcome.unicodeScalars.split(separator: "\n").first { $0.contains("\t") }
            version = line?.split(separator: "\t", omittingEmptySubsequences: false).dropFirst(8).first.map(String.init)
            guard version.map({ UInt32($0) != nil }) == true else {
                throw KerberosTestKitError(.toolFailed, "kadmin.local did not report the key version of \(name)")
            }
        }
        var queries = [["change_password", "-randkey", principal]]
        if let version {
            queries.append(["modify_principal", "-kvno", version, principal])
        }
        try await administer(queries, to: "change the key of \(name)")
    }

    /// Writes the current keys of principals to a new keytab and returns its path; the keys stay as they are.
    public func makeKeytab(for principals: [String]) async throws(KerberosTestKitError) -> String {
        let path = try newPath("keytab")
        var names: [String] = []
        for principal in principals {
            names.append(try Self.checked(principal))
        }
        guard !names.isEmpty else {
            throw KerberosTestKitError(.invalidArgument, "a keytab needs at least one principal")
        }
        if let samba {
            let accounts = try names.map { name throws(KerberosTestKitError) in try samba.account(of: name) }
            try await samba.run([DirectoryChange(["keytab", path] + accounts)], to: "write a keytab")
            return path
        }
        try await administer([["ktadd", "-norandkey", "-k", path] + names], to: "write a keytab")
        return path
    }

    /// Gets a ticket-granting ticket with a password, into a new cache; returns `FILE:` and its path.
    ///
    /// - Parameters:
    ///   - principal: With or without `@REALM`.
    ///   - password: The one that the principal was made with.
    ///   - lifetime: How long the ticket is asked for; `nil` is the realm's default.
    ///   - options: Further words for `kinit`, such as `["-f"]`.
    public func makeCache(
        _ principal: String, password: String, lifetime: Duration? = nil, options: [String] = []
    ) async throws(KerberosTestKitError) -> String {
        try Self.refuseLineBreaks([password])
        return try await kinit(principal, options, lifetime, input: "\(password)\n")
    }

    /// Gets a ticket-granting ticket with a keytab, into a new cache; returns `FILE:` and its path.
    ///
    /// - Parameters:
    ///   - principal: With or without `@REALM`.
    ///   - keytab: The path of a keytab with the principal's key.
    ///   - lifetime: How long the ticket is asked for; `nil` is the realm's default.
    ///   - options: Further words for `kinit`, such as `["-f"]`.
    public func makeCache(
        _ principal: String, keytab: String, lifetime: Duration? = nil, options: [String] = []
    ) async throws(KerberosTestKitError) -> String {
        try await kinit(principal, ["-k", "-t", keytab] + options, lifetime, input: "")
    }

    private func kinit(
        _ principal: String, _ options: [String], _ lifetime: Duration?, input: String
    ) async throws(KerberosTestKitError) -> String {
        let cache = "FILE:\(try newPath("ccache"))"
        let name = try Self.checked(principal)
        let lifetimeOption = lifetime.map { ["-l", "\($0.components.seconds)s"] } ?? []
        try await KerberosTool.kinit.runSuccessfully(
            ["-c", cache] + lifetimeOption + options + [name], environment: Self.toolEnvironment(files),
            input: input, in: files, to: "get a ticket for \(name)")
        return cache
    }

    /// Runs queries in one `kadmin.local`, which takes them from its standard input, and returns its output.
    @discardableResult
    private func administer(
        _ queries: [[String]], to purpose: String
    ) async throws(KerberosTestKitError) -> String {
        try requireFolder()
        try Self.refuseLineBreaks(queries.joined())
        let lines = queries.map { words in
            words.map(Self.quoted).joined(separator: " ")
        }
        // It reads lines into a buffer of fixed size.
        if lines.contains(where: { $0.utf8.count > 4000 }) {
            throw KerberosTestKitError(.invalidArgument, "names or options are too long for kadmin.local")
        }
        let outcome = try await KerberosTool.kadminLocal.run(
            ["-r", name], environment: Self.toolEnvironment(files),
            input: lines.map { "\($0)\n" }.joined(), in: files, container: engine)
        // With queries on its standard input it always exits with 0: its output has to be checked.
        let complaints = outcome.error.unicodeScalars.split(separator: "\n").map(String.init).filter { line in
            !["No policy specified for ", "NOTICE: ", "WARNING: "].contains { line.utf8.starts(with: $0.utf8) }
        }
        guard outcome.succeeded, complaints.isEmpty else {
            throw KerberosTestKitError(
                .toolFailed, "kadmin.local could not \(purpose)", standardError: complaints.joined(separator: "\n"))
        }
        return outcome.output
    }

    /// For features that are arguments of MIT's programs.
    private func refuseSamba(_ word: String) throws(KerberosTestKitError) {
        if samba != nil {
            throw KerberosTestKitError(.unsupported, "\(word) is MIT's: Samba's KDC has no such thing")
        }
    }

    /// A principal's name that no program treats as an option.
    private static func checked(_ principal: String) throws(KerberosTestKitError) -> String {
        guard !principal.isEmpty, principal.utf8.first != UInt8(ascii: "-") else {
            throw KerberosTestKitError(.invalidArgument, "\(principal.debugDescription) cannot be a principal's name")
        }
        try refuseLineBreaks([principal])
        return principal
    }

    /// A quoted word, with its own quotation marks doubled. By scalars: a quotation mark with a combining accent is one
    /// to `kadmin` but not to `Character`.
    private static func quoted(_ word: String) -> String {
        let doubled = word.unicodeScalars.flatMap { $0 == "\"" ? [$0, $0] : [$0] }
        return "\"\(String(String.UnicodeScalarView(doubled)))\""
    }

    /// Queries and passwords are lines.
    static func refuseLineBreaks(_ texts: some Sequence<String>) throws(KerberosTestKitError) {
        for text in texts where text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            throw KerberosTestKitError(
                .invalidArgument, "names, passwords and options for Kerberos programs cannot hold control characters")
        }
    }
}
