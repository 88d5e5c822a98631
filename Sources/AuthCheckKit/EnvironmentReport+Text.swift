extension EnvironmentReport {
    /// The report for a person: the verdict first, then what was found, section by section.
    package func text(_ style: TextStyle) -> String {
        var page = TextPage(style)
        page.add(summary, tone: result == .ok ? .good : .bad)
        for finding in findings { page.add(finding) }
        page.addBlank()
        for line in facts {
            // Wrapped text is indented to its value.
            let indent = line.prefix { $0 == " " }.count
            let lead =
                indent == 2 && line.count > 30 && line.dropFirst(29).first == " "
                ? String(line.dropFirst(2).prefix(28)) : ""
            page.add(
                String(line.dropFirst(indent + lead.count)), lead: lead, tone: indent == 0 ? .strong : .plain,
                indent: indent)
        }
        return page.text
    }

    private var facts: [String] {
        var lines: [String] = []
        if let configuration { lines += configuration.lines }
        if !variables.isEmpty { lines += ["Variables"] + variables.flatMap(\.lines) }
        if let kdcs { lines += kdcs.lines }
        lines += cacheLines
        if let clientKeytab { lines += clientKeytab.lines }
        if !hosts.isEmpty { lines += ["Hosts"] + hosts.flatMap(\.lines) }
        return lines + clock.lines
    }

    /// The verdict in a line.
    package var summary: String {
        guard let failure = findings.first(where: { $0.severity == .failure }) else {
            return findings.isEmpty
                ? "OK: no problem was found"
                : "OK: nothing prevents an authentication from starting, with \(Self.count(findings.count, "warning"))"
        }
        let name = failure.class?.rawValue ?? "internal"
        return "FAILED: \(name), exit status \(exitStatus)"
    }

    private static func count(_ number: Int, _ what: String) -> String {
        number == 1 ? "one \(what)" : "\(number) \(what)s"
    }

    private var cacheLines: [String] {
        guard let caches else { return [] }
        return ["Caches"]
            + caches.flatMap { cache -> [String] in
                let owner = cache.principal.map { " of \($0)" } ?? ""
                let mark = cache.isDefault ? "the default one" : "another one"
                var lines = ["  \(cache.name)\(owner), \(mark)"]
                if let problem = cache.problem { lines.append("    \(problem)") }
                lines += cache.tickets.map { "    \($0.server): \($0.line)" }
                if cache.moreTickets > 0 { lines.append("    and \(cache.moreTickets) more") }
                return lines
            }
    }

    /// Names in a column.
    fileprivate static func row(_ name: String, _ value: String) -> String {
        "  " + name + String(repeating: " ", count: max(1, 28 - name.utf8.count)) + value
    }
}

extension TextPage {
    fileprivate mutating func add(_ finding: EnvironmentReport.Finding) {
        let mark = mark(finding.severity == .failure ? .failed : .ok, isDoubtful: finding.severity == .warning)
        add(finding.diagnosis.cause, lead: "\(mark.text) ", tone: mark.tone)
        for step in finding.diagnosis.steps {
            add(step.text + (step.command == nil ? "" : ":"), indent: 4)
            if let command = step.command { addCommand(command, indent: 8) }
        }
    }
}

extension EnvironmentReport.Configuration {
    fileprivate var lines: [String] {
        var lines = ["Configuration"]
        lines += files.map { file in
            let place = file.line.map { ", line \($0)" } ?? ""
            let reason = file.reason.map { ": \($0)" } ?? ""
            let includer = file.includedBy.map { ", included by \($0)" } ?? ""
            return EnvironmentReport.row(file.path, "\(file.state.rawValue)\(place)\(reason)\(includer)")
        }
        if moreFiles > 0 { lines.append("  and \(moreFiles) more") }
        if let problem { lines.append(EnvironmentReport.row("(nothing is read)", problem)) }
        for setting in settings {
            guard let value = setting.value else { continue }
            let place = setting.file.map { file in "  (\(file)\(setting.line.map { ":\($0)" } ?? ""))" } ?? ""
            lines.append(EnvironmentReport.row(setting.name, value + place))
        }
        if !permittedEncryptionTypes.isEmpty {
            lines.append(EnvironmentReport.row("(permitted)", permittedEncryptionTypes.joined(separator: " ")))
        }
        if !weakEncryptionTypes.isEmpty {
            lines.append(EnvironmentReport.row("(weak among them)", weakEncryptionTypes.joined(separator: " ")))
        }
        return lines
    }
}

