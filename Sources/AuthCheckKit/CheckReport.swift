internal import MongoAuth
public import SaslConnectionString

/// What a check found: the one model behind the text and the JSON.
///
/// The JSON's keys are a contract: they are only ever added to.
public struct CheckReport: Sendable, Hashable, Encodable {
    /// Whether something worked.
    public enum Result: String, Sendable, Hashable, Encodable {
        /// It did.
        case ok
        /// It did not.
        case failed
        /// It was not tried, or does not apply.
        case skipped
    }

    /// Why the check failed.
    public struct Failure: Sendable, Hashable, Encodable {
        /// The class, which decides the exit status.
        public var `class`: FailureClass
        /// The phase in which it happened; `nil` before the first one.
        @NullWhenAbsent public var phase: String?
        /// The host, as `name:port`; `nil` where it is about no host.
        @NullWhenAbsent public var host: String?
        /// What happened.
        public var message: String
        /// What to do about it; `nil` where nothing better is known.
        @NullWhenAbsent public var hint: String?
        /// The Kerberos error beneath; `nil` where it is of another kind.
        @NullWhenAbsent public var kerberos: KerberosError? = nil
        /// How far the clock of the KDC or server is ahead of this machine's, where that was measured and matters.
        @NullWhenAbsent public var clockOffsetSeconds: Double? = nil
        /// The server's refusal; `nil` where it is none.
        @NullWhenAbsent public var serverError: ServerError? = nil
        /// How far the conversation had come: `before-token`, `token-sent`, `server-proven` or `authenticated`; `nil` outside of
        /// it.
        @NullWhenAbsent public var stage: String? = nil
        /// What it comes from, and what to do about it.
        @NullWhenAbsent public var diagnosis: Diagnosis? = nil
    }

    /// What a server says of a command that it refuses.
    public struct ServerError: Sendable, Hashable, Encodable {
        /// Its number; `nil` where there is none.
        @NullWhenAbsent public var code: Int64?
        /// The number's name.
        @NullWhenAbsent public var codeName: String?
    }

    /// What TLS came to at one host.
    public struct TLS: Sendable, Hashable, Encodable {
        /// The version, such as `TLSv1.3`.
        @NullWhenAbsent public var version: String?
        /// The last moment of the server's certificate, UTC, as ISO 8601 has it.
        @NullWhenAbsent public var notAfter: String?
        /// Whether the server's identity is proven.
        public var verified: Bool
    }

    /// One stretch of the way to a host.
    public struct Phase: Sendable, Hashable, Encodable {
        /// The phase: `dns`, `tcp`, `tls`, `hello`, `kerberos`, `sasl` or `identity`.
        public var name: String
        /// How it went.
        public var result: Result
        /// How long it took; `nil` where it was skipped.
        @NullWhenAbsent public var milliseconds: Double?
        /// What there is to know about it.
        @NullWhenAbsent public var detail: String?
    }

    /// A role of the authenticated user.
    public struct Role: Sendable, Hashable, Encodable {
        /// The role's name.
        public var role: String
        /// The role's database.
        public var database: String
    }

    /// Who the server says that we are.
    public struct Identity: Sendable, Hashable, Encodable {
        /// The user's name.
        public var user: String
        /// The user's database; `nil` where the server does not name it.
        @NullWhenAbsent public var database: String?
        /// What the user may do: the first hundred roles.
        public var roles: [Role]
        /// How many more roles there are.
        public var moreRoles = 0
    }

    /// One attempt to connect to one address.
    public struct Attempt: Sendable, Hashable, Encodable {
        /// How an attempt ended.
        public enum Outcome: String, Sendable, Hashable, Encodable {
            /// This is the connection that was used.
            case connected
            /// The address refused, or could not be reached.
            case failed
            /// Another attempt was first, or the time was used up.
            case cancelled
        }

        /// The address, or the path of a socket.
        public var address: String
        /// `ipv4` or `ipv6`; `nil` for a socket.
        @NullWhenAbsent public var family: String?
        /// When it began, counted from the beginning of the phase `dns`.
        public var startMilliseconds: Double
        /// When it ended, or was given up, counted likewise.
        @NullWhenAbsent public var endMilliseconds: Double?
        /// How it ended.
        public var outcome: Outcome
        /// Why it failed; `nil` otherwise.
        @NullWhenAbsent public var reason: String?
    }

    /// What was found at one host.
    public struct Host: Sendable, Hashable, Encodable {
        /// The host's name, address or socket path.
        public var host: String
        /// The port.
        public var port: UInt16
        /// Whether the authentication succeeded; `skipped` for an arbiter, which has no users.
        public var result: Result
        /// All seven phases, in order.
        public var phases: [Phase]
        /// The attempts to connect, in the order in which they began.
        public var attempts: [Attempt] = []
        /// Who the server says that we are, after a success.
        @NullWhenAbsent public var identity: Identity?
        /// What Kerberos came to; `nil` for other mechanisms, and where there was no ticket.
        @NullWhenAbsent public var kerberos: HostKerberos? = nil
        /// How far the server's clock is ahead of this machine's; `nil` where it does not tell the time.
        @NullWhenAbsent public var clockOffsetSeconds: Double? = nil
        /// Whether TLS has proven the server's identity; `nil` without a handshake that succeeded.
        @NullWhenAbsent public var tlsVerified: Bool? = nil
        /// What TLS came to; `nil` where it was not used.
        @NullWhenAbsent public var tls: TLS? = nil
        /// Doubtful things that need not be wrong.
        public var warnings: [String]
        /// The stable names of these, in the same order.
        public var warningCodes: [String] = []
        /// Why the authentication failed.
        @NullWhenAbsent public var failure: Failure?
    }

