import ArgumentParser
import AuthCheckKit
import Logging
import MongoConnect
import MongoConnectionString
import NIOCore
import NIOPosix

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Connects to every host of a connection string, authenticates, and asks who we are. The default.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("How long all of it may take: 500ms, 10s, 2m.", valueName: "duration"))
    var timeout = TimeLimit(.seconds(10))

    @Flag(name: .shortAndLong, help: "Says on standard error what happens: each phase, and the library's log.")
    var verbose = false

    @Option(
        help: ArgumentHelp(
            "Appends what the Kerberos library does to a file; `-` is standard error.",
            discussion: "Keys appear as type and fingerprint, passwords not at all.", valueName: "file"))
    var trace: String?

    func validate() throws {
        guard let trace else { return }
        try KerberosTrace.begin(trace)
    }

    func run() async throws {
        let deadline = ContinuousClock.now + timeout.duration
        let report = await check(by: deadline)
        try output.print(report)
        guard report.exitStatus == 0 else { throw ExitCode(report.exitStatus) }
    }

    private func check(by deadline: ContinuousClock.Instant) async -> CheckReport {
        let string: MongoConnectionString
        do {
            string = try target.connectionString()
        } catch {
            return CheckReport(error)
        }
        var logger: Logger?
        if verbose {
            logger = Logger(label: "authcheck") { StreamLogHandler.standardError(label: $0) }
            logger?.logLevel = .trace
        }
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup.singleton, logger: logger)
        let isVerbose = verbose
        let runner = CheckRunner(connector: connector) { line in
            if isVerbose { Diagnostics.print(line) }
        }
        return await runner.run(string, by: deadline)
    }
}
