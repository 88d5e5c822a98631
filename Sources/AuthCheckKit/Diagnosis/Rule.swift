internal import GSSKerberos

/// Maps evidence to a cause and what to do about it.
///
/// Rules are data: a rule names the codes that it is for, and perhaps a condition. For a failure's codes, the most
/// specific first, the first rule that applies is used. Without one the cause is reported as unknown.
struct Rule: Sendable {
    typealias Steps = @Sendable (Evidence) -> [Diagnosis.Step]

    /// Its stable name, by which programs tell causes apart: letters, digits and hyphens.
    let name: String
    /// The codes of ``Evidence/codes``; one with a final star is for all with that prefix.
    let codes: [String]
    let `class`: FailureClass
    let culprit: Diagnosis.Culprit
    /// The condition.
    let condition: (@Sendable (Evidence) -> Bool)?
    let cause: @Sendable (Evidence) -> String
    let steps: Steps

    init(
        _ name: String, for codes: String..., is class: FailureClass, by culprit: Diagnosis.Culprit,
        when condition: (@Sendable (Evidence) -> Bool)? = nil, _ cause: @escaping @Sendable (Evidence) -> String,
        do steps: @escaping Steps = { _ in [] }
    ) {
        self.init(name, for: codes, is: `class`, by: culprit, when: condition, cause, do: steps)
    }

    init(
        _ name: String, for codes: [String], is class: FailureClass, by culprit: Diagnosis.Culprit,
        when condition: (@Sendable (Evidence) -> Bool)? = nil, _ cause: @escaping @Sendable (Evidence) -> String,
        do steps: @escaping Steps = { _ in [] }
    ) {
        (self.name, self.codes, self.class, self.culprit) = (name, codes, `class`, culprit)
        (self.condition, self.cause, self.steps) = (condition, cause, steps)
    }

    func applies(to code: String, _ evidence: Evidence) -> Bool {
        codes.contains { $0 == code || ($0.hasSuffix("*") && code.hasPrefix($0.dropLast())) }
            && condition?(evidence) ?? true
    }

    /// All rules. Of several for one code, the first whose condition holds is used.
    static let all: [Rule] =
        clocks + theWayToAKDC + credentials + firstTicket + serviceTicket + tickets + configuration + names
        + connection + encryption + conversation + refusals + mechanisms + proofs + rest
}

extension Diagnosis {
    /// The names of diagnoses without a rule, which need no evidence: they are created where they are detected.
    static let namesWithoutRule = [
        "arguments-invalid", "connection-string-invalid", "defect", "input-without-end", "nobody-to-authenticate",
    ]
}

/// The class of a failure and its diagnosis.
struct Verdict: Sendable {
    var `class`: FailureClass
    var diagnosis: Diagnosis

    init(_ evidence: Evidence) {
        for code in evidence.codes {
            guard let rule = Rule.all.first(where: { $0.applies(to: code, evidence) }) else { continue }
            self.class = rule.class
            diagnosis = evidence.namingChosenHost(
                in: Diagnosis(
                    rule: rule.name, cause: rule.cause(evidence), culprit: rule.culprit, steps: rule.steps(evidence)))
            return
        }
        self.class = .internal
        diagnosis = Diagnosis(
            rule: "defect", cause: "this is a bug in authcheck", culprit: .unknown,
            steps: [.init("report it with the command and its output")])
    }
}

extension Verdict {
    /// For a Kerberos error alone.
    init(_ failure: KerberosFailure, names: Evidence.Names = Evidence.Names()) {
        var evidence = Evidence()
        evidence.mechanism = "GSSAPI"
        evidence.phase = .kerberos
        evidence.names = names
        evidence.take(failure)
        self.init(evidence)
    }
}

extension Evidence {
    /// The DNS is not authenticated, and a forged answer may choose the host: so the cause says if a service's host
    /// comes from there, and no step suggests creating its principal without a check.
    fileprivate func namingChosenHost(in diagnosis: Diagnosis) -> Diagnosis {
        guard let chosen = names.chosenHost, !diagnosis.cause.utf8.ranges(of: "/\(chosen.host)".utf8).isEmpty else {
            return diagnosis
        }
        var named = diagnosis
        let source =
            switch chosen.reason {
            case .canonical(let name): "\(chosen.host) is the canonical name of \(name) in the DNS"
            case .records(let name): "\(chosen.host) comes from the SRV records of \(name)"
            }
        named.cause += " (\(source))"
        for index in named.steps.indices where named.steps[index].trustsHost {
            let text = named.steps[index].text
            let rest = text.hasPrefix("or ") ? String(text.dropFirst(3)) : text
            named.steps[index].text = "if \(chosen.host) is the right host, \(rest)"
        }
        return named
    }
}

extension KerberosFailure {
    /// Whether a wrong clock can be the cause.
    var dependsOnClocks: Bool {
        [
            "KRB5KRB_AP_ERR_SKEW", "KRB5_KDCREP_SKEW", "KRB5KRB_AP_ERR_TKT_EXPIRED", "KRB5KRB_AP_ERR_TKT_NYV",
        ].contains(symbolicName)
    }
}

extension Diagnosis.Step {
    /// An inspection, with a command.
    static func see(_ text: String, _ command: String) -> Self { .init(text, command: command) }
}
