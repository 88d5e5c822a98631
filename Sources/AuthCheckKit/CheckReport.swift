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
        /// Doubtful things that need not be wrong.
        public var warnings: [String]
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
    /// What Kerberos has on this machine; `nil` for other mechanisms.
    @NullWhenAbsent public var kerberos: Kerberos?

    /// A report of hosts that were checked.
    init(hosts: [Host], warnings: [String], kerberos: Kerberos? = nil) {
        self.hosts = hosts
        self.kerberos = kerberos
        self.warnings = warnings
        let first = hosts.lazy.compactMap(\.failure).first
        failure = first
        result = first == nil ? .ok : .failed
        exitStatus = first?.class.exitStatus ?? 0
    }

    /// A report of a connection string that cannot be read.
    public init(_ error: ConnectionStringError) {
        self.init(
            failure: Failure(
                class: .usage, phase: nil, host: nil,
                message: "\(error.message) (\(error.part), byte \(error.offset) of the connection string)",
                hint: "the form for Kerberos is mongodb://user%40REALM@host:27017/?authMechanism=GSSAPI"))
    }

    /// A report of a check that something holds up beyond its deadline.
    public static func timedOut() -> CheckReport {
        CheckReport(
            failure: Failure(
                class: .deadline, phase: nil, host: nil,
                message: "the time was used up, and the check did not end by itself",
                hint: "look for a named pipe among the files that were named, and for standard input that does not end")
        )
    }

    /// A report of a check that could not begin.
    init(failure: Failure) {
        self.failure = failure
        hosts = []
        warnings = []
        result = .failed
        exitStatus = failure.class.exitStatus
    }
}
