extension CheckReport {
    /// The report for a person: the verdict, what to do, the hosts, and if it matters how far each of them got.
    package func text(_ style: TextStyle) -> String {
        var page = TextPage(style)
        page.addVerdict(self)
        if let failure { page.add(failure, self) }
        page.addHosts(self)
        for warning in warnings { page.addWarning(warning) }
        for host in hosts where style.hasDetails || host.failure != nil { page.addPhases(host, self) }
        if style.hasDetails, let kerberos { page.add(kerberos) }
        return page.text
    }

    /// The verdict, on one line.
    package var summary: String {
        guard let failure else {
            let names = Set(hosts.compactMap { $0.identity?.summary }).sorted()
            return "OK: authenticated" + (names.isEmpty ? "" : " as \(names.joined(separator: ", "))")
        }
        let place = failure.phase.map { $0 == failure.class.rawValue ? "" : " in phase \($0)" } ?? ""
        if exitStatus == Self.interrupted { return "INTERRUPTED\(place), exit status \(exitStatus)" }
        return "FAILED: \(failure.class.rawValue)\(place), exit status \(exitStatus)"
    }

    /// The cause of the failure, with its host.
    var cause: String {
        guard let failure else { return "" }
        let host = failure.host.map { "\($0): " } ?? ""
        return host + (failure.diagnosis?.cause ?? failure.hint ?? failure.message)
    }
}

extension CheckReport.Identity {
    var summary: String { database.map { "\(user) on \($0)" } ?? user }

    fileprivate var roleText: String {
        let more = moreRoles > 0 ? ["and \(moreRoles) more"] : []
        let names = (roles.map { "\($0.role)@\($0.database)" } + more).joined(separator: ", ")
        return names.isEmpty ? "no roles" : names
    }
}

extension CheckReport.Failure {
    /// The class and the phase.
    fileprivate var shortText: String {
        let place = phase.map { $0 == self.class.rawValue ? "" : " in \($0)" } ?? ""
        return self.class.rawValue + place
    }
}

extension CheckReport.Host {
    var name: String {
        let isPath = host.utf8.first == UInt8(ascii: "/")
        return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : isPath ? host : "\(host):\(port)"
    }

    var milliseconds: Double { phases.compactMap(\.milliseconds).reduce(0, +) }
}

extension TextPage {
    fileprivate mutating func addVerdict(_ report: CheckReport) {
        guard let failure = report.failure else {
            let count = report.hosts.count { $0.result == .ok }
            let hosts = report.hosts.count > 1 ? "; \(count) of \(report.hosts.count) hosts" : ""
            return add(report.summary + hosts, tone: .good)
        }
        let failed = report.hosts.count { $0.failure != nil }
        let hosts = report.hosts.count > 1 ? "; \(failed) of \(report.hosts.count) hosts failed" : ""
        add(report.summary + hosts, tone: .bad)
        add(failure.message, indent: 2)
    }

    /// The state of Kerberos here, the cause and the steps of the first failure.
    fileprivate mutating func add(_ failure: CheckReport.Failure, _ report: CheckReport) {
        addBlank()
        if failure.phase == "kerberos", !style.hasDetails, let kerberos = report.kerberos {
            add(kerberos.summary, lead: "Kerberos here:  ")
        }
        // The error about the arguments has been printed already.
        if failure.class != .usage { add(report.cause, lead: "Cause:          ", tone: .strong) }
        add(steps: failure.diagnosis?.steps ?? [], indent: 0)
        addBlank()
    }

    fileprivate mutating func add(steps: [Diagnosis.Step], indent: Int) {
        for (number, step) in steps.enumerated() {
            add(
                step.text + (step.command == nil ? "" : ":"),
                lead: number == 0 ? "What to do:     " : "                ", indent: indent)
            if let command = step.command { addCommand(command, indent: indent + 20) }
        }
    }

