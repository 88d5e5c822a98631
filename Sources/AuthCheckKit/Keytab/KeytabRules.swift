internal import GSSCore
internal import GSSKerberos
internal import ShellWords

/// From the evidence about a keytab to findings. Each rule is about one stage; a problem of one
/// stage has to be fixed before the next matters.
enum KeytabRules {
    typealias Finding = KeytabReport.Finding
    typealias Rule = @Sendable (KeytabEvidence, KeytabWords) -> [Finding]

    private static let rules: [Rule] = [
        file, readers, configuration, principal, time, realms, key, ticket, encryption, duplicates, olderVersions,
        hostNames,
    ]

    static func findings(_ evidence: KeytabEvidence) -> [Finding] {
        let words = KeytabWords(evidence)
        let findings = rules.flatMap { $0(evidence, words) }
        guard words.isCut else { return findings }
        // A command with a truncated name would do something else.
        return findings.map { finding in
            var finding = finding
            for index in finding.diagnosis.steps.indices { finding.diagnosis.steps[index].command = nil }
            return finding
        }
    }

    static func error(
        _ code: KeytabFindingCode, _ class: FailureClass, _ culprit: Diagnosis.Culprit, _ cause: String,
        _ steps: [Diagnosis.Step], _ trouble: KeytabEvidence.Trouble? = nil
    ) -> Finding {
        Finding(
            code: code, severity: .error, class: `class`,
            diagnosis: Diagnosis(cause: KeytabReport.cut(cause), culprit: culprit, steps: steps),
            kerberos: (trouble?.error).map { CheckReport.KerberosError(KerberosFailure($0)) })
    }

    static func warning(
        _ code: KeytabFindingCode, _ culprit: Diagnosis.Culprit, _ cause: String, _ steps: [Diagnosis.Step],
        severity: Finding.Severity = .warning, _ trouble: KeytabEvidence.Trouble? = nil
    ) -> Finding {
        Finding(
            code: code, severity: severity, class: nil,
            diagnosis: Diagnosis(cause: KeytabReport.cut(cause), culprit: culprit, steps: steps),
            kerberos: (trouble?.error).map { CheckReport.KerberosError(KerberosFailure($0)) })
    }

    // MARK: - The file

    private static let time: Rule = { evidence, _ in
        // Without a key of the principal the KDC is asked too, but that is not the problem.
        let ofKDC = evidence.keys.isEmpty ? [] : [evidence.cacheTrouble, evidence.keytabTicketTrouble]
        let troubles = [evidence.keytabTrouble] + ofKDC
        guard let trouble = troubles.lazy.compactMap(\.self).first(where: \.isDeadline) else { return [] }
        return [
            error(
                .deadline, .deadline, .unknown, trouble.message,
                [.init("increase --timeout, and see what it waited for")])
        ]
    }

    private static let file: Rule = { evidence, words in
        if let problem = evidence.fileProblem {
            let cause = "the keytab \(evidence.path) \(problem.text)"
            return switch problem {
            case .missing:
                [
                    error(
                        .fileMissing, .noCredentials, .thisMachine, cause,
                        [
                            .init(
                                "check the path: mongod uses that in its environment's KRB5_KTNAME, or /etc/krb5.keytab"
                            ),
                            .init("if there is none, have one created", command: words.addKey),
                        ])
                ]
            case .mayNotRead:
                [
                    error(
                        .fileUnreadable, .noCredentials, .thisMachine, cause,
                        [
                            .init("see which folder or file forbids it", command: "namei -l \(words.path)"),
                            .init("run the check as the user that mongod runs as, or as root"),
                        ])
                ]
            case .notRegular, .tooLarge:
                [
                    error(
                        .notAKeytab, .noCredentials, .thisMachine, "\(cause), so it is not a keytab",
                        [.init("see what it is", command: "ls -ld \(words.path)")])
                ]
            case .other:
                [
                    error(
                        .fileUnreadable, .noCredentials, .thisMachine, cause,
                        [.init("see what it is", command: "ls -ld \(words.path)")])
                ]
            }
        }
        guard let trouble = evidence.keytabTrouble, !trouble.isDeadline else {
            guard let keytab = evidence.keytab else { return [] }
            if keytab.entries.isEmpty {
                let size = evidence.ownership?.size ?? 0
                // The two bytes are the version of the format.
                let addition =
                    size > 2 ? " that can be read, although it has \(size) bytes: it is damaged or truncated" : ""
                return [
                    error(
                        .keytabEmpty, .noCredentials, .server, "the keytab \(evidence.path) has no entry\(addition)",
                        words.newKeySteps)
                ]
            }
            guard evidence.isCutOff else { return [] }
            return [
                warning(
                    .keytabDamaged, .server,
                    "the keytab ends in the middle of an entry: it is damaged, or was truncated in transfer",
                    [.init("copy it again, byte by byte, or have a new one created")])
            ]
        }
        if trouble.error?.call.hasPrefix("krb5_kt_") == true {
            return [
                error(
                    .notAKeytab, .noCredentials, .server,
                    "\(evidence.path) is not a keytab, or is damaged: \(trouble.message)",
                    // No step that writes to a file of unknown origin.
                    [
                        .init("see what it is", command: "file \(words.path)"),
                        .init("if it is meant to be the server's keytab, move it away and have a new one created"),
                    ], trouble)
            ]
        }
        // The Kerberos configuration, without which it reads nothing.
        return [kerberos(trouble, words)]
    }

