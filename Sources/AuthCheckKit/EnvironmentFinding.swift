internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials

extension EnvironmentReport {
    /// A present or future problem.
    package struct Finding: Sendable, Hashable, Encodable {
        /// How bad it is.
        package enum Severity: String, Sendable, Hashable, CaseIterable, Codable {
            /// An authentication fails because of it.
            case failure
            /// It works in spite of it: slower, not for all users, or not for long.
            case warning
        }

        /// How bad it is.
        package var severity: Severity
        /// The class of the authentication's failure; `nil` for a warning.
        @NullWhenAbsent package var `class`: FailureClass?
        /// Its cause, and what to do.
        package var diagnosis: Diagnosis

        /// Creates a finding that makes an authentication fail.
        static func failure(
            _ class: FailureClass, _ cause: String, _ culprit: Diagnosis.Culprit, _ steps: [Diagnosis.Step] = []
        ) -> Finding {
            Finding(
                severity: .failure, class: `class`, diagnosis: Diagnosis(cause: cause, culprit: culprit, steps: steps))
        }

        /// Creates a warning.
        static func warning(
            _ cause: String, _ culprit: Diagnosis.Culprit, _ steps: [Diagnosis.Step] = []
        ) -> Finding {
            Finding(
                severity: .warning, class: nil, diagnosis: Diagnosis(cause: cause, culprit: culprit, steps: steps))
        }

        /// A failure, or the same as a warning.
        func asWarning(_ isWarning: Bool) -> Finding {
            isWarning ? Finding(severity: .warning, class: nil, diagnosis: diagnosis) : self
        }

        /// Creates a finding from the rules for a Kerberos error.
        static func kerberos(
            _ error: KerberosFailure, cause: String? = nil, names: Evidence.Names,
            _ culprit: Diagnosis.Culprit
        ) -> Finding {
            let verdict = Verdict(error, names: names)
            let code = error.symbolicName.map { " (\($0))" } ?? ""
            var finding = failure(
                verdict.class, (cause ?? verdict.diagnosis.cause) + code, culprit, verdict.diagnosis.steps)
            finding.diagnosis.rule = verdict.diagnosis.rule
            return finding
        }
    }
}

/// The problems of a machine, from its facts: those that prevent an authentication come first.
enum EnvironmentRules {
    typealias Finding = EnvironmentReport.Finding

    /// All findings: failures in the order in which an authentication would meet them, then warnings.
    static func findings(_ facts: EnvironmentFacts) -> [Finding] {
        let all =
            configuration(facts) + commentedValues(facts) + kdcs(facts) + clock(facts) + user(facts)
            + credentials(facts)
            + encryption(facts) + hosts(facts) + variables(facts) + missed(facts)
        return all.filter { $0.severity == .failure } + all.filter { $0.severity == .warning }
    }

    // MARK: - The configuration

    private static func configuration(_ facts: EnvironmentFacts) -> [Finding] {
        guard let configuration = facts.configuration else { return [] }
        let isBroken = configuration.problem != nil
        var found = configuration.files.compactMap { finding($0)?.asWarning(!isBroken) }
        if let problem = configuration.problem, !found.contains(where: { $0.severity == .failure }) {
            found.insert(.kerberos(KerberosFailure(problem), names: facts.names, .thisMachine), at: 0)
        }
        return found + missingFiles(configuration, facts)
    }

    private static func finding(_ file: KerberosConfiguration.File) -> Finding? {
        let path = DiagnosisWords.operand(file.path)
        let place = file.includedBy.map { includer in
            "\(includer)" + (file.includedAt.map { ", line \($0)," } ?? "")
        }
        switch file.state {
        case .read: return nil
        case .malformed(let line?, let reason):
            return .failure(
                .kerberos, "\(file.path), line \(line), is malformed: \(reason); Kerberos ignores the whole file",
                .thisMachine,
                [.init("correct the line", command: "sed -n \(line)p \(path)")])
        case .malformed(nil, let reason):
            return .failure(
                .kerberos, "\(file.path) is malformed: \(reason)", .thisMachine, [.init("look at the file")])
        case .unreadable:
            return .failure(
                .kerberos, "this user has no permission to read \(file.path)", .thisMachine,
                [.init("make it readable for everyone: it holds no secrets", command: "ls -l \(path)")])
        case .missing:
            guard let place else { return nil }
            return .failure(
                .kerberos,
                "\(place) includes \(file.path), which does not exist; Kerberos then ignores the whole file",
                .thisMachine, [.init("remove the line, or create the file", command: "ls -ld \(path)")])
        }
    }