    /// One line per host. Many successful ones are summarized, to fit on one screen.
    fileprivate mutating func addHosts(_ report: CheckReport) {
        let areMany = report.hosts.count > 12 && !style.hasDetails
        let well = report.hosts.filter { $0.result == .ok && $0.warnings.isEmpty }
        if areMany, !well.isEmpty {
            let mark = mark(.ok)
            add(well.map(\.name).joined(separator: ", "), lead: "\(mark.text) ", tone: mark.tone)
        }
        let width = min(40, report.hosts.map { TextColumns.count($0.name) }.max() ?? 0)
        for host in report.hosts where !areMany || host.result != .ok || !host.warnings.isEmpty {
            let mark = mark(host.result, isDoubtful: host.result == .ok && !host.warnings.isEmpty)
            let name = host.name.padding(to: width)
            let time = "\(CheckReport.Phase.oneDecimal(host.milliseconds)) ms".padding(to: 11, leading: true)
            let what =
                host.failure.map(\.shortText)
                ?? host.identity.map(\.roleText) ?? (host.result == .skipped ? "left out" : "")
            add(what, lead: "\(mark.text) \(name) \(time)  ", tone: mark.tone)
            for warning in host.warnings { addWarning(warning, indent: 2) }
        }
    }

    fileprivate mutating func addWarning(_ warning: String, indent: Int = 0) {
        let mark = mark(.ok, isDoubtful: true)
        add(warning, lead: "\(mark.text) ", tone: mark.tone, indent: indent)
    }

    /// How far a host got, and its failure if it differs from the first one.
    fileprivate mutating func addPhases(_ host: CheckReport.Host, _ report: CheckReport) {
        addBlank()
        add(host.name, tone: .strong)
        for phase in host.phases where phase.result != .skipped || phase.detail != "not reached" {
            let isUnverified = phase.name == "tls" && phase.result == .ok && host.tlsVerified == false
            let mark = mark(phase.result, isDoubtful: isUnverified)
            let time = phase.milliseconds.map { "\(CheckReport.Phase.oneDecimal($0)) ms" } ?? ""
            // The first failure's message is at the top already.
            let isSaid = phase.result == .failed && phase.detail == report.failure?.message
            add(
                isSaid ? "see above" : phase.detail ?? "",
                lead: "\(mark.text) \(phase.name.padding(to: 8)) \(time.padding(to: 11, leading: true))  ",
                tone: mark.tone,
                indent: 2)
            // A first attempt that succeeded is in the phase's own line.
            if phase.name == "tcp", host.attempts.count > 1 || phase.result == .failed {
                for attempt in host.attempts { add(attempt.line, indent: 6) }
            }
            if phase.name == "kerberos", style.hasDetails, let ticket = host.kerberos?.serviceTicket {
                add("\(ticket.server): \(ticket.line)", indent: 6)
            }
        }
        guard let failure = host.failure else { return }
        if let error = failure.kerberos { add(error.line, indent: 6) }
        if failure.phase == nil { add(failure.message, indent: 6) }
        guard let diagnosis = failure.diagnosis, failure.diagnosis != report.failure?.diagnosis else { return }
        add(diagnosis.cause, lead: "Cause:          ", tone: .strong, indent: 2)
        add(steps: diagnosis.steps, indent: 2)
    }

    fileprivate mutating func add(_ kerberos: CheckReport.Kerberos) {
        addBlank()
        add("Kerberos on this machine", tone: .strong)
        for (name, value) in kerberos.facts { add(value, lead: name.padding(to: 15), indent: 2) }
    }
}

extension CheckReport.Attempt {
    fileprivate var line: String {
        let start = CheckReport.Phase.oneDecimal(startMilliseconds)
        let times = endMilliseconds.map { "\(start) to \(CheckReport.Phase.oneDecimal($0)) ms" } ?? "from \(start) ms"
        let end =
            switch outcome {
            case .connected: "connected"
            case .failed: "failed: \(reason ?? "no reason given")"
            case .cancelled: "given up"
            }
        return "\(address) at \(times): \(end)"
    }
}

extension CheckReport.KerberosError {
    fileprivate var line: String {
        let name = symbolicName.map { "\($0), " } ?? ""
        return "\(call): \(majorName); \(name)\(minor)"
    }
}

extension CheckReport.Phase {
    static func oneDecimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension String {
    /// Padded with blanks, after or before it, to a number of columns.
    func padding(to width: Int, leading: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - TextColumns.count(self)))
        return leading ? padding + self : self + padding
    }
}
