internal import GSSCore
internal import GSSKerberos

/// Problems of credentials: caches, keytabs, encryption types.
extension EnvironmentRules {
    static func credentials(_ facts: EnvironmentFacts) -> [Finding] {
        guard let inspection = facts.inspection, facts.configuration?.problem == nil else { return [] }
        let words = DiagnosisWords(nil, facts.names)
        if let problem = inspection.problem {
            var finding = Finding.kerberos(KerberosFailure(problem), names: facts.names, .user)
            if finding.class == .kerberos, problem.call.hasPrefix("krb5_cc_") {
                // For example a cache daemon that does not run.
                finding.class = .noCredentials
                finding.diagnosis.steps.append(.init("name a usable cache with --ccache, or in KRB5CCNAME"))
            }
            return [finding] + namedKeytab(facts)
        }
        // With a keytab new tickets are requested.
        guard inspection.clientKeytab == nil else { return [] }
        if let owner = inspection.cache?.principal, let wanted = inspection.principal, !isSameText(owner, wanted) {
            return [
                .failure(
                    .noCredentials,
                    "the cache \(inspection.cache?.name ?? "") has tickets of \(owner), and none of \(wanted)",
                    .user, [.init("get a ticket", command: words.kinit)])
            ] + namedKeytab(facts)
        }
        guard let ticket = inspection.ticketGrantingTicket else {
            guard inspection.tickets.isEmpty else { return [] }
            return [
                .failure(
                    .noCredentials, "the cache \(inspection.cache?.name ?? "") is empty", .user,
                    [.init("get a ticket", command: words.kinit)])
            ]
        }
        let left = ticket.endTime - facts.kdcNow
        if left <= 0 {
            return [
                .failure(
                    .credentialsRejected,
                    "the ticket of \(ticket.client) expired \(CheckReport.Ticket.span(-left)) ago", .user,
                    [.init("get a new one", command: words.kinit)])
            ] + namedKeytab(facts)
        }
        guard left < Thresholds().ticket.components.seconds else { return [] }
        return [
            .warning(
                "the ticket of \(ticket.client) expires in \(CheckReport.Ticket.span(left))", .user,
                [.init("get a new one", command: words.kinit)])
        ]
    }

    /// A keytab that would have helped: no error reports that it is missing.
    private static func namedKeytab(_ facts: EnvironmentFacts) -> [Finding] {
        guard facts.request.keytab == nil,
            let variable = facts.variables.first(where: { $0.name == "KRB5_CLIENT_KTNAME" })
        else { return [] }
        if let type = KeytabName.unknownType(of: variable.value) {
            return [
                .warning(
                    "KRB5_CLIENT_KTNAME is \(variable.value), and this machine's Kerberos has no keytabs of the type "
                        + "\(type): it provides no ticket", .thisMachine,
                    [.init("name the keytab by its path, or as FILE:/path")]
                )
            ]
        }
        guard let path = variable.paths.first(where: { $0.state != .usable }) else { return [] }
        let what = path.state == .missing ? "does not exist" : "this user has no permission to read"
        return [
            .warning(
                "KRB5_CLIENT_KTNAME names \(path.path), which \(what): it provides no ticket", .thisMachine,
                [.init("name a keytab with the user's key", command: "ls -l \(DiagnosisWords.operand(path.path))")])
        ]
    }

    // MARK: - Encryption types

    /// Those that newer systems refuse.
    static func isWeak(_ encryptionType: String) -> Bool {
        ["arcfour", "des", "rc4", "DEPRECATED:", "UNSUPPORTED:"].contains { encryptionType.utf8.starts(with: $0.utf8) }
    }

    static func encryption(_ facts: EnvironmentFacts) -> [Finding] {
        guard let configuration = facts.configuration, configuration.problem == nil else { return [] }
        var found: [Finding] = []
        let types = configuration.permittedEncryptionTypes
        let setting = configuration.settings.first { $0.name == "permitted_enctypes" && $0.value != nil }
        let place = setting.flatMap(\.place) ?? facts.configurationFile ?? "krb5.conf"
        if types.allSatisfy(isWeak), setting != nil {
            found.append(
                .warning(
                    "permitted_enctypes in \(place) leaves "
                        + (types.isEmpty
                            ? "no encryption type that this machine supports" : "weak encryption types only"),
                    .thisMachine, [.init("remove the setting: the library's default is right")]))
        }
        for name in ["allow_weak_crypto", "allow_rc4", "allow_des3"] {
            guard let setting = configuration.settings.first(where: { $0.name == name }), setting.isOn else { continue }
            found.append(
                .warning(
                    "\(name) is on in \(setting.place ?? "the configuration"), which allows weak encryption",
                    .thisMachine,
                    [.init("remove the setting once all services have AES keys")]))
        }
        let tickets = facts.inspection.map { [$0.ticketGrantingTicket].compactMap(\.self) + $0.tickets } ?? []
        for ticket in tickets.prefix(100) {
            guard let type = ticket.encryptionType, isWeak(type) else { continue }
            found.append(
                .warning(
                    "the ticket for \(ticket.server) is encrypted with \(type), which newer systems refuse", .kdc,
                    [.init("give the service's account AES keys, and create a new keytab")]))
        }
        return found + keytabTypes(facts, types)
    }

    /// Keys that cannot be used here.
    private static func keytabTypes(_ facts: EnvironmentFacts, _ permitted: [String]) -> [Finding] {
        guard facts.inspection?.clientKeytab != nil, let keytab = facts.keytab, let user = facts.user,
            !permitted.isEmpty
        else { return [] }
        let keys = keytab.keys.filter { isSameText($0.principal, user) }
        guard !keys.isEmpty, !keys.contains(where: { permitted.contains($0.encryptionType) }) else { return [] }
        let types = keys.map(\.encryptionType).joined(separator: ", ")
        return [
            .failure(
                .kerberos, "\(keytab.name) has keys of \(user) for \(types) only, which are not permitted here",
                .thisMachine, [.init("create a new keytab with AES keys")])
        ]
    }
}

extension KerberosConfiguration.Setting {
    /// File and line, in the usual form.
    var place: String? { file.map { file in line.map { "\(file):\($0)" } ?? file } }

    /// Whether it is on, in any of the library's spellings.
    fileprivate var isOn: Bool {
        value.map { ["y", "yes", "true", "t", "1", "on"].contains($0.lowercased()) } ?? false
    }
}
