import ArgumentParser
import AuthCheckKit

/// The connection string that a command is about.
struct TargetOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The connection string; `-` reads it from standard input, where other users do not see a password.",
            discussion: "For example mongodb://ann%40EXAMPLE.COM@db.example.com/?authMechanism=GSSAPI",
            valueName: "uri"))
    var uri: String

    /// The string as given.
    func text() throws -> String {
        uri == "-" ? try LineFile.firstLine(of: "-", limit: 1 << 20, "The connection string") : uri
    }

    /// The string if it was among the arguments: another source may contain anything, and is not repeated.
    var argument: String { uri == "-" ? "" : uri }

    /// The warning about a password in the arguments.
    var warnings: [CheckWarning] { uri == "-" ? [] : ArgumentWarnings.about(uri) }
}
