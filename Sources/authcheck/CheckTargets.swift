import ArgumentParser
import AuthCheckKit
import SaslConnectionString

/// The connection strings that are checked.
struct CheckTargets: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The connection string, or several; `-` reads it from standard input, where other users do not see a password.",
            discussion: "For example mongodb://ann%40EXAMPLE.COM@db.example.com/?authMechanism=GSSAPI",
            valueName: "uri"))
    var uris: [String] = []

    @Option(
        help: ArgumentHelp(
            "A file with one connection string per line; empty lines and those that begin with # are ignored. `-` is standard input.",
            valueName: "file"))
    var uriFile: String?

    @Option(help: ArgumentHelp("How many connection strings are checked at a time.", valueName: "number"))
    var concurrency = 16

    /// How many strings are allowed, and their total length.
    private static let (maximumCount, maximumLength) = (10_000, 16 << 20)

    func validate() throws {
        guard !uris.isEmpty || uriFile != nil else { throw ValidationError("Missing expected argument '<uri> ...'") }
        guard (1...256).contains(concurrency) else { throw ValidationError("--concurrency must be from 1 to 256.") }
    }

    /// The strings as given.
    func texts() throws -> [String] {
        var texts = try uris.map { uri in
            uri == "-" ? try LineFile.firstLine(of: "-", limit: 1 << 20, "The connection string") : uri
        }
        if let uriFile {
            let lines = try LineFile.lines(of: uriFile, limit: Self.maximumLength, "The file of connection strings")
            // Some editors put a byte order mark first.
            texts += lines.enumerated()
                .map { $0 == 0 && $1.unicodeScalars.first == "\u{FEFF}" ? String($1.unicodeScalars.dropFirst()) : $1 }
                .filter { !$0.isEmpty && $0.utf8.first != UInt8(ascii: "#") }
        }
        guard !texts.isEmpty else { throw ValidationError("The file of connection strings holds none.") }
        guard texts.count <= Self.maximumCount else {
            throw ValidationError(
                "At most \(Self.maximumCount) connection strings are allowed; there are \(texts.count).")
        }
        return texts
    }

    /// An estimate of a string's number of hosts, for the time that their reports take.
    static func hostCount(_ text: String) -> Int {
        let bytes = text.utf8
        if bytes.starts(with: "mongodb+srv:".utf8) { return 64 }
        return 1 + bytes.count { $0 == UInt8(ascii: ",") }
    }

    /// The warning about a password in the arguments.
    func warnings(about text: String) -> [CheckWarning] {
        uris.contains { $0 != "-" && $0.utf8.elementsEqual(text.utf8) } ? ArgumentWarnings.about(text) : []
    }
}

/// The warning about a connection string among the arguments.
enum ArgumentWarnings {
    static func about(_ text: String) -> [CheckWarning] {
        guard let string = try? MongoConnectionString(parsing: text) else { return [] }
        let options = string.options
        let secrets = [
            string.credential?.password, options.tlsCertificateKeyFilePassword, options.proxyPassword,
        ]
        guard secrets.contains(where: { $0 != nil }) else { return [] }
        return [
            .init(
                "password-in-arguments",
                "the arguments hold a password, which every user of this machine can see while the program runs: give the "
                    + "connection string on standard input (-), or the password with --password-file")
        ]
    }
}
