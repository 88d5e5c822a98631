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
    var text: String { uri == "-" ? readLine() ?? "" : uri }

    func connectionString() throws(ConnectionStringError) -> MongoConnectionString {
        try MongoConnectionString(parsing: text)
    }
}
