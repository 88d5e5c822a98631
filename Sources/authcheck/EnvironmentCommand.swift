import ArgumentParser
import AuthCheckKit

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct EnvironmentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "environment",
        abstract: "Checks the state of Kerberos on this machine: configuration, KDCs, tickets, keys, names, clocks.",
        discussion: "It connects to no server, and asks each KDC for a ticket without any password or key.")

    @Option(help: ArgumentHelp("The realm whose KDCs are asked. Default: the principal's, or the default realm."))
    var realm: String?

    @Option(help: ArgumentHelp("The user to ask for. Default: the owner of the cache.", valueName: "user@REALM"))
    var principal: String?

    @Option(
        help: ArgumentHelp("A server's host: its realm, addresses and names. Repeatable.", valueName: "name"))
    var host: [String] = []

    @Option(name: .customLong("ccache"), help: ArgumentHelp("The Kerberos credential cache.", valueName: "name"))
    var cache: String?

    @Option(help: ArgumentHelp("The keytab to get tickets with.", valueName: "file"))
    var keytab: String?

    @OptionGroup var output: OutputOptions

    @Option(
        help: ArgumentHelp(
            "How long all of it may take: 500ms, 10s, 2m. A silent KDC is waited for half as long.",
            valueName: "duration"))
    var timeout = TimeLimit(.seconds(10))

    @Flag(name: .shortAndLong, help: "Reports progress on standard error.")
    var verbose = false

    func validate() throws {
        try output.refuseMonitoring()
        guard host.count <= EnvironmentRunner.mostHosts else {
            throw ValidationError("At most \(EnvironmentRunner.mostHosts) hosts can be named.")
        }
        for text in [realm, principal, cache, keytab].compactMap(\.self) + host
        where text.utf8.contains(0) || text.isEmpty {
            throw ValidationError("An argument is empty.")
        }
    }

    func run() async throws {
        let deadline = ContinuousClock.now + timeout.duration
        LastResort.watch(deadline, output, hosts: host.count) {
            let report = EnvironmentReport.timedOut()
            return .init(report: report, summary: report.summary, exitStatus: report.exitStatus)
        }
        // Each KDC has up to eight sockets.
        try ProcessLimits.check(hosts: 48)
        let request = EnvironmentRequest(
            realm: realm, principal: principal, hosts: host, cache: cache, keytab: keytab,
            variables: ProcessInfo.processInfo.environment)
        let isVerbose = verbose
        let runner = EnvironmentRunner { line in
            if isVerbose { Diagnostics.print(line) }
        }
        let report = await runner.run(request, by: deadline)
        try output.print(report)
        guard report.exitStatus == 0 else { throw ExitCode(report.exitStatus) }
    }
}
