internal import MongoAuth
package import SaslConnectionString

/// The result of a check: the one model for the text and the JSON.
///
/// The JSON's keys are stable: keys are only added.
package struct CheckReport: Sendable, Hashable, Encodable {
    /// The result of a check, host or phase.
    package enum Result: String, Sendable, Hashable, Encodable {
        /// It did.
        case ok
        /// It did not.
        case failed
        /// It was not tried, or does not apply.
        case skipped
    }

    /// Why the check failed.
    package struct Failure: Sendable, Hashable, Encodable {
        /// The class, which decides the exit status.
        package var `class`: FailureClass
        /// The phase in which it happened; `nil` before the first one.
        @NullWhenAbsent package var phase: String?
        /// The host, as `name:port`; `nil` if it is not about a host.
        @NullWhenAbsent package var host: String?
        /// What happened.
        package var message: String
        /// What to do about it; `nil` if unknown.
        @NullWhenAbsent package var hint: String?
        /// The underlying Kerberos error; `nil` if it is of another kind.
        @NullWhenAbsent package var kerberos: KerberosError? = nil
        /// How far the clock of the KDC or server is ahead of this machine's, if that was measured and matters.
        @NullWhenAbsent package var clockOffsetSeconds: Double? = nil
        /// The server's refusal; `nil` if it is none.
        @NullWhenAbsent package var serverError: ServerError? = nil
        /// How far the conversation had got: `before-token`, `token-sent`, `server-proven` or `authenticated`; `nil`
        /// outside of it.
        @NullWhenAbsent package var stage: String? = nil
        /// Its cause, and what to do about it.
        @NullWhenAbsent package var diagnosis: Diagnosis? = nil
    }

    /// A server's refusal of a command.
    package struct ServerError: Sendable, Hashable, Encodable {
        /// Its number; `nil` if there is none.
        @NullWhenAbsent package var code: Int64?
        /// The number's name.
        @NullWhenAbsent package var codeName: String?
    }

    /// The result of TLS at one host.
    package struct TLS: Sendable, Hashable, Encodable {
        /// The version, such as `TLSv1.3`.
        @NullWhenAbsent package var version: String?
        /// The expiry of the server's certificate, UTC, as ISO 8601.
        @NullWhenAbsent package var notAfter: String?
        /// Whether the server's identity is proven.
        package var verified: Bool
    }

    /// One phase of the check of a host.
    package struct Phase: Sendable, Hashable, Encodable {
        /// The phase: `dns`, `tcp`, `tls`, `hello`, `kerberos`, `sasl` or `identity`.
        package var name: String
        /// How it went.
        package var result: Result
        /// How long it took; `nil` if it was skipped.
        @NullWhenAbsent package var milliseconds: Double?
        /// A detail for people.
        @NullWhenAbsent package var detail: String?
    }

    /// A role of the authenticated user.
    package struct Role: Sendable, Hashable, Encodable {
        /// The role's name.
        package var role: String
        /// The role's database.
        package var database: String
    }

    /// The authenticated user, as the server reports it.
    package struct Identity: Sendable, Hashable, Encodable {
        /// The user's name.
        package var user: String
        /// The user's database; `nil` if the server does not name it.
        @NullWhenAbsent package var database: String?
        /// What the user may do: the first hundred roles.
        package var roles: [Role]
        /// How many more roles there are.
        package var moreRoles = 0
    }

    /// One attempt to connect to one address.
    package struct Attempt: Sendable, Hashable, Encodable {
        /// How an attempt ended.
        package enum Outcome: String, Sendable, Hashable, Encodable {
            /// This is the connection that was used.
            case connected
            /// The address refused, or could not be reached.
            case failed
            /// Another attempt was first, or the deadline passed.
            case cancelled
        }

        /// The address, or the path of a socket.
        package var address: String
        /// `ipv4` or `ipv6`; `nil` for a socket.
        @NullWhenAbsent package var family: String?
        /// When it began, from the beginning of the phase `dns`.
        package var startMilliseconds: Double
        /// When it ended, or was abandoned, likewise.
        @NullWhenAbsent package var endMilliseconds: Double?
        /// How it ended.
        package var outcome: Outcome
        /// Why it failed; `nil` otherwise.
        @NullWhenAbsent package var reason: String?
    }

    /// The result for one host.
    package struct Host: Sendable, Hashable, Encodable {
        /// The host's name, address or socket path.
        package var host: String
        /// The port.
        package var port: UInt16
        /// Whether the authentication succeeded; `skipped` for an arbiter, which has no users.
        package var result: Result
        /// All seven phases, in order.
        package var phases: [Phase]
        /// The attempts to connect, in the order in which they began.
        package var attempts: [Attempt] = []
        /// The authenticated user, as the server reports it, after a success.
        @NullWhenAbsent package var identity: Identity?
        /// The result of Kerberos; `nil` for other mechanisms, and if there was no ticket.
        @NullWhenAbsent package var kerberos: HostKerberos? = nil
        /// How far the server's clock is ahead of this machine's; `nil` if it does not report its time.
        @NullWhenAbsent package var clockOffsetSeconds: Double? = nil
        /// Whether TLS has proven the server's identity; `nil` without a handshake that succeeded.
        @NullWhenAbsent package var tlsVerified: Bool? = nil
        /// The result of TLS; `nil` if it was not used.
        @NullWhenAbsent package var tls: TLS? = nil
        /// Warnings.
        package var warnings: [String]
        /// The stable names of these, in the same order.
        package var warningCodes: [String] = []
        /// Why the authentication failed.
        @NullWhenAbsent package var failure: Failure?
    }

    /// The name and version of this format.
    package let schema = "authcheck.check/1"
    /// Whether every host succeeded.
    package var result: Result
    /// The exit status of the process.
    package var exitStatus: Int32
    /// The first host's failure, in the order of the string, or the check's own.
    @NullWhenAbsent package var failure: Failure?
    /// Every host of the string, in its order.
    package var hosts: [Host]
    /// Warnings about the connection string.
    package var warnings: [String]
    /// The stable names of these, in the same order.
    package var warningCodes: [String]
    /// The connection string as parsed, with secrets redacted; `nil` if it could not be parsed.
    @NullWhenAbsent package var uri: String? = nil
    /// The version of the program.
    package let version = ClientVersion.current
    /// When the check began, UTC, as ISO 8601.
    @NullWhenAbsent package var startedAt: String?
    /// How long all of it took.
    @NullWhenAbsent package var totalMilliseconds: Double?
    /// The state of Kerberos on this machine; `nil` for other mechanisms.
    @NullWhenAbsent package var kerberos: Kerberos?
    /// The results of the KDCs, each asked separately, of the realms of which none has answered.
    package var kdcs: [EnvironmentReport.KDCs] = []

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

    /// A report of a malformed connection string.
    ///
    /// - Parameter text: The string, for a guess at what was meant; nothing of a string that may hold a password is
    ///   repeated.
    package init(_ error: ConnectionStringError, given text: String = "") {
        let place = "\(error.part), byte \(error.offset) of the connection string"
        let steps = Diagnosis.steps(for: error, text)
        self.init(
            failure: Failure(
                usage: "\(error.message) (\(place))",
                .init(
                    rule: "connection-string-invalid", cause: error.message, culprit: .connectionString,
                    steps: steps)))
    }

    /// A report of conflicting or invalid arguments.
    package static func usage(_ message: String) -> CheckReport {
        CheckReport(
            failure: Failure(
                usage: message,
                .init(
                    rule: "arguments-invalid", cause: message, culprit: .connectionString,
                    steps: [.init("see the options", command: "authcheck --help")])))
    }

    /// Adds a warning about the arguments.
    package mutating func warn(_ warning: CheckWarning) {
        warnings.append(warning.message)
        warningCodes.append(warning.code)
    }

    /// Records that the user has interrupted the check. One that had already ended is unchanged.
    package mutating func interrupt() {
        if failure?.class == .deadline { exitStatus = Self.interrupted }
    }

    /// 128 plus the number of SIGINT, as in shells.
    package static let interrupted: Int32 = 130

    /// A report of a check that is blocked beyond its deadline.
    package static func timedOut() -> CheckReport {
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

    /// A report of a check that could not start.
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

    /// The program's commands, to detect a mistyped one.
    private static let commands = ["check", "explain", "environment", "keytab", "completions", "help"]

    /// What to write instead. The form for Kerberos is suggested only for a string about Kerberos, or one that is not a
    /// connection string at all.
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
