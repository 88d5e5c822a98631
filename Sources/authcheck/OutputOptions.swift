import ArgumentParser
import AuthCheckKit

/// How a report is printed.
struct OutputOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
    }

    @Option(help: "The report's form: text for people, json for programs.")
    var format = Format.text

    /// Prints a report on standard output.
    func print(_ report: some Report) throws {
        switch format {
        case .text: Swift.print(report)
        case .json: Swift.print(try report.json())
        }
    }
}