    /// Named files that do not exist. Kerberos does not report them.
    private static func missingFiles(
        _ configuration: KerberosConfiguration, _ facts: EnvironmentFacts
    ) -> [Finding] {
        guard facts.variables.contains(where: { $0.name == "KRB5_CONFIG" }) else { return [] }
        let first = configuration.files.filter { $0.includedBy == nil }
        let missing = first.filter { $0.state == .missing }
        guard !missing.isEmpty else { return [] }
        let names = missing.map(\.path).joined(separator: ", ")
        let isAll = missing.count == first.count
        let works = facts.kdcs?.isReachable == true || facts.otherKDCClockOffset != nil
        return [
            Finding.failure(
                .kerberos,
                "KRB5_CONFIG names \(names), which \(missing.count == 1 ? "does" : "do") not exist"
                    + (isAll ? ": there is no configuration at all" : ""), .thisMachine,
                [
                    .init("name a file that exists, or unset the variable to use /etc/krb5.conf"),
                    .init("see whether it exists", command: "ls -l /etc/krb5.conf"),
                ]
            ).asWarning(!isAll || works)
        ]
    }

    // MARK: - The clock

    private static func clock(_ facts: EnvironmentFacts) -> [Finding] {
        let offsets = facts.clockOffsets
        let allowed = facts.allowedClockSkew
        let synchronize = [
            Diagnosis.Step("see whether this machine's clock is synchronized", command: "timedatectl"),
            .init("or, where chrony runs", command: "chronyc tracking"),
        ]
        let wrong = offsets.filter { $0.offset.magnitude > allowed }
        if let first = wrong.first {
            let others = offsets.filter { $0.offset.magnitude <= .seconds(60) }
            let clause = clockClause(first.offset, first.kdc)
            if !others.isEmpty {
                return [
                    .warning(
                        "\(clause), and agrees with that of \(others[0].kdc): the KDC's clock is wrong", .kdc,
                        [.init("tell the administrator of \(first.kdc)")])
                ]
            }
            let minutes = Int64((allowed / .seconds(60)).rounded())
            return [
                .failure(
                    .clockSkew, "\(clause); Kerberos allows \(minutes) min", .thisMachine, synchronize)
            ]
        }
        if let first = offsets.first(where: { $0.offset.magnitude > .seconds(60) }) {
            return [.warning(clockClause(first.offset, first.kdc), .thisMachine, synchronize)]
        }
        // If a KDC's clock agrees, the clock is right, whatever sets it.
        if facts.isClockSynchronized == false, offsets.isEmpty {
            return [
                .warning(
                    "the kernel says that this machine's clock is not synchronized, and no KDC has reported its time",
                    .thisMachine, synchronize)
            ]
        }
        return []
    }

    private static func clockClause(_ offset: Duration, _ kdc: String) -> String {
        ClockText.sentence(offset, other: "that of \(kdc)")
    }

    // MARK: - Names, variables, and unfinished checks

    private static func hosts(_ facts: EnvironmentFacts) -> [Finding] {
        facts.hosts.flatMap { host in
            var found: [Finding] = []
            if let problem = host.problem {
                found.append(
                    .failure(
                        .dns, "\(host.name) has no address here: \(problem)", .network,
                        [
                            .init(
                                "check the name's spelling, and what the system finds",
                                command: "getent hosts \(DiagnosisWords.operand(host.name))")
                        ]))
            }
            if let problem = host.realmProblem {
                found.append(
                    .warning(
                        "the realm of \(host.name) cannot be determined: \(problem)", .thisMachine,
                        [.init("name it in [domain_realm] of \(facts.configurationFile ?? "krb5.conf")")]))
            }
            return found
        }
    }

    private static func variables(_ facts: EnvironmentFacts) -> [Finding] {
        facts.variables.filter { $0.name == "KRB5_TRACE" }.flatMap(\.paths).filter { $0.state != .usable }.map { path in
            .warning(
                "KRB5_TRACE names \(path.path), which is not writable: Kerberos writes no trace, and reports no error",
                .thisMachine, [.init("name a file in a folder that this user may write to, or unset the variable")])
        }
    }

    private static func missed(_ facts: EnvironmentFacts) -> [Finding] {
        guard !facts.missed.isEmpty else { return [] }
        return [
            .failure(
                .deadline, "the deadline passed before everything was checked: \(facts.missed.joined(separator: ", "))",
                .unknown,
                [.init("increase --timeout"), .init("look for files on a file server that does not answer")])
        ]
    }
}
