/// A MongoDB connection string, parsed by the rules of the driver specifications for connection strings, URI options,
/// authentication, SRV seedlists, load balancers and SOCKS5 proxies.
///
/// ```swift
/// let string = try MongoConnectionString(parsing: "mongodb://ann%40EXAMPLE.COM@db1,db2/?authMechanism=GSSAPI")
/// string.hosts.map(\.name)            // ["db1", "db2"]
/// string.credential?.username         // "ann@EXAMPLE.COM"
/// ```
///
/// Nothing is looked up: with `mongodb+srv` the one host is the name to ask DNS for, and ``resolved(hosts:txt:)``
/// applies the DNS records.
///
/// What a specification defines as an error is thrown; what it requires to be ignored is ignored and listed in
/// ``warnings``. No printed form shows a secret.
public struct MongoConnectionString: Sendable, Hashable {
    /// The scheme before `://`.
    @nonexhaustive
    public enum Scheme: String, Sendable, Hashable {
        /// The hosts are the servers.
        case mongodb
        /// The host's SRV records name the servers.
        case mongodbSRV = "mongodb+srv"
    }

    /// Something that was ignored, or that may be unexpected.
    public struct Warning: Sendable, Hashable, CustomStringConvertible {
        /// The option's name as the specification spells it, or as the string does when it is unknown. Unknown names
        /// that do not look like a name are withheld, as they might be part of a secret.
        public var option: String
        /// What was done and what to write instead. Never holds the option's value.
        public var message: String

        /// Creates a warning.
        public init(option: String, message: String) {
            self.option = option
            self.message = message
        }

        /// The option and the message.
        public var description: String { "\(option): \(message)" }
    }

    /// `mongodb`, or `mongodb+srv`, whose hosts come from the DNS.
    public let scheme: Scheme
    /// The hosts, in the string's order, never empty.
    public internal(set) var hosts: [Host]
    /// The database between the hosts and the options, decoded; it may be a namespace with periods.
    public let database: String?
    /// The options after the `?`, by the types of the specification.
    public internal(set) var options: Options
    /// Who authenticates; `nil` when the string does not ask for authentication.
    public internal(set) var credential: Credential?
    /// What was ignored or may be unexpected.
    public internal(set) var warnings: [Warning]

    /// The text before the `@`, kept to check the credential again when a TXT record has its source.
    let userInfo: UserInfo?
    /// Whether a `tls…` option is given, even one whose value was ignored.
    private let mentionsTLS: Bool

    /// Parses a connection string.
    ///
    /// - Throws: ``ConnectionStringError``, with the place in the string and without any of its text.
    public init(parsing text: String) throws(ConnectionStringError) {
        try self.init(text, Findings())
    }

    /// All errors of a text, as far as they can be determined: the error that ``init(parsing:)`` throws first, and
    /// at most a hundred. Empty for a valid connection string.
    ///
    /// A rule about several parts is skipped if one of them could not be parsed.
    public static func errors(in text: String) -> [ConnectionStringError] {
        let findings = Findings(endsAtFirst: false)
        do {
            _ = try MongoConnectionString(text, findings)
        } catch {
            findings.end(error)
        }
        return findings.errors
    }

    /// Parses a connection string. If errors are recorded and not thrown, the result must not be used.
    private init(_ text: String, _ findings: Findings) throws(ConnectionStringError) {
        let sections = try Sections(text, findings)
        let userInfo = try sections.userInfo.flatMap { raw throws(ConnectionStringError) in
            try findings.attempt { () throws(ConnectionStringError) in try UserInfo(raw) }
        }
        let before = findings.errors.count
        let hosts =
            try findings.attempt { () throws(ConnectionStringError) in
                sections.hosts.isEmpty ? [] : try HostParser.hosts(in: sections.hosts, findings)
            } ?? []
        let areHostsRead = !sections.hosts.isEmpty && findings.errors.count == before
        let database = try findings.attempt { () throws(ConnectionStringError) in
            try sections.database.flatMap { raw throws(ConnectionStringError) in try Self.databaseName(raw) }
        }
        var reader = OptionReader(part: "options", findings)
        try reader.read(sections.options)

        var locations = reader.locations
        locations.userInfo = sections.userInfo?.startIndex
        locations.hosts = sections.hosts.startIndex
        try OptionRules.check(
            reader.options, given: reader.given, unread: reader.unread, scheme: sections.scheme, hosts: hosts,
            locations: locations, findings)
        if sections.scheme == .mongodbSRV, areHostsRead {
            _ = try findings.attempt { () throws(ConnectionStringError) in
                try HostParser.checkSRV(hosts, in: sections.hosts)
            }
        }
        OptionRules.warn(reader.options, into: &reader.warnings)
        var credential: Credential?
        if (userInfo != nil) == (sections.userInfo != nil), let database,
            reader.unread.isDisjoint(with: ["", "authMechanism", "authMechanismProperties", "authSource"])
        {
            credential = try CredentialRules(
                userInfo: userInfo, database: database, options: reader.options, locations: locations,
                findings: findings
            ).credential(warnings: &reader.warnings)
        }

        self.scheme = sections.scheme
        self.hosts = hosts
        self.database = database ?? nil
        self.options = reader.options
        self.credential = credential
        self.warnings = Self.cut(reader.warnings)
        self.userInfo = userInfo
        mentionsTLS = reader.given.contains { $0.hasPrefix("tls") }
    }

    /// The first hundred warnings, and how many more there are.
    private static func cut(_ warnings: [Warning]) -> [Warning] {
        guard warnings.count > 100 else { return warnings }
        return warnings.prefix(100) + [Warning(option: "options", message: "and \(warnings.count - 100) more warnings")]
    }

    /// Whether the hosts come from DNS.
    public var isSRV: Bool { scheme == .mongodbSRV }

    /// Whether to use TLS: the value of `tls`; without it, yes for `mongodb+srv` and if any `tls…` option
    /// is given; else no. A `tls` whose value was ignored is such an option: a typo must not send passwords in
    /// clear text.
    public var usesTLS: Bool {
        options.tls ?? (isSRV || mentionsTLS)
    }

    /// Decodes and checks the part between the hosts and the options.
    private static func databaseName(_ raw: Bytes) throws(ConnectionStringError) -> String? {
        guard !raw.isEmpty else { return nil }
        if let slash = raw.firstIndex(of: UInt8(ascii: "/")) {
            throw ConnectionStringError(
                .invalidDatabase,
                "a database name has no '/'; in the path of a socket or in a password write it as %2F",
                offset: slash, part: "database")
        }
        let name = try percentDecoded(raw, part: "database")
        if name.unicodeScalars.contains(where: { "/\\ \"$\0".unicodeScalars.contains($0) }) {
            throw ConnectionStringError(
                .invalidDatabase, "a database name has no '/', '\\', space, '\"', '$' or NUL",
                offset: raw.startIndex, part: "database")
        }
        return name
    }
}
