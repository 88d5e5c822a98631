internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials

/// Problems with reaching KDCs, and with their answers.
extension EnvironmentRules {
    static func kdcs(_ facts: EnvironmentFacts) -> [Finding] {
        if let failure = facts.kdcFailure, facts.configuration?.problem == nil {
            return [.kerberos(failure, names: facts.names, .thisMachine)]
        }
        guard let report = facts.kdcs else { return [] }
        let file = facts.configurationFile ?? "krb5.conf"
        if !report.malformedEntries.isEmpty {
            return report.malformedEntries.map { entry in
                .failure(
                    .kdcUnreachable,
                    "the line \"kdc = \(entry)\" of \(report.realm) cannot be read, and Kerberos asks no KDC of the realm "
                        + "because of it",
                    .thisMachine,
                    [
                        .init(
                            "write host, host:port or [IPv6 address]:port",
                            command: "grep -n 'kdc *=' \(DiagnosisWords.operand(file))")
                    ])
            }
        }
        let used = facts.usedKDCs
        guard !used.isEmpty else { return facts.otherKDCClockOffset == nil ? [noKDC(report, file)] : [] }
        guard report.isReachable else { return [noAnswer(report, used, file)] }
        return used.flatMap { $0.hasAnswered ? doubts(about: $0) : [dead($0)] } + proxies(used, file)
    }

    /// Text after a value on its line is part of it, even a comment.
    static func commentedValues(_ facts: EnvironmentFacts) -> [Finding] {
        let settings = facts.configuration?.settings ?? []
        var found: [Finding] = settings.compactMap { setting in
            guard let value = setting.value, let file = setting.file, let line = setting.line,
                value.utf8.ranges(of: " #".utf8).isEmpty == false || value.utf8.ranges(of: " ;".utf8).isEmpty == false
            else { return nil }
            let harm = setting.name == "default_realm" ? ": no name without a realm works" : ""
            return Finding.warning(
                "\(file), line \(line): the value of \(setting.name) is \"\(value)\", as a comment after a value is part of it\(harm)",
                .thisMachine,
                [
                    .init(
                        "put the comment on a line of its own",
                        command: "sed -n \(line)p \(DiagnosisWords.operand(file))")
                ])
        }
        for kdc in facts.kdcs?.kdcs ?? [] {
            guard case .configuration(let entry) = kdc.location.source, entry.utf8.contains(UInt8(ascii: "#")) else {
                continue
            }
            found.append(
                .warning(
                    "the line \"kdc = \(entry)\" has a comment after its value, which is part of it: Kerberos reads "
                        + "the host, and perhaps not the rest", .thisMachine,
                    [
                        .init(
                            "put the comment on a line of its own",
                            command:
                                "grep -n 'kdc *=' \(DiagnosisWords.operand(facts.configurationFile ?? "krb5.conf"))")
                    ]))
        }
        return found
    }

    private static func noKDC(_ report: KDCReport, _ file: String) -> Finding {
        let dns =
            !report.asksDNS
            ? "the DNS is not asked (dns_lookup_kdc = false)"
            : report.dnsProblem.map { "the DNS look-up failed (\($0))" } ?? "the DNS has no SRV records for it"
        let records = DiagnosisWords.operand("_kerberos._udp.\(report.realm)")
        return .failure(
            .kdcUnreachable,
            "no KDC of the realm \(report.realm) is known: \(file) has no line \"kdc =\" for it, and \(dns)",
            .thisMachine,
            [
                .init("check the realm's spelling: capitals matter"),
                .init(
                    "name the KDCs in [realms] of \(file), or have these DNS records created",
                    command: "dig +short SRV \(records)"),
            ])
    }

    private static func noAnswer(_ report: KDCReport, _ used: [KDCReport.KDC], _ file: String) -> Finding {
        let list = used.map(\.description).joined(separator: "; ")
        let outcomes = used.flatMap { $0.attempts.map(\.attempt.outcome) }
        var steps: [Diagnosis.Step] = []
        // DNS answers may be forged: following one may mean to ask an impostor for tickets.
        if report.kdcs.contains(where: { !$0.isUsed }) {
            steps.append(
                .init(
                    "the DNS names other KDCs, which proves nothing: ask the realm's administrator whether the lines \"kdc =\" of "
                        + "\(report.realm) in \(file) are still right"))
        }
        let culprit: Diagnosis.Culprit
        if outcomes.isEmpty {
            culprit = .network
            steps.append(.init("check the names of the KDCs in \(file), and the DNS"))
        } else if outcomes.allSatisfy({ $0 == .refused }) {
            culprit = .kdc
            steps.append(.init("see whether a KDC runs there, on that port"))
        } else if outcomes.contains(.malformed) {
            culprit = .thisMachine
            steps.append(.init("something other than a KDC answers there: check host and port in \(file)"))
        } else {
            culprit = .network
            steps.append(.init("look for a firewall between this machine and port 88, UDP and TCP"))
        }
        if used.contains(where: { $0.location.transport == .https }) { steps += proxySteps(file) }
        return .failure(
            .kdcUnreachable, "none of the KDCs of \(report.realm) answers: \(list)", culprit, steps)
    }

