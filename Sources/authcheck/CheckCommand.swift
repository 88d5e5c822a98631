import ArgumentParser
import AuthCheckKit
import Logging
import MongoAuth
import MongoConnect
import NIOCore
import NIOPosix
import SaslConnectionString

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Connects to every host of a connection string, authenticates, and asks who we are. The default.")

    @OptionGroup var targets: CheckTargets
    @OptionGroup var credentials: CredentialOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var warnings: WarningOptions

    @Option(
        help: ArgumentHelp(
            "How long the check of one connection string may take: 500ms, 10s, 2m.", valueName: "duration"))
    var timeout = TimeLimit(.seconds(10))

    @Flag(help: "Tells all phases of all hosts, and what Kerberos has on this machine.")
    var details = false

    @Flag(
        name: .customLong("no-probes"),
        help: "Does not find out causes by trying: each KDC by itself, TLS on a port that hung up, names in the DNS.")
    var leavesOutProbes = false

    @Flag(name: .shortAndLong, help: "Prints nothing of a check that succeeds.")
    var quiet = false

    @Option(
        help: ArgumentHelp(
            "Checks again and again, with so much time between, until it is interrupted.", valueName: "duration"))
    var watch: TimeLimit?

    @Flag(name: .shortAndLong, help: "Says on standard error what happens: each phase, and the library's log.")
    var verbose = false

    @Option(
        help: ArgumentHelp(
            "Appends what the Kerberos library does to a file; `-` is standard error.",
            discussion: "Keys appear as type and fingerprint, passwords not at all.", valueName: "file"))
    var trace: String?

    func validate() throws {
        let inputs = [targets.uris.contains("-"), targets.uriFile == "-", credentials.passwordFile == "-"]
        guard inputs.count(where: { $0 }) <= 1, targets.uris.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("Standard input holds the connection string or the password, not both.")
        }
        if let trace { try KerberosTrace.begin(trace) }
    }

    func run() async throws {
        // Whoever types a password takes the time for it; a file must not.
        if !credentials.askPassword { LastResort.watch(.now + timeout.duration, output) }
        let texts = try targets.texts()
        guard texts.count == 1 || !credentials.readsInput else {
            throw ValidationError("With several connection strings a password comes from a file.")
        }
        let logger = verbose ? Logger(label: "authcheck") { _ in DiagnosticsLog() } : nil
        // By need, not by the machine's size.
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup(numberOfThreads: 2), logger: logger)
        let rounds: @Sendable () async throws -> Int32 = {
            while true {
                let status = try await round(texts, connector)
                guard let watch, !Task.isCancelled else { return status }
                LastResort.rest()
                guard (try? await Task.sleep(for: watch.duration)) != nil else { return status }
            }
        }
        // Whoever is asked for a password can end that by a signal, which puts the terminal right.
        let status =
            credentials.askPassword
            ? (result: try await rounds(), wasInterrupted: false) : try await Interrupt.during(rounds)
        let code = status.wasInterrupted ? CheckReport.interrupted : status.result
        guard code == 0 else { throw ExitCode(code) }
    }

    /// Checks every string once, and reports.
    private func round(_ texts: [String], _ connector: MongoConnector) async throws -> Int32 {
        let progress = verbose ? nil : LiveProgress()
        let run: @Sendable () async throws -> [CheckReport] = {
            try await checkAll(texts, connector) { line in
                if verbose { Diagnostics.print(line) } else { progress?.note(line) }
            }
        }
        let outcome: Swift.Result<[CheckReport], any Error> =
            if let progress { await progress.during { await result(run) } } else { await result(run) }
        var reports = try outcome.get()
        if Task.isCancelled { for index in reports.indices { reports[index].interrupt() } }
        if texts.count == 1, let report = reports.first {
            return try finish(report, isWell: report.exitStatus == 0, doubts: report.hasWarnings)
        }
        if output.format == .jsonl {
            let batch = BatchReport(reports)
            let status = status(batch.exitStatus, batch.nagiosStatus, doubts: reports.contains(where: \.hasWarnings))
            if !(quiet && status == 0) {
                try output.write(reports.map { try $0.jsonLine() }.joined(separator: "\n"))
            }
            return status
        }
        var batch = BatchReport(reports)
        if Task.isCancelled { batch.exitStatus = CheckReport.interrupted }
        return try finish(batch, isWell: batch.exitStatus == 0, doubts: reports.contains(where: \.hasWarnings))
    }

    private func result(
        _ body: @Sendable () async throws -> [CheckReport]
    ) async -> Swift.Result<[CheckReport], any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    private func finish(_ report: some MonitoredReport & ReportWithStatus, isWell: Bool, doubts: Bool) throws -> Int32 {
        let status = status(report.exitStatus, report.nagiosStatus, doubts: doubts)
        if !(quiet && isWell && status == 0) { try output.print(report, hasDetails: details) }
        return status
    }

    private func status(_ exitStatus: Int32, _ nagiosStatus: Int32, doubts: Bool) -> Int32 {
        if output.format == .nagios { return nagiosStatus }
        return exitStatus == 0 && doubts && warnings.failOnWarning ? 3 : exitStatus
    }

    /// Checks so many strings at a time. The reports come in the order of the strings.
    private func checkAll(
        _ texts: [String], _ connector: MongoConnector, _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> [CheckReport] {
        let width = max(1, targets.concurrency)
        let runner = CheckRunner(
            connector: connector, environment: ProcessInfo.processInfo.environment, thresholds: warnings.thresholds,
            probes: !leavesOutProbes, progress: progress)
        if texts.count > 1 {
            let rounds = (texts.count + width - 1) / width
            LastResort.watch(.now + timeout.duration * rounds, output, hosts: texts.count)
        }
        return try await withThrowingTaskGroup(of: (Int, CheckReport).self) { group in
            var reports: [Int: CheckReport] = [:]
            for (index, text) in texts.enumerated() {
                if index >= width, let (done, report) = try await group.next() { reports[done] = report }
                group.addTask { (index, try await check(text, runner, isAlone: texts.count == 1)) }
            }
            for try await (index, report) in group { reports[index] = report }
            return texts.indices.compactMap { reports[$0] }
        }
    }

    private func check(_ text: String, _ runner: CheckRunner, isAlone: Bool) async throws -> CheckReport {
        let string: MongoConnectionString
        let credential: MongoCredential?
        do {
            (string, credential) = try credentials.apply(to: text)
        } catch let error as ConnectionStringError {
            return CheckReport(error, given: text)
        }
        // Not before the user has typed a password.
        let deadline = ContinuousClock.now + timeout.duration
        if isAlone {
            LastResort.watch(deadline, output, hosts: string.hosts.count)
            try ProcessLimits.check(hosts: string.hosts.count)
        }
        var report = await runner.run(string, as: credential, by: deadline)
        for warning in targets.warnings(about: text) { report.warn(warning) }
        return report
    }
}

/// A report that decides the exit status.
protocol ReportWithStatus {
    var exitStatus: Int32 { get }
}

extension CheckReport: ReportWithStatus {}
extension BatchReport: ReportWithStatus {}

/// When a success is doubtful.
struct WarningOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Warns of a ticket that ends within this time.", valueName: "duration"))
    var warnTicket = TimeLimit(.seconds(600))

    @Option(
        help: ArgumentHelp("Warns of a server's certificate that ends within this time: 14d.", valueName: "duration"))
    var warnCertificate = TimeLimit(.seconds(14 * 86_400))

    @Option(help: ArgumentHelp("Warns of a server's clock that differs by more than this.", valueName: "duration"))
    var warnClock = TimeLimit(.seconds(300))

    @Flag(help: "Ends with status 3 where a check succeeds with warnings.")
    var failOnWarning = false

    var thresholds: Thresholds {
        var thresholds = Thresholds()
        thresholds.ticket = warnTicket.duration
        thresholds.certificate = warnCertificate.duration
        thresholds.clock = warnClock.duration
        return thresholds
    }
}
