import ArgumentParser
import SaslConnectionString

/// The connection string that a command is about.
struct TargetOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The connection string; `-` reads it from standard input, where other users do not see a password.",
            discussion: "For example mongodb://ann%40EXAMPLE.COM@db.example.com/?authMechanism=GSSAPI",
            valueName: "uri"))
    var uri: String

    /// The string as it was given.
    func text() throws -> String {
        uri == "-" ? try LineFile.firstLine(of: "-", limit: 1 << 20, "The connection string") : uri
    }

    /// What is to be said of a password in the arguments.
    var warnings: [String] {
        guard uri != "-", let string = try? MongoConnectionString(parsing: uri) else { return [] }
        let options = string.options
        let secrets = [
            string.credential?.password, options.tlsCertificateKeyFilePassword, options.proxyPassword,
        ]
        guard secrets.contains(where: { $0 != nil }) else { return [] }
        return [
            "the arguments hold a password, which every user of this machine can see while the program runs: give the "
                + "connection string on standard input (-), or the password with --password-file"
        ]
    }
}
