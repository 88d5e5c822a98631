import ArgumentParser
import AuthCheckKit
import Logging
import MongoAuth
import MongoConnect
import NIOCore
import NIOPosix
import SASL
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

    @Flag(help: "Shows all phases of all hosts, and the state of Kerberos on this machine.")
    var details = false

    @Flag(
        name: .customLong("no-probes"),
        help:
            "Makes no probes to find causes: each KDC by itself, TLS on a port that closed the connection, names in the DNS."
    )
    var leavesOutProbes = false

    @Flag(name: .shortAndLong, help: "Prints nothing for a check that succeeds.")
    var quiet = false

    @Option(
        help: ArgumentHelp(
            "Repeats the check at this interval, until it is interrupted.", valueName: "duration"))
    var watch: TimeLimit?

    @Flag(name: .shortAndLong, help: "Reports progress on standard error: each phase, and the library's log.")
    var verbose = false

    @Option(
        help: ArgumentHelp(
            "Appends the Kerberos library's trace to a file; `-` is standard error.",
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
        // Typing a password does not count against the deadline; reading a file does.
        if !credentials.askPassword { LastResort.watch(.now + timeout.duration, output) }
        let texts = try targets.texts()
        guard texts.count == 1 || !credentials.readsInput else {
            throw ValidationError("With several connection strings a password comes from a file.")
        }
        // Once: its source may be readable only once.
        let password = try credentials.readPassword(for: texts)
        let logger = verbose ? Logger(label: "authcheck") { _ in DiagnosticsLog() } : nil
        // As many as needed, not by the number of processors.
        let connector = MongoConnector(group: MultiThreadedEventLoopGroup(numberOfThreads: 2), logger: logger)
        let status = try await Interrupt.during {
            let first = try await round(texts, password, connector)
            guard let watch else { return first }
            while !Task.isCancelled {
                LastResort.rest()
                guard (try? await Task.sleep(for: watch.duration)) != nil else { break }
                do {
                    _ = try await round(texts, password, connector)
                } catch is ExitCode {
                    // The report was lost, which was printed: a full disk may have room in the next round.
                }
            }
            return CheckReport.interrupted
        }
        guard status == 0 else { throw ExitCode(status) }
    }

    /// Checks every string once, and reports.
    private func round(_ texts: [String], _ password: Secret?, _ connector: MongoConnector) async throws -> Int32 {
        let progress = verbose ? nil : LiveProgress()
        let run: @Sendable () async throws -> [CheckReport] = {
            try await checkAll(texts, password, connector) { line in
                if verbose { Diagnostics.print(line) } else { progress?.note(line) }
            }
        }
        let outcome: Swift.Result<[CheckReport], any Error> =
            if let progress { await progress.during { await result(run) } } else { await result(run) }
        var reports = try outcome.get()
        // Formatting a thousand hosts takes time on a busy machine.
        LastResort.beginPrinting(grace: .seconds(5))
        if Task.isCancelled { for index in reports.indices { reports[index].interrupt() } }
        let isInterrupted = reports.contains { $0.exitStatus == CheckReport.interrupted }
        // Monitoring must not take an interrupted check for a failed one.
        if isInterrupted, [.nagios, .prometheus].contains(output.format), output.output != nil {
            return CheckReport.interrupted
        }
        let doubts = reports.contains(where: \.hasWarnings)
        if texts.count == 1, let report = reports.first {
            return try finish(report, status: report.exitStatus, doubts: doubts) {
                try output.text(of: report, hasDetails: details)
            }
        }
        var batch = BatchReport(reports)
        if isInterrupted { batch.exitStatus = CheckReport.interrupted }
        return try finish(batch, status: batch.exitStatus, doubts: doubts) {
            guard output.format == .jsonl else { return try output.text(of: batch, hasDetails: details) }
            return try reports.map { try $0.jsonLine() }.joined(separator: "\n")
        }
    }

    private func result(
        _ body: @Sendable () async throws -> [CheckReport]
    ) async -> Swift.Result<[CheckReport], any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    /// Writes a report to its output. A file always: an old report must not be taken for a new one.
    private func finish(
        _ report: some MonitoredReport, status: Int32, doubts: Bool, _ text: () throws -> String
    ) throws -> Int32 {
        let isDoubtful = status == 0 && doubts && warnings.failOnWarning
        let status = output.status(isDoubtful ? 3 : status, of: report)
        if !(quiet && output.output == nil && status == 0) { try output.write(text()) }
        return status
    }

    /// Checks several strings at a time. The reports are in the order of the strings.
    private func checkAll(
        _ texts: [String], _ password: Secret?, _ connector: MongoConnector,
        _ progress: @escaping @Sendable (String) -> Void
    ) async throws -> [CheckReport] {
        let hosts = texts.map(CheckTargets.hostCount)
        // Each string may use the descriptors that its hosts need.
        let width = try ProcessLimits.check(hosts: hosts.max() ?? 1, checks: min(targets.concurrency, texts.count))
        let runner = CheckRunner(
            connector: connector, environment: ProcessInfo.processInfo.environment, thresholds: warnings.thresholds,
            probes: !leavesOutProbes, progress: progress)
        if texts.count > 1 {
            let rounds = (texts.count + width - 1) / width
            LastResort.watch(.now + timeout.duration * rounds, output, hosts: hosts.reduce(0, +))
        }
        return try await withThrowingTaskGroup(of: (Int, CheckReport).self) { group in
            var reports: [Int: CheckReport] = [:]
            for (index, text) in texts.enumerated() {
                if index >= width, let (done, report) = try await group.next() { reports[done] = report }
                group.addTask { (index, try await check(text, password, runner, isAlone: texts.count == 1)) }
            }
            for try await (index, report) in group { reports[index] = report }
            return texts.indices.compactMap { reports[$0] }
        }
    }

    private func check(
        _ text: String, _ password: Secret?, _ runner: CheckRunner, isAlone: Bool
    ) async throws -> CheckReport {
        let string: MongoConnectionString
        let credential: MongoCredential?
        do {
            (string, credential) = try credentials.apply(to: text, password)
        } catch let error as ConnectionStringError {
            // A wrong file may have been named: its contents are not repeated.
            return CheckReport(error, given: targets.uris.contains(text) ? text : "")
        } catch let error as ValidationError where !isAlone {
            // The others are checked.
            return .usage(error.message)
        }
        let deadline = ContinuousClock.now + timeout.duration
        if isAlone { LastResort.watch(deadline, output, hosts: string.hosts.count) }
        var report = await runner.run(string, as: credential, by: deadline)
        for warning in targets.warnings(about: text) { report.warn(warning) }
        return report
    }
}

/// The thresholds of warnings about a success.
struct WarningOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Warns of a ticket that expires within this time.", valueName: "duration"))
    var warnTicket = TimeLimit(.seconds(600))

    @Option(
        help: ArgumentHelp("Warns of a server's certificate that expires within this time: 14d.", valueName: "duration")
    )
    var warnCertificate = TimeLimit(.seconds(14 * 86_400))

    @Option(help: ArgumentHelp("Warns of a server's clock that differs by more than this.", valueName: "duration"))
    var warnClock = TimeLimit(.seconds(300))

    @Flag(help: "Exits with status 3 if a check succeeds with warnings.")
    var failOnWarning = false

    var thresholds: Thresholds {
        var thresholds = Thresholds()
        thresholds.ticket = warnTicket.duration
        thresholds.certificate = warnCertificate.duration
        thresholds.clock = warnClock.duration
        return thresholds
    }
}
