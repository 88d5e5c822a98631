import ArgumentParser
import Glibc
import KerberosTestKit

/// The command line.
@main
struct TestRealm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testrealm",
        abstract: "A private MIT Kerberos realm for tests in any language: no root, nothing outside one folder.",
        discussion: """
            Needs the MIT KDC (Debian: krb5-kdc krb5-admin-server krb5-user). The realm is gone when this program is, \
            even by SIGKILL.
            """,
        subcommands: [RunCommand.self, UpCommand.self, DemoCommand.self])

    /// The exit status for this program's own failures, as in `timeout` and `env`, to distinguish it from the
    /// command's.
    static let ownFailure: Int32 = 125

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as KerberosTestKitError {
            complain("\(error)")
            exit(withError: ExitCode(error.code == .invalidArgument ? EX_USAGE : ownFailure))
        } catch {
            exit(withError: error)
        }
    }

    /// One line on standard error.
    static func complain(_ text: String) {
        say("testrealm: \(text)")
    }

    /// A text and the end of a line, on standard error.
    static func say(_ text: String) {
        writeAll(text + "\n", to: 2)
    }

    /// Writes all of a text, or stops once the reader has gone.
    static func writeAll(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
