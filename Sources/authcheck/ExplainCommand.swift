import ArgumentParser
import AuthCheckKit
import SaslConnectionString

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Shows what a driver would do with a connection string, without connecting.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { try output.refuseMonitoring() }

    func run() throws {
        LastResort.watch(.now + .seconds(10), output)
        let text = try target.text()
        let string: MongoConnectionString
        do {
            string = try MongoConnectionString(parsing: text)
        } catch {
            let report = ExplainRefusal(error, in: text, given: target.argument)
            try output.print(report)
            throw ExitCode(report.exitStatus)
        }
        var report = ExplainReport(string)
        report.warnings += target.warnings.map(\.message)
        try output.print(report)
    }
}
