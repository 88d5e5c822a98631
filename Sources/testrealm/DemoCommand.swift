import ArgumentParser
import KerberosTestKit
import Subprocess
import SystemPackage

/// Shows an authentication where there is neither a realm nor a server: it brings both.
struct DemoCommand: AsyncParsableCommand {
    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Starts a realm and a server that demands it, checks the server with authcheck, and stops both.",
        discussion: """
            Needs the programs authcheck and mongo-test-server beside this one; no network, and no root. The exit status \
            is authcheck's; 125 where the realm or the server did not start.
            """)

    @Option(help: "The report's form: text for people, json for programs.")
    var format = Format.text

    func run() async throws {
        let program = try Programs.beside("authcheck")
        let options = try RealmOptions.parse(["--server"])
        TestRealm.say("starting a private Kerberos realm ...")
        let status = try await PreparedRealm.with(options, roles: "readWrite@demo") { realm in
            let (user, uri) = (realm.description.users.first?.principal ?? "", realm.description.server ?? "")
            let address = uri.unicodeScalars.split(separator: "@").last.map { String($0.prefix { $0 != "/" }) } ?? ""
            TestRealm.say(
                "realm \(options.realm): user \(user), service mongodb/localhost@\(options.realm)\n"
                    + "server on \(address) that demands GSSAPI; now: authcheck '\(uri)'\n")
            // A child: the library reads its configuration from the environment of the process, which must not change
            // under a running one.
            let check = try await Subprocess.run(
                .path(program), arguments: ["check", uri, "--format", format.rawValue],
                environment: realm.description.environment.forChild, input: .none,
                output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
            return check.terminationStatus.exitStatus
        }
        throw ExitCode(status)
    }
}