extension EnvironmentReport.Variable {
    fileprivate var lines: [String] {
        let broken = paths.filter { $0.state != "usable" }
            .map { " (\($0.path) \($0.state == "missing" ? "does not exist" : "is not accessible"))" }
        return [EnvironmentReport.row(name, value + broken.joined())]
    }
}

extension EnvironmentReport.KDCs {
    fileprivate var lines: [String] {
        var lines = ["KDCs of \(realm), asked for \(isAboutUser ? principal : "a user who does not exist")"]
        lines += malformedEntries.map { "  kdc = \($0): cannot be read" }
        for kdc in list {
            let name =
                kdc.host.utf8.contains(UInt8(ascii: ":")) ? "[\(kdc.host)]:\(kdc.port)" : "\(kdc.host):\(kdc.port)"
            let source = kdc.source == "dns" ? "DNS, \(kdc.sourceDetail)" : "configuration"
            lines.append("  \(name) (\(source))" + (kdc.isUsed ? "" : ", not asked by Kerberos"))
            if let problem = kdc.problem { lines.append("    \(problem)") }
            for entry in kdc.addresses {
                let ways = [entry.udp.map { "UDP \($0.line)" }, entry.tcp.map { "TCP \($0.line)" }].compactMap(\.self)
                lines.append("    \(entry.address): " + ways.joined(separator: "; "))
            }
            if kdc.moreAddresses > 0 { lines.append("    and \(kdc.moreAddresses) more addresses") }
            if let offset = kdc.clockOffsetSeconds {
                lines.append("    its clock: \(EnvironmentReport.Clock.words(offset))")
            }
        }
        if moreKDCs > 0 { lines.append("  and \(moreKDCs) more") }
        if list.isEmpty { lines.append("  none is known") }
        if let dnsProblem { lines.append("  DNS: \(dnsProblem)") }
        return lines
    }
}

extension EnvironmentReport.Keytab {
    fileprivate var lines: [String] {
        var lines = ["Client keytab", "  \(name)"]
        if let problem { lines.append("    \(problem)") }
        lines += keys.map { "    \($0.principal), key version \($0.keyVersion), \($0.encryptionType)" }
        if moreKeys > 0 { lines.append("    and \(moreKeys) more") }
        return lines
    }
}

extension EnvironmentReport.Host {
    fileprivate var lines: [String] {
        let realm =
            realm ?? fallbackRealm.map { "\($0), unless the KDC knows better" } ?? "none: the KDC has to know it"
        var lines = ["  \(host): realm \(realm)"]
        if let canonicalName, !canonicalName.utf8.elementsEqual(host.utf8) {
            lines.append("    its canonical name is \(canonicalName)")
        }
        if let problem { lines.append("    \(problem)") }
        lines += addresses.map { "    \($0.address), the address of \($0.name ?? "no name")" }
        if moreAddresses > 0 { lines.append("    and \(moreAddresses) more addresses") }
        return lines
    }
}

extension EnvironmentReport.Clock {
    fileprivate var lines: [String] {
        let kernel =
            switch synchronized {
            case true?: "synchronized, according to the kernel"
            case false?: "not synchronized, according to the kernel"
            case nil: "the kernel does not say whether it is synchronized"
            }
        return ["Clock", "  " + kernel] + (kdcOffsetSeconds.map { ["  the KDC's: \(Self.words($0))"] } ?? [])
    }

    /// How far another clock is off, for a person.
    fileprivate static func words(_ seconds: Double) -> String {
        // KDCs report their time in seconds, with a delay.
        let size = Int64(seconds.magnitude.rounded())
        guard size > 0 else { return "the same, to the second" }
        return "\(CheckReport.Ticket.span(size)) \(seconds < 0 ? "behind" : "ahead")"
    }
}
