import ArgumentParser
import AuthCheckKit

struct KeytabCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keytab",
        abstract: "Checks a server's keytab, on the server: who may read it, and whether current tickets match it.",
        discussion: """
            A ticket for the service is requested with the tickets of the user who runs this, or else with the keytab's own key, \
            and accepted with the keytab, all on this machine. Nothing is written.
            """)

    @Argument(help: ArgumentHelp("The keytab, for example /etc/mongod.keytab.", valueName: "path"))
    var path: String

    @Option(
        help: ArgumentHelp("The principal's first part. Default: that of --mongod-conf, or mongodb.", valueName: "name")
    )
    var service: String?

    @Option(
        help: ArgumentHelp(
            "The server's host, as it is in the principal. Default: that of --mongod-conf, or this machine's canonical name.",
            valueName: "name"))
    var host: String?

    @Option(
        help: ArgumentHelp(
            "The server's configuration file, from which saslHostName and saslServiceName are read.", valueName: "file")
    )
    var mongodConf: String?

    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("How long all of it may take: 500ms, 10s, 2m.", valueName: "duration"))
    var timeout = TimeLimit(.seconds(10))

    @Flag(help: "Exits with status 3 if there are warnings and no error.")
    var failOnWarning = false

    func validate() throws {
        try output.refuseMonitoring()
        guard !path.isEmpty else { throw ValidationError("The keytab's path is empty.") }
        for (option, value) in [("--service", service), ("--host", host), ("--mongod-conf", mongodConf)] {
            guard value != "" else { throw ValidationError("The value of \(option) is empty.") }
        }
    }

    func run() async throws {
        let deadline = ContinuousClock.now + timeout.duration
        let path = path
        LastResort.watch(deadline, output) {
            let report = KeytabReport.timedOut(path: path)
            return .init(report: report, summary: report.summary, exitStatus: report.exitStatus)
        }
        try ProcessLimits.check(hosts: 1)
        var check = KeytabCheck(path: path)
        check.service = service
        check.host = host
        check.configuration = mongodConf
        check.failsOnWarning = failOnWarning
        let report = await check.run(by: deadline)
        try output.print(report)
        guard report.exitStatus == 0 else { throw ExitCode(report.exitStatus) }
    }
}
