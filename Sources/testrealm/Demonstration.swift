import ArgumentParser
import Glibc
import KerberosTestKit
import ShellWords
import Subprocess
import SystemPackage

/// Shows one case in a realm that nothing else uses.
struct Demonstration: Sendable {
    /// The results of authcheck.
    struct Outcome: Sendable {
        /// The exit status in the broken realm.
        var broken: Int32
        /// The exit status after the fix.
        var fixed: Int32

        /// Whether authcheck named the failure, and the fix worked.
        func isAsAnnounced(_ breakCase: BreakCase) -> Bool {
            broken == breakCase.verdict.status && fixed == 0
        }
    }

    let breakCase: BreakCase
    let realm: PreparedRealm
    let format: DemoCommand.Format

    /// Starts a realm, and shows the case in it.
    static func run(_ breakCase: BreakCase, _ format: DemoCommand.Format) async throws -> Outcome {
        // Before anything is printed or started.
        _ = try breakCase.tool()
        _ = try Programs.beside("authcheck")
        let options = try RealmOptions.parse(["--user", "ann:secret", "--user", "bob:secret"])
        return try await PreparedRealm.with(options) { realm in
            try await Demonstration(breakCase: breakCase, realm: realm, format: format).run()
        }
    }

    private func run() async throws -> Outcome {
        guard let kdc = await realm.kerberos.processIdentifier else {
            throw KerberosTestKitError(.kdcFailed, "the KDC is not a process on this machine")
        }
        let breakage = Breakage(breakCase, folder: realm.description.folder, kdc: kdc)
        say("=== \(breakCase.rawValue): \(breakCase.summary)")
        try await take(breakage.broken, as: "broken by")
        var outcome = try await serving(breakage.broken.server) { port in
            let status = try await show(breakage.broken, port)
            return Outcome(
                broken: status, fixed: breakage.fixed.server == nil ? try await confirm(breakage.fixed, port) : -1)
        }
        if let server = breakage.fixed.server {
            outcome.fixed = try await serving(server) { port in try await confirm(breakage.fixed, port) }
        }
        return outcome
    }

    private func say(_ text: String) {
        format.say(text)
    }

    /// A keytab that does not exist would only lengthen the reports; the realm's configuration names one, too.
    private var environment: Environment {
        realm.description.environment.forChild.updating(["KRB5_CLIENT_KTNAME": nil])
    }

    // MARK: Steps

    private func take(_ attempt: Breakage.Attempt, as words: String) async throws {
        if attempt.steps.isEmpty {
            say("\(words): \(attempt.remark ?? "nothing")")
        } else {
            say("\(words):")
            for step in attempt.steps { say("    \(step.shown(in: realm.description.realm))") }
            if let remark = attempt.remark { say("(\(remark))") }
        }
        for step in attempt.steps {
            switch step {
            case .shell(let command): try await run(command)
            case .startKDC: try await realm.kerberos.restartKDC()
            }
        }
    }

    private func run(_ command: String) async throws {
        // Administrators' programs are not in an ordinary user's PATH on Debian.
        let path = (getenv("PATH").map { String(cString: $0) + ":" } ?? "") + "/usr/sbin:/usr/bin:/sbin:/bin"
        let result = try await Subprocess.run(
            .path("/bin/sh"), arguments: ["-c", command], environment: environment.updating(["PATH": path]),
            input: .none, output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        try Task.checkCancellation()
        guard result.terminationStatus.isSuccess else {
            throw KerberosTestKitError(
                .toolFailed, "the command failed: \(command)", standardError: result.standardError)
        }
    }

    // MARK: Server

    private func serving<Result: Sendable>(
        _ server: Breakage.Server?, _ body: @escaping @Sendable (Int) async throws -> Result
    ) async throws -> Result {
        let server = server ?? Breakage.Server()
        return try await TestServer.with(
            realm, roles: DemoCommand.roles, users: server.users.map { "\($0)@\(realm.description.realm)" },
            options: server.options, body)
    }

    // MARK: Checks

    private func uri(_ attempt: Breakage.Attempt, _ port: Int) -> String {
        TestServer.uri("\(attempt.user)@\(realm.description.realm)", host: attempt.host, port: port)
            + attempt.uriOptions
    }

    private func sayCommand(_ attempt: Breakage.Attempt, _ port: Int, end: String = "") {
        let words = attempt.wrapper + ["authcheck", ShellWord.inApostrophes(uri(attempt, port))] + attempt.options
        say("now: \(words.joined(separator: " "))\(end)")
    }

    /// Runs authcheck in the broken realm and shows its report as it is.
    private func show(_ attempt: Breakage.Attempt, _ port: Int) async throws -> Int32 {
        sayCommand(attempt, port, end: "\n")
        let status = try await Subprocess.run(
            try check(attempt, port), input: .none,
            output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ).terminationStatus.exitStatus
        try Task.checkCancellation()
        let verdict = breakCase.verdict
        say(
            status == verdict.status
                ? "\nas expected: \(verdict.name), exit status \(status)"
                : "\nNOT as expected: exit status \(status), which should be \(verdict.status), \(verdict.name)")
        return status
    }

    /// Applies the fix, runs authcheck again and shows the first line of its report, or all where it failed.
    private func confirm(_ attempt: Breakage.Attempt, _ port: Int) async throws -> Int32 {
        try await take(attempt, as: "fixed by")
        if attempt.steps.isEmpty { sayCommand(attempt, port) }
        let result = try await Subprocess.run(
            try check(attempt, port), input: .none, output: .string(limit: 1 << 24),
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
        try Task.checkCancellation()
        let status = result.terminationStatus.exitStatus
        let report = result.standardOutput
        if format == .json {
            TestRealm.writeAll(report, to: 1)
            say("fixed: \(status == 0 ? "OK" : "NOT, exit status \(status)")")
        } else if status == 0 {
            say("fixed: \(String(report.unicodeScalars.prefix { $0 != "\n" }))")
        } else {
            say("NOT fixed:\n\(report)")
        }
        return status
    }

    /// A child: the library reads its configuration from the environment of the process, which must not change in
    /// a running one.
    private func check(_ attempt: Breakage.Attempt, _ port: Int) throws -> Configuration {
        let program = try Programs.beside("authcheck").string
        // With several reports on one output, each must be a line.
        var words = attempt.wrapper + [program, uri(attempt, port)] + attempt.options
        words += ["--format", format == .json ? "jsonl" : "text"]
        // The wrapper's own program was checked already.
        if !attempt.wrapper.isEmpty, let tool = try breakCase.tool() { words[0] = tool }
        return Configuration(
            executable: .path(FilePath(words[0])), arguments: Arguments(Array(words.dropFirst())),
            environment: environment, platformOptions: .withTimeToEnd)
    }
}
