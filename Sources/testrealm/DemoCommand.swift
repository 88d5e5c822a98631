import ArgumentParser
import Glibc
import KerberosTestKit
import Subprocess
import SystemPackage

/// Shows an authentication without an existing realm or server: it starts both.
struct DemoCommand: AsyncParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json

        /// Prints the text around authcheck's reports: with them if they are text, separately if they are JSON.
        func say(_ words: String) {
            TestRealm.writeAll(words + "\n", to: self == .text ? 1 : 2)
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Starts a realm and a server that demands it, checks the server with authcheck, and stops both.",
        discussion: """
            Needs the programs authcheck and mongo-test-server next to this one; no network, and no root. The exit status \
            is authcheck's; 125 if the realm or the server did not start.

            With --break the realm is broken first, and repaired afterwards. Then the exit status is 0 if authcheck \
            reported what was expected, both times; 1 if it did not; 125 if a case could not be shown. With json there are \
            two reports for each case, one per line, and all else goes to standard error.
            """)

    /// The roles of every user at the server.
    static let roles = "readWrite@demo"

    @Option(help: "The report's format: text for people, json for programs.")
    var format = Format.text

    @Option(
        name: .customLong("break"),
        help: ArgumentHelp(
            "What to break: the name of a common failure, all of them, or list, which lists them.", valueName: "case"),
        completion: .list(BreakCase.allCases.map(\.rawValue) + ["all", "list"]))
    var breakage: String?

    func validate() throws {
        if let breakage, !["all", "list"].contains(breakage), BreakCase(rawValue: breakage) == nil {
            throw ValidationError("--break knows no such case. It knows:\n\(BreakCase.list)\n")
        }
    }

    func run() async throws {
        if breakage == "list" { return TestRealm.writeAll(BreakCase.list + "\n", to: 1) }
        // A signal ends the current step, and everything is stopped cleanly.
        let status = try await Signals([SIGHUP, SIGINT, SIGTERM]).preparing { _ in
            switch breakage {
            case nil: try await check()
            case "all": try await Tour(format: format).run()
            case let name?: try await one(BreakCase(rawValue: name))
            }
        }
        throw ExitCode(status)
    }

    /// A working realm.
    private func check() async throws -> Int32 {
        let program = try Programs.beside("authcheck")
        let options = try RealmOptions.parse(["--server"])
        TestRealm.say("starting a private Kerberos realm ...")
        return try await PreparedRealm.with(options, roles: Self.roles) { realm in
            let (user, uri) = (realm.description.users.first?.principal ?? "", realm.description.server ?? "")
            let address = uri.unicodeScalars.split(separator: "@").last.map { String($0.prefix { $0 != "/" }) } ?? ""
            TestRealm.say(
                "realm \(options.realm): user \(user), service mongodb/localhost@\(options.realm)\n"
                    + "server on \(address) that demands GSSAPI; now: authcheck '\(uri)'\n")
            // A child: the library reads its configuration from the environment of the process, which must not
            // change in a running one.
            let check = try await Subprocess.run(
                .path(program), arguments: ["check", uri, "--format", format.rawValue],
                environment: realm.description.environment.forChild, platformOptions: .withTimeToEnd, input: .none,
                output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
            return check.terminationStatus.exitStatus
        }
    }

    private func one(_ breakCase: BreakCase?) async throws -> Int32 {
        guard let breakCase else { return TestRealm.ownFailure }
        return try await Demonstration.run(breakCase, format).isAsAnnounced(breakCase) ? 0 : 1
    }
}
