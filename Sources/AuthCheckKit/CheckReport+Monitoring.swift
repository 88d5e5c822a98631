extension CheckReport {
    /// Whether there are warnings.
    package var hasWarnings: Bool { !allWarnings.isEmpty }

    /// All warnings: about the string, and about each host.
    var allWarnings: [String] { warnings + hosts.flatMap(\.warnings) }

    /// The line of a Nagios plugin.
    package var nagios: String {
        let seconds = (totalMilliseconds ?? 0) / 1000
        var data = ["time=\(Self.threeDecimals(seconds))s"]
        if let left = secondsLeft { data.append("ticket=\(left)s") }
        data.append("hosts_failed=\(hosts.count { $0.failure != nil })")
        let verdict =
            switch nagiosStatus {
            case 0: "OK - \(summary.dropFirst(4))"
            case 1: "WARNING - \(allWarnings.first ?? "")"
            case 2: "CRITICAL - \(failure?.class.rawValue ?? ""): \(cause)"
            default: "UNKNOWN - \(failure?.message ?? "")"
            }
        // A vertical bar begins the performance data.
        let text = Printable.line("AUTHCHECK \(verdict)").utf8.map { $0 == UInt8(ascii: "|") ? UInt8(ascii: "/") : $0 }
        return String(decoding: text, as: UTF8.self) + " | " + data.joined(separator: " ")
    }

    /// The exit status of a Nagios plugin.
    package var nagiosStatus: Int32 {
        guard let failure else { return allWarnings.isEmpty ? 0 : 1 }
        return [.usage, .internal].contains(failure.class) ? 3 : 2
    }

    /// Metrics in the text format of Prometheus.
    package var prometheus: String { PrometheusText([(uri ?? "", self)]).text }

    /// How long until the first ticket expires.
    var secondsLeft: Int64? {
        (hosts.compactMap { $0.kerberos?.serviceTicket?.secondsLeft }
            + [kerberos?.ticketGrantingTicket?.secondsLeft].compactMap(\.self))
            .min()
    }

    static func threeDecimals(_ value: Double) -> String {
        let thousandths = Int64((value * 1000).rounded())
        let rest = "\(thousandths % 1000)"
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}

/// Metrics of several checks: each metric once, with a line for each check or host.
struct PrometheusText {
    private var lines: [String] = []

    init(_ checks: [(uri: String, report: CheckReport)]) {
        add("authcheck_success", "Whether every host of the connection string authenticated.", checks) { uri, report in
            [(uri, "\(report.failure == nil ? 1 : 0)")]
        }
        add("authcheck_exit_status", "The exit status of the check.", checks) { [($0, "\($1.exitStatus)")] }
        add("authcheck_duration_seconds", "How long the check took.", checks) { uri, report in
            [(uri, CheckReport.threeDecimals((report.totalMilliseconds ?? 0) / 1000))]
        }
        add("authcheck_warnings", "How many warnings the check has.", checks) { [($0, "\($1.allWarnings.count)")] }
        add("authcheck_ticket_seconds_left", "How long until the first ticket expires.", checks) {
            uri, report in
            report.secondsLeft.map { [(uri, "\($0)")] } ?? []
        }
        add("authcheck_host_success", "Whether the host authenticated.", checks) { uri, report in
            report.hosts.filter { $0.result != .skipped }.map { host in
                let labels =
                    uri + ",host=\(Self.quoted(host.name)),class=\(Self.quoted(host.failure?.class.rawValue ?? ""))"
                return (labels, host.failure == nil ? "1" : "0")
            }
        }
        add("authcheck_host_duration_seconds", "How long the check of the host took.", checks) { uri, report in
            report.hosts.map {
                (uri + ",host=\(Self.quoted($0.name))", CheckReport.threeDecimals($0.milliseconds / 1000))
            }
        }
    }

    var text: String { lines.joined(separator: "\n") }

    private mutating func add(
        _ name: String, _ help: String, _ checks: [(uri: String, report: CheckReport)],
        _ values: (String, CheckReport) -> [(labels: String, value: String)]
    ) {
        let found = checks.flatMap { values("uri=\(Self.quoted($0.uri))", $0.report) }
        guard !found.isEmpty else { return }
        lines += ["# HELP \(name) \(help)", "# TYPE \(name) gauge"]
        // The format allows no two with the same labels: a repeated string has a number.
        var seen: [String: Int] = [:]
        for (labels, value) in found {
            let number = seen[labels, default: 0] + 1
            seen[labels] = number
            let index = number == 1 ? "" : ",index=\"\(number)\""
            lines.append("\(name){\(labels)\(index)} \(value)")
        }
    }

    /// A label's value: backslashes, quotation marks and line breaks are escaped with a backslash.
    private static func quoted(_ text: String) -> String {
        let escaped = Printable.line(text).unicodeScalars.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : "\($0)" }
        return "\"\(escaped.joined())\""
    }
}
