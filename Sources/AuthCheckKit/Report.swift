#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// One model for both formats: the text for people, and its encoding, the JSON for programs.
package protocol Report: Encodable {
    /// The text for people.
    func text(_ style: TextStyle) -> String
}

/// A report that monitoring systems read, too.
package protocol MonitoredReport: Report {
    /// The line of a Nagios plugin, with performance data.
    var nagios: String { get }
    /// The exit status of a Nagios plugin: 0 ok, 1 warning, 2 critical, 3 unknown.
    var nagiosStatus: Int32 { get }
    /// Metrics in the text format of Prometheus.
    var prometheus: String { get }
}

extension CheckReport: MonitoredReport {}
extension BatchReport: MonitoredReport {}
extension ExplainReport: Report {}

extension Report {
    /// The report as one JSON object over several lines, its keys in alphabetical order.
    package func json() throws -> String { try json([.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]) }

    /// The report as one JSON object on one line.
    package func jsonLine() throws -> String { try json([.sortedKeys, .withoutEscapingSlashes]) }

    private func json(_ formatting: JSONEncoder.OutputFormatting) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        return Printable.json(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
