/// The results of checks of several connection strings, in the order of the strings.
package struct BatchReport: Sendable, Hashable, Encodable {
    /// The name and version of this format.
    package let schema = "authcheck.batch/1"
    /// Whether every check succeeded.
    package var result: CheckReport.Result
    /// The exit status: that of the first check that failed.
    package var exitStatus: Int32
    /// How many checks there are.
    package var count: Int
    /// How many of them failed.
    package var failed: Int
    /// The reports, in the order of the strings.
    package var reports: [CheckReport]

    /// Collects reports.
    package init(_ reports: [CheckReport]) {
        self.reports = reports
        let failures = reports.filter { $0.failure != nil }
        (count, failed) = (reports.count, failures.count)
        result = failures.isEmpty ? .ok : .failed
        exitStatus = failures.first?.exitStatus ?? 0
    }

    /// The report for a person: the verdict, a line for each string, and details of those that failed.
    package func text(_ style: TextStyle) -> String {
        var page = TextPage(style)
        page.add(
            failed == 0
                ? "OK: \(count) of \(count) connection strings authenticate"
                : "FAILED: \(failed) of \(count) connection strings",
            tone: failed == 0 ? .good : .bad)
        for (number, report) in reports.enumerated() {
            let mark = page.mark(
                report.failure == nil ? .ok : .failed, isDoubtful: report.failure == nil && !report.allWarnings.isEmpty)
            page.add(report.uri ?? "connection string \(number + 1)", lead: "\(mark.text) ", tone: mark.tone)
            guard let failure = report.failure else { continue }
            page.add("\(failure.class.rawValue): \(report.cause)", indent: 4)
            for step in failure.diagnosis?.steps ?? [] {
                page.add(step.text + (step.command == nil ? "" : ":"), indent: 4)
                if let command = step.command { page.addCommand(command, indent: 8) }
            }
        }
        return page.text
    }

    /// The line of a Nagios plugin.
    package var nagios: String {
        let verdict = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][Int(nagiosStatus)]
        let first =
            reports.first { $0.failure != nil }?.cause ?? reports.first { !$0.allWarnings.isEmpty }?.allWarnings.first
        let text = Printable.line(
            "AUTHCHECK \(verdict) - \(failed) of \(count) connection strings failed" + (first.map { ": \($0)" } ?? ""))
        let bytes = text.utf8.map { $0 == UInt8(ascii: "|") ? UInt8(ascii: "/") : $0 }
        return String(decoding: bytes, as: UTF8.self) + " | failed=\(failed);;;0;\(count)"
    }

    /// The exit status of a Nagios plugin: the worst of all.
    package var nagiosStatus: Int32 {
        let all = Set(reports.map(\.nagiosStatus))
        return [2, 3, 1].first { all.contains($0) } ?? 0
    }

    /// Metrics in the text format of Prometheus.
    package var prometheus: String { PrometheusText(reports.map { ($0.uri ?? "", $0) }).text }
}
