import ArgumentParser
import AuthCheckKit
import Logging
import MongoAuth
import MongoConnect
import NIOCore
import NIOPosix
import SaslConnectionString

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Connects to every host of a connection string, authenticates, and asks who we are. The default.")

    @OptionGroup var target: TargetOptions
    @OptionGroup var credentials: CredentialOptions
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
        guard target.uri != "-" || credentials.passwordFile != "-" else {
            throw ValidationError("Standard input holds the connection string or the password, not both.")
        }
        if let trace { try KerberosTrace.begin(trace) }
    }

    func run() async throws {
        let report = try await check()
        try output.print(report)
        guard report.exitStatus == 0 else { throw ExitCode(report.exitStatus) }
    }

    private func check() async throws -> CheckReport {
        let string: MongoConnectionString
        let credential: MongoCredential?
        // Whoever types a password takes the time for it; a file must not.
        if !credentials.askPassword { LastResort.watch(.now + timeout.duration, output.format) }
        do {
            (string, credential) = try credentials.apply(to: target.text())
        } catch let error as ConnectionStringError {
            return CheckReport(error)
        }
        // Not before the user has typed a password.
        let deadline = ContinuousClock.now + timeout.duration
        LastResort.watch(deadline, output.format, hosts: string.hosts.count)
        try ProcessLimits.check(hosts: string.hosts.count)
        let logger = verbose ? Logger(label: "authcheck") { _ in DiagnosticsLog() } : nil
        // By need, not by the machine's size.
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup(numberOfThreads: 2), logger: logger)
        let isVerbose = verbose
        let runner = CheckRunner(connector: connector) { line in
            if isVerbose { Diagnostics.print(line) }
        }
        var report = await runner.run(string, as: credential, by: deadline)
        report.warnings += target.warnings
        return report
    }
}