    /// No request is made through a proxy, and the library needs more for it than a connection.
    private static func proxies(_ used: [KDCReport.KDC], _ file: String) -> [Finding] {
        guard let proxy = used.first(where: { $0.location.transport == .https && $0.hasAnswered }) else { return [] }
        return [
            .warning(
                "the KDC \(proxy.location) is reached through an HTTPS proxy, which answers; whether Kerberos "
                    + "can use it is not known: it needs its plugin k5tls and an authority for the proxy's certificate",
                .thisMachine,
                proxySteps(file))
        ]
    }

    private static func proxySteps(_ file: String) -> [Diagnosis.Step] {
        [
            .init(
                "see whether Kerberos has its plugin for HTTPS (Debian: package krb5-k5tls)",
                command: "find /usr/lib* -name k5tls.so"),
            .init(
                "see which authorities are trusted for the proxy's certificate",
                command: "grep -n http_anchors \(DiagnosisWords.operand(file))"),
        ]
    }

    private static func dead(_ kdc: KDCReport.KDC) -> Finding {
        let isRefusal = kdc.attempts.contains { $0.attempt.outcome == .refused }
        return .warning(
            "a KDC does not answer, and requests wait for it before they go to the next: \(kdc)",
            isRefusal ? .kdc : .network,
            [
                .init(
                    isRefusal
                        ? "see whether it still is a KDC, and if not, remove it where it is listed"
                        : "look for a firewall on the way to it, or remove it where it is listed")
            ])
    }

    /// About a KDC that answers somewhere.
    private static func doubts(about kdc: KDCReport.KDC) -> [Finding] {
        func outcomes(_ way: KDCLocation.Transport) -> [KDCReport.Outcome] {
            kdc.attempts.filter { $0.transport == way }.map(\.attempt.outcome)
        }
        var found: [Finding] = []
        let (datagrams, connections) = (outcomes(.udp), outcomes(.tcp))
        if !connections.isEmpty, !connections.contains(where: \.isAnswer) {
            found.append(
                .warning(
                    "a KDC answers over UDP only, and long answers need TCP: \(kdc)", .network,
                    [.init("let TCP through to its port")]))
        } else if datagrams.contains(.silent), !datagrams.contains(where: \.isAnswer) {
            found.append(
                .warning(
                    "a KDC is silent over UDP, so that each request waits a second before TCP is tried: \(kdc)",
                    .network,
                    [.init("set udp_preference_limit = 1 in [libdefaults], or let UDP through to its port")]))
        }
        let deadAddresses = kdc.addresses.filter { entry in
            ![entry.udp, entry.tcp].contains { $0?.outcome.isAnswer == true }
        }
        if !deadAddresses.isEmpty {
            let list = deadAddresses.map { "\($0.address)" }.joined(separator: ", ")
            found.append(
                .warning(
                    "the KDC \(kdc.location) does not answer on some of its addresses: \(list)", .network,
                    [.init("look for a firewall or a missing route, or correct the DNS")]))
        }
        return found
    }

    // MARK: - Their answers about the user

    /// Answers that are not about a problem of the user.
    private static let usualAnswers: Set<Int32> = [24, 25, 52, 37]
    private static let unknownUser: Int32 = 6

    static func user(_ facts: EnvironmentFacts) -> [Finding] {
        guard let report = facts.kdcs else { return [] }
        let answers = facts.usedKDCs.compactMap { kdc in kdc.answer.map { (kdc: kdc, answer: $0) } }
        var refusals: [(kdc: KDCReport.KDC, code: Int32)] = []
        for (kdc, answer) in answers {
            guard case .error(let code, _) = answer, !usualAnswers.contains(code) else { continue }
            // A user who does not exist is unknown, as expected.
            if report.isAboutUser || code != unknownUser { refusals.append((kdc, code)) }
        }
        guard let first = refusals.first else { return [] }
        let isAll = refusals.count == answers.count
        let error = GSSError(
            call: "krb5_init_creds_get", major: GSSMajorStatus(.failure),
            minor: UInt32(bitPattern: KDCReply.statusCode(first.code)), subject: report.principal)
        let failure = KerberosFailure(error)
        let who = report.isAboutUser ? " for \(report.principal)" : ""
        let cause =
            isAll
            ? "the KDC \(first.kdc.location) refuses a ticket\(who)"
            : "the KDC \(first.kdc.location) refuses a ticket\(who), while others do not: they do not have the same database"
        let finding = Finding.kerberos(failure, cause: cause, names: facts.names, .kdc)
        return [finding.asWarning(!isAll || hasUsableTicket(facts))]
    }

    /// Whether there is a ticket to continue with, whatever the KDC answers about a new one.
    static func hasUsableTicket(_ facts: EnvironmentFacts) -> Bool {
        facts.inspection?.ticketGrantingTicket.map { $0.endTime > facts.kdcNow } ?? false
    }
}