    private static let readers: Rule = { evidence, words in
        guard let file = evidence.ownership, !evidence.entries.isEmpty else { return [] }
        let group = KeytabReport.cut(file.groupName ?? "\(file.group)")
        var findings: [Finding] = []
        if file.mode & 0o022 != 0 {
            let who = file.mode & 0o002 != 0 ? "everyone on this machine" : "the group \(group)"
            findings.append(
                warning(
                    .writableByOthers, .thisMachine,
                    "\(who) can write to the keytab, and so choose who can impersonate clients",
                    [.init("let only its owner write to it", command: "chmod go-w \(words.path)")]))
        }
        if file.mode & 0o044 != 0 {
            let isOpen = file.mode & 0o004 != 0
            let who = isOpen ? "everyone on this machine" : "the group \(group)"
            let step =
                isOpen
                ? "make it readable only for the user that mongod runs as"
                : "unless mongod reads it through that group, let only its owner read it"
            findings.append(
                warning(
                    .readableByOthers, .thisMachine,
                    "\(who) can read the keytab: anyone with its keys can impersonate the server, and any client to it",
                    [.init(step, command: "chmod \(isOpen ? "o-rwx" : "g-rwx") \(words.path)")]))
        }
        return findings
    }

    // MARK: - mongod.conf

    private static let configuration: Rule = { evidence, words in
        var findings: [Finding] = []
        let path = evidence.configurationPath ?? ""
        if let problem = evidence.configurationProblem {
            findings.append(
                error(
                    .configurationUnreadable, .usage, .connectionString,
                    "the file \(path) \(problem), so the server's name is a guess",
                    [.init("check the path, and who may read it", command: "ls -l \(DiagnosisWords.operand(path))")])
            )
        }
        guard let configuration = evidence.configuration else { return findings }
        if let first = configuration.unread.first {
            findings.append(
                warning(
                    .configurationPartlyRead, .connectionString,
                    "line \(first.line) of \(path) may set the server's name in a way that is not understood"
                        + (first.name.isEmpty ? "" : " (\(KeytabReport.cut(first.name)))"),
                    [.init("give what mongod uses with --host and --service")]))
        }
        for (given, setting) in [
            (evidence.host, configuration.hostName), (evidence.service, configuration.serviceName),
        ] {
            guard let setting, given.source == .option, !isSameText(given.value, setting.value) else { continue }
            findings.append(
                warning(
                    .namesDiffer, .server,
                    "mongod uses \(setting.value), as line \(setting.line) of \(path) says, and "
                        + "not \(given.value), which was given here",
                    [.init("make \(setting.name) and what clients ask for agree")]))
        }
        return findings
    }

    // MARK: - Other Kerberos errors

    /// An error for which this check has no rule of its own, diagnosed as in any other check.
    static func kerberos(_ trouble: KeytabEvidence.Trouble, _ words: KeytabWords) -> Finding {
        guard let gss = trouble.error else {
            return error(.kerberos, .kerberos, .unknown, trouble.message, [])
        }
        let advice = Verdict(KerberosFailure(gss), names: words.names)
        let code: KeytabFindingCode =
            switch advice.class {
            case .kdcUnreachable: .kdcUnreachable
            case .serviceUnknown: .serviceUnknown
            case .clockSkew: .clockSkew
            default: .kerberos
            }
        let culprit: Diagnosis.Culprit =
            switch advice.class {
            case .kdcUnreachable: .network
            case .serviceUnknown: .kdc
            case .clockSkew: .thisMachine
            default: .unknown
            }
        let known: Set<FailureClass> = [.kdcUnreachable, .serviceUnknown, .clockSkew, .noCredentials]
        return error(
            code, known.contains(advice.class) ? advice.class : .kerberos,
            advice.diagnosis.culprit == .unknown ? culprit : advice.diagnosis.culprit,
            advice.diagnosis.culprit == .unknown ? trouble.message : advice.diagnosis.cause,
            advice.diagnosis.steps, trouble)
    }
}
