import ArgumentParser
import AuthCheckKit

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How a report is printed.
struct OutputOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
        case jsonl
        case nagios
        case prometheus
    }

    enum Color: String, CaseIterable, ExpressibleByArgument {
        case auto
        case always
        case never
    }

    @Option(
        help: ArgumentHelp(
            "The report's format: text for people, json and jsonl for programs, nagios for a monitoring plugin (with its exit "
                + "statuses 0 to 3), prometheus for a textfile collector."))
    var format = Format.text

    @Option(
        help: ArgumentHelp(
            "Writes the report to a file, which is replaced as a whole, instead of standard output.",
            valueName: "file"))
    var output: String?

    @Option(help: "Whether the text has colours; auto depends on the terminal, NO_COLOR and CLICOLOR_FORCE.")
    var color = Color.auto

    /// The text's style, for its terminal.
    func style(hasDetails: Bool = false) -> TextStyle {
        let environment = ProcessInfo.processInfo.environment
        func isSet(_ name: String) -> Bool { environment[name]?.isEmpty == false }
        let isDumb = environment["TERM"] == "dumb"
        let isTerminal = output == nil && isatty(STDOUT_FILENO) == 1
        let isColored =
            switch color {
            case .always: true
            case .never: false
            case .auto:
                !isSet("NO_COLOR")
                    && (isSet("CLICOLOR_FORCE") && environment["CLICOLOR_FORCE"] != "0" || isTerminal && !isDumb)
            }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? "C"
        let isUTF8 = ["utf-8", "utf8"].contains { locale.lowercased().hasSuffix($0) }
        let columns = environment["COLUMNS"].flatMap { Int($0) } ?? (isTerminal ? Self.terminalWidth : nil)
        return TextStyle(
            width: columns.map { max(40, $0) }, isASCII: !isUTF8 || isDumb, isColored: isColored, hasDetails: hasDetails
        )
    }

    private static var terminalWidth: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// The text of a report, in the requested format.
    func text(of report: some Report, hasDetails: Bool = false) throws -> String {
        switch format {
        case .text: report.text(style(hasDetails: hasDetails))
        case .json: try report.json()
        case .jsonl: try report.jsonLine()
        case .nagios, .prometheus:
            // Others are refused before they begin.
            (report as? any MonitoredReport).map { format == .nagios ? $0.nagios : $0.prometheus } ?? ""
        }
    }

    /// Prints a report.
    func print(_ report: some Report, hasDetails: Bool = false) throws {
        try write(text(of: report, hasDetails: hasDetails))
    }

    /// Writes a text to the output of reports.
    func write(_ text: String) throws {
        LastResort.beginPrinting()
        do {
            guard let output else { return try StandardStreams.print(text) }
            do {
                try OutputFile.write("\(text)\n", to: output)
            } catch {
                Diagnostics.print("the report could not be written to \(output): \(error)")
                throw ExitCode(74)
            }
        } catch let code as ExitCode where format == .nagios && code.rawValue == 74 {
            throw ExitCode(Self.unknown)
        }
    }

    /// Writes a text at the very end, when something else is blocked. An error is not reported.
    func writeLast(_ text: String) {
        if let output {
            try? OutputFile.write("\(text)\n", to: output)
        } else if StandardStreams.isWritable(STDOUT_FILENO, within: 0) {
            StandardStreams.write(text + "\n", to: STDOUT_FILENO)
        }
    }

    /// The exit status of a report. A monitoring plugin has its own.
    func status(_ exitStatus: Int32, of report: some Report) -> Int32 {
        guard format == .nagios else { return exitStatus }
        return (report as? any MonitoredReport)?.nagiosStatus ?? Self.unknown
    }

    /// UNKNOWN, of a monitoring plugin.
    private static let unknown: Int32 = 3

    /// Only `check` has the formats of monitoring.
    func refuseMonitoring() throws {
        guard ![.nagios, .prometheus].contains(format) else {
            throw ValidationError("The format \(format.rawValue) is for `authcheck check`.")
        }
    }
}
