import ArgumentParser
import AuthCheckKit

/// How a report is printed.
struct OutputOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json

        func text(of report: some Report) throws -> String {
            switch self {
            case .text: "\(report)"
            case .json: try report.json()
            }
        }
    }

    @Option(help: "The report's form: text for people, json for programs.")
    var format = Format.text

    /// Prints a report on standard output.
    func print(_ report: some Report) throws {
        try StandardStreams.print(format.text(of: report))
    }
}
