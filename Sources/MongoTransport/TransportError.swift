/// Why a server could not be reached, or a connection failed.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure this is. The set is open.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private let value: String

        /// The host's name did not resolve.
        public static let nameResolution = Code(value: "name-resolution")
        /// No address accepted a connection.
        public static let connect = Code(value: "connect")
        /// The connection could not be encrypted: ``TransportError/tlsFailure`` says why.
        public static let tls = Code(value: "tls")
        /// The connection is closed: by the server, or by an earlier failure.
        public static let closed = Code(value: "closed")
        /// The server sent a malformed message, or one that does not answer the request.
        public static let protocolViolation = Code(value: "protocol-violation")
        /// The deadline passed.
        public static let deadlineExceeded = Code(value: "deadline-exceeded")

        /// The code's stable, hyphenated name.
        public var description: String { value }
    }

    /// What kind of failure this is.
    public var code: Code
    /// How far the connection had got.
    public var phase: TransportPhase
    /// One sentence for a person.
    public var message: String
    /// The underlying error, if there is one.
    public var underlying: (any Error)?
    /// What is wrong with TLS, for ``Code/tls``.
    public var tlsFailure: TLSFailure?
    /// What a TLS handshake that failed showed of the server.
    public var tls: TLSReport?
    /// What is wrong with the proxy, if it is the cause.
    public var proxyFailure: ProxyFailure?
    /// Whether the server closed a connection without TLS before it sent anything: it may require TLS.
    public var mayDemandTLS = false

    /// Creates an error.
    public init(
        _ code: Code, phase: TransportPhase, _ message: String, underlying: (any Error)? = nil,
        tlsFailure: TLSFailure? = nil, tls: TLSReport? = nil
    ) {
        self.code = code
        self.phase = phase
        self.message = message
        self.underlying = underlying
        self.tlsFailure = tlsFailure
        self.tls = tls
    }

    /// The code, the phase and the message.
    public var description: String { "\(code) (\(phase)): \(message)" }
}

/// A phase of a connection.
public enum TransportPhase: String, Sendable, Hashable, CustomStringConvertible {
    /// The host's name is looked up.
    case dns
    /// Addresses are tried.
    case tcp
    /// The TLS handshake runs.
    case tls
    /// Commands and replies.
    case command

    /// The phase's name.
    public var description: String { rawValue }
}
