extension CheckReport: CustomStringConvertible {
    /// The report for a person: a line a phase with a mark, the fact, and beneath a failure what to do.
    public var description: String {
        var lines: [String] = []
        lines += warnings.map { "! \($0)" }
        for host in hosts { lines += host.lines }
        if let kerberos { lines += kerberos.lines }
        if hosts.isEmpty, let failure { lines += failure.lines }
        lines.append(summary)
        return lines.map(Printable.line).joined(separator: "\n")
    }

    /// The last line: the verdict.
    public var summary: String {
        guard let failure else {
            let names = Set(hosts.compactMap { $0.identity?.summary }).sorted()
            return "OK: authenticated" + (names.isEmpty ? "" : " as \(names.joined(separator: ", "))")
        }
        let place = failure.phase.map { " in phase \($0)" } ?? ""
        return "FAILED: \(failure.class.rawValue)\(place), exit status \(exitStatus)"
    }
}

extension CheckReport.Identity {
    fileprivate var summary: String { database.map { "\(user) on \($0)" } ?? user }
}

extension CheckReport.Host {
    fileprivate var lines: [String] {
        let isPath = host.utf8.first == UInt8(ascii: "/")
        let name =
            host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : isPath ? host : "\(host):\(port)"
        var lines = [name]
        for phase in phases where phase.result != .skipped || phase.detail != "not reached" {
            let isUnverified = phase.name == "tls" && phase.result == .ok && tlsVerified == false
            lines.append("  " + phase.line(mark: isUnverified ? "!" : nil))
            // One that succeeded at once is in the phase's own line.
            if phase.name == "tcp", attempts.count > 1 || phase.result == .failed {
                lines += attempts.map { "      " + $0.line }
            }
            if phase.result == .failed, let hint = failure?.hint { lines.append("      -> \(hint)") }
            if phase.name == "kerberos", let ticket = kerberos?.serviceTicket {
                lines.append("      \(ticket.server): \(ticket.line)")
            }
        }
        if let error = failure?.kerberos { lines.append("      \(error.line)") }
        if let failure, failure.phase == nil { lines += failure.lines.map { "  " + $0 } }
        lines += warnings.map { "  ! \($0)" }
        return lines
    }
}

extension CheckReport.Failure {
    fileprivate var lines: [String] {
        ["✗ \(message)"] + (hint.map { ["    -> \($0)"] } ?? [])
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
    fileprivate func line(mark unusual: String?) -> String {
        let usual =
            switch result {
            case .ok: "✓"
            case .failed: "✗"
            case .skipped: "-"
            }
        let time = milliseconds.map { "\(Self.oneDecimal($0)) ms" } ?? ""
        return [unusual ?? usual, Self.pad(name, 8), Self.pad(time, 11, leading: true), " " + (detail ?? "")].joined(
            separator: " ")
    }

    fileprivate static func oneDecimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func pad(_ text: String, _ width: Int, leading: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - text.count))
        return leading ? padding + text : text + padding
    }
}
