extension KeytabReport {
    /// The report for a person: the verdict, what to do, and the facts.
    package func text(_ style: TextStyle) -> String {
        var page = TextPage(style)
        page.add(summary, tone: result == .ok ? .good : .bad)
        for finding in findings { page.add(finding, isVerdict: finding == findings.first && result == .failed) }
        page.addBlank()
        for line in facts {
            let indent = line.prefix { $0 == " " }.count
            page.add(String(line.dropFirst(indent)), tone: indent == 0 ? .strong : .plain, indent: indent)
        }
        return page.text
    }

    /// The first line.
    package var summary: String {
        result == .ok ? "OK: \(verdict)" : "FAILED: \(verdict)"
    }

    private var facts: [String] {
        var lines = ["keytab \(keytab)"]
        func add(_ name: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            lines.append("  " + name + String(repeating: " ", count: max(1, 12 - name.utf8.count)) + value)
        }
        add("file", file?.line)
        if let expected {
            add(
                "for",
                "\(expected.principal) (\(source(expected.host, "host")); \(source(expected.service, "service")))")
        }
        if !entries.isEmpty { add("entries", "\(entries.count + moreEntries)") }
        for entry in entries { lines.append("    \(entry.line)") }
        if moreEntries > 0 { lines.append("    and \(moreEntries) more") }
        if let names {
            add("host", names.line)
            for address in names.addresses { lines.append("    \(address.line)") }
            if names.moreAddresses > 0 { lines.append("    and \(names.moreAddresses) more") }
        }
        add("ticket", proof.ticketLine)
        add("proof", proof.line)
        return lines
    }

    private func source(_ name: Name, _ what: String) -> String {
        switch name.source {
        case "option": "\(what) by option"
        case "default": what == "host" ? "host of this machine" : "\(what) by default"
        default: "\(what) of \(configuration?.path ?? name.source)"
        }
    }
}

extension TextPage {
    /// - Parameter isVerdict: Whether the first line of the report has the cause.
    fileprivate mutating func add(_ finding: KeytabReport.Finding, isVerdict: Bool) {
        if !isVerdict {
            let mark =
                finding.severity == .note
                ? mark(.skipped)
                : mark(finding.severity == .error ? .failed : .ok, isDoubtful: finding.severity == .warning)
            add(finding.diagnosis.cause, lead: "\(mark.text) ", tone: mark.tone)
        }
        for step in finding.diagnosis.steps {
            add(step.text + (step.command == nil ? "" : ":"), indent: 4)
            if let command = step.command { addCommand(command, indent: 8) }
        }
    }
}

extension KeytabReport.File {
    fileprivate var line: String {
        "\(owner):\(group), mode \(mode), \(size) bytes, written \(modified)"
    }
}

extension KeytabReport.Entry {
    fileprivate var line: String {
        "\(isExpected ? "*" : " ") \(principal) version \(keyVersion) \(encryptionType)"
            + (date.map { " of \($0)" } ?? "")
            + (isNewest ? "" : " (older)")
    }
}

extension KeytabReport.HostNames {
    fileprivate var line: String {
        if let problem { return problem }
        return canonicalName.map { "canonical name \($0)" } ?? "no canonical name"
    }
}

extension KeytabReport.Address {
    fileprivate var line: String { "\(address): \(name ?? problem ?? "no name")" }
}

extension KeytabReport.Proof {
    fileprivate var ticketLine: String? {
        guard let client else { return cacheProblem.map { "none: \($0)" } }
        let way =
            ticketFrom == "cache"
            ? "with the cache \(cache ?? "") of \(client)" : "with the keytab itself, as \(client)"
        let key = [encryptionType, keyVersion.map { "key version \($0)" }].compactMap(\.self).joined(separator: ", ")
        return "\(key), \(way)"
    }

    fileprivate var line: String {
        switch result {
        case .ok: "the ticket was accepted with the keytab"
        case .failed: "the ticket was not accepted with the keytab"
        case .skipped: "not made"
        }
    }
}
