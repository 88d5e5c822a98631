#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// One model for both forms: its description is the text for people, its encoding the JSON for programs.
public protocol Report: Encodable, CustomStringConvertible {}

extension CheckReport: Report {}
extension ExplainReport: Report {}

extension Report {
    /// The report as one JSON object over several lines, its keys in alphabetical order.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Printable.json(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
