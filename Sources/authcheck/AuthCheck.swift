import ArgumentParser
import MongoAuth

/// The command line.
@main
struct AuthCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "authcheck",
        abstract: "Finds out whether this machine can authenticate to a MongoDB server, and if not, what to change.",
        discussion: """
            The exit status says what went wrong: 10 dns, 11 connect, 12 tls, 13 protocol, 20 no-credentials, \
            21 kdc-unreachable, 22 credentials-rejected, 23 service-unknown, 24 clock-skew, 25 kerberos, 30 refused, \
            31 mechanism-unavailable, 32 server-not-proven, 33 security-layer, 40 deadline, 64 usage, 1 internal.
            """,
        version: ClientVersion.current,
        subcommands: [CheckCommand.self, DemoCommand.self],
        defaultSubcommand: CheckCommand.self)
}
