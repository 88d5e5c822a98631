public import NameResolution

/// What was done to reach a server, with times from the start of the connect.
public struct ConnectReport: Sendable, Hashable {
    /// One attempt to connect to one address.
    public struct Attempt: Sendable, Hashable {
        /// How an attempt ended.
        public enum Outcome: Sendable, Hashable {
            /// This is the connection in use.
            case connected
            /// The system's reason why not.
            case failed(String)
            /// Another attempt was first, the deadline passed, or the caller gave up.
            case cancelled
        }

        /// The address, or the path of a Unix domain socket.
        public var address: String
        /// The address's family; `nil` for a Unix domain socket.
        public var family: IPAddress.Family?
        /// When it began.
        public var start: Duration
        /// When it ended, or when it was given up.
        public var end: Duration?
        /// How it ended.
        public var outcome: Outcome
    }

    /// The addresses that the name resolved to, in the order in which they came.
    public var addresses: [IPAddress] = []
    /// When the first attempt could begin: the time that name resolution cost. `nil` when it never did.
    public var resolved: Duration?
    /// When an attempt had succeeded.
    public var connected: Duration?
    /// When the TLS handshake was complete; `nil` without TLS.
    public var secured: Duration?
    /// What the TLS handshake showed; `nil` without TLS, and before a handshake.
    public var tls: TLSReport?
    /// The attempts in the order in which they began.
    public var attempts: [Attempt] = []

    /// Creates an empty report.
    public init() {}
}