    /// The name and version of this form.
    public let schema = "authcheck.check/1"
    /// Whether every host succeeded.
    public var result: Result
    /// The exit status of the process.
    public var exitStatus: Int32
    /// The first host's failure, in the order of the string, or the check's own.
    @NullWhenAbsent public var failure: Failure?
    /// Every host of the string, in its order.
    public var hosts: [Host]
    /// What is doubtful about the connection string.
    public var warnings: [String]
    /// The stable names of these, in the same order.
    public var warningCodes: [String]
    /// The connection string as it was understood, with secrets redacted; `nil` where it could not be read.
    @NullWhenAbsent public var uri: String? = nil
    /// The version of the program.
    public let version = ClientVersion.current
    /// When the check began, UTC, as ISO 8601 has it.
    @NullWhenAbsent public var startedAt: String?
    /// How long all of it took.
    @NullWhenAbsent public var totalMilliseconds: Double?
    /// What Kerberos has on this machine; `nil` for other mechanisms.
    @NullWhenAbsent public var kerberos: Kerberos?
    /// What the KDCs do, each asked by itself, of the realms of which none has answered.
    public var kdcs: [EnvironmentReport.KDCs] = []

    /// A report of hosts that were checked.
    init(hosts: [Host], warnings: [CheckWarning] = [], kerberos: Kerberos? = nil) {
        self.hosts = hosts
        self.kerberos = kerberos
        self.warnings = warnings.map(\.message)
        warningCodes = warnings.map(\.code)
        let first = hosts.lazy.compactMap(\.failure).first
        failure = first
        result = first == nil ? .ok : .failed
        exitStatus = first?.class.exitStatus ?? 0
    }

    /// A report of a connection string that cannot be read.
    ///
    /// - Parameter text: The string, for a guess at what was meant; of one that may hold a password nothing is repeated.
    public init(_ error: ConnectionStringError, given text: String = "") {
        let place = "\(error.part), byte \(error.offset) of the connection string"
        let steps = Diagnosis.steps(for: error, text)
        self.init(
            failure: Failure(
                usage: "\(error.message) (\(place))",
                .init(
                    rule: "connection-string-invalid", cause: error.message, culprit: .connectionString,
                    steps: steps)))
    }

    /// A report of arguments that do not go together, or that cannot be used.
    public static func usage(_ message: String) -> CheckReport {
        CheckReport(
            failure: Failure(
                usage: message,
                .init(
                    rule: "arguments-invalid", cause: message, culprit: .connectionString,
                    steps: [.init("see the options", command: "authcheck --help")])))
    }

    /// Notes a doubt about the arguments.
    public mutating func warn(_ warning: CheckWarning) {
        warnings.append(warning.message)
        warningCodes.append(warning.code)
    }

    /// Notes that the user has ended the check. One that had ended by itself stays as it is.
    public mutating func interrupt() {
        if failure?.class == .deadline { exitStatus = Self.interrupted }
    }

    /// 128 and the number of SIGINT, as shells have it.
    public static let interrupted: Int32 = 130

    /// A report of a check that something holds up beyond its deadline.
    public static func timedOut() -> CheckReport {
        CheckReport(
            failure: Failure(
                class: .deadline, phase: nil, host: nil,
                message: "the deadline passed, and the check did not finish",
                .init(
                    rule: "input-without-end", cause: "an input that is read does not end", culprit: .thisMachine,
                    steps: [
                        .init(
                            "look for a named pipe among the given files, and for standard input that does not end"
                        )
                    ])))
    }

    /// A report of a check that could not begin.
    init(failure: Failure) {
        self.failure = failure
        hosts = []
        (warnings, warningCodes) = ([], [])
        result = .failed
        exitStatus = failure.class.exitStatus
    }
}

extension CheckReport.Failure {
    /// A failure that is known without evidence.
    init(`class`: FailureClass, phase: String?, host: String?, message: String, _ diagnosis: Diagnosis) {
        self.init(
            class: `class`, phase: phase, host: host, message: message, hint: diagnosis.hint, diagnosis: diagnosis)
    }

    init(usage message: String, _ diagnosis: Diagnosis) {
        self.init(class: .usage, phase: nil, host: nil, message: message, diagnosis)
    }
}

extension Diagnosis {
    private static let invalidSchemeStep = Step(
        "write the whole string; for Kerberos: mongodb://user%40REALM@host:27017/?authMechanism=GSSAPI")

    /// The commands of the program, of which one may be mistyped.
    private static let commands = ["check", "explain", "environment", "keytab", "completions", "help"]

    /// What to write instead. Only a string that is about Kerberos, or that is no connection string at all, is told of the form for
    /// Kerberos.
    static func steps(for error: ConnectionStringError, _ text: String) -> [Step] {
        switch error.code {
        case .invalidScheme:
            if let command = commands.first(where: { TypingError.isLikely($0, text) }) {
                [.init("did you mean the command", command: "authcheck \(command)")]
            } else if TypingError.isHostName(text) {
                [
                    .init(
                        "write the whole string",
                        command: "authcheck 'mongodb://USER%40REALM@\(text)/?authMechanism=GSSAPI'")
                ]
            } else {
                [invalidSchemeStep]
            }
        case .invalidUserInfo, .invalidEncoding:
            [.init("write @ : / ? # [ ] and % in a user name or password as %40 %3A %2F %3F %23 %5B %5D and %25")]
        case .unsupportedMechanism:
            [
                .init(
                    "write one of GSSAPI, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, MONGODB-X509, MONGODB-AWS and MONGODB-OIDC"
                )
            ]
        case .missingHost: [.init("write a host between the @ and the / or ?")]
        case .invalidHost, .invalidPort:
            [.init("write hosts as name, name:port or [IPv6 address]:port, with commas between")]
        default: []
        }
    }
}
