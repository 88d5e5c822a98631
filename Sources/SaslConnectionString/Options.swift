public import SecretMemory

extension MongoConnectionString {
    /// The connection options of the URI options specification that the string gives, typed and within their ranges.
    ///
    /// `nil` means that the string does not give the option, or gave a value that was ignored with a warning: defaults
    /// are up to the user of the option. Names are those of the specification.
    public struct Options: Sendable, Hashable {
        // MARK: Authentication (see also ``MongoConnectionString/credential``, which has the rules applied)

        /// The mechanism that the string asks for; `nil` leaves it to negotiation.
        public internal(set) var authMechanism: AuthMechanism?
        /// The mechanism's properties, as given.
        public internal(set) var authMechanismProperties: MechanismProperties?
        /// The database that knows the user. Never empty.
        public internal(set) var authSource: String?

        // MARK: TLS

        /// Whether to use TLS; `ssl` is the same option. See ``MongoConnectionString/usesTLS`` for the default.
        public internal(set) var tls: Bool?
        /// Whether to accept certificates that do not verify.
        public internal(set) var tlsAllowInvalidCertificates: Bool?
        /// Whether to accept certificates for another host name.
        public internal(set) var tlsAllowInvalidHostnames: Bool?
        /// The path of a file with the certificate authorities to trust.
        public internal(set) var tlsCAFile: String?
        /// The path of a file with the client's certificate and private key.
        public internal(set) var tlsCertificateKeyFile: String?
        /// The pass phrase of the private key.
        public internal(set) var tlsCertificateKeyFilePassword: Secret?
        /// The path of a file with certificate revocation lists. Not in the specification; PyMongo has it.
        public internal(set) var tlsCRLFile: String?
        /// Whether to skip every check of revocation.
        public internal(set) var tlsDisableCertificateRevocationCheck: Bool?
        /// Whether not to ask OCSP responders.
        public internal(set) var tlsDisableOCSPEndpointCheck: Bool?
        /// Whether to relax all checks of certificates.
        public internal(set) var tlsInsecure: Bool?

        // MARK: Topology and discovery

        /// The name of the replica set.
        public internal(set) var replicaSet: String?
        /// Whether to talk to the one given server only.
        public internal(set) var directConnection: Bool?
        /// Whether the servers are behind a load balancer.
        public internal(set) var loadBalanced: Bool?
        /// Time between checks of a server, in milliseconds; at least 500.
        public internal(set) var heartbeatFrequencyMS: Int?
        /// How much slower than the fastest server another may be, in milliseconds.
        public internal(set) var localThresholdMS: Int?
        /// How servers are monitored.
        public internal(set) var serverMonitoringMode: ServerMonitoringMode?
        /// How long to look for a server, in milliseconds; at least 1.
        public internal(set) var serverSelectionTimeoutMS: Int?
        /// Whether to scan the topology only once.
        public internal(set) var serverSelectionTryOnce: Bool?
        /// How many of the SRV records' hosts to use; 0 means all.
        public internal(set) var srvMaxHosts: Int?
        /// The service name of the SRV record, without underscore; the default is `mongodb`.
        public internal(set) var srvServiceName: String?

        // MARK: Connections and pools

        /// The application's name for the server's logs; at most 128 bytes.
        public internal(set) var appName: String?
        /// The compressors to offer, the preferred one first.
        public internal(set) var compressors: [Compressor]?
        /// zlib's level, -1 to 9.
        public internal(set) var zlibCompressionLevel: Int?
        /// How long one connection may take to be established, in milliseconds; 0 means no limit.
        public internal(set) var connectTimeoutMS: Int?
        /// How long an operation may wait for its socket, in milliseconds; 0 means no limit.
        public internal(set) var socketTimeoutMS: Int?
        /// How long a whole operation may take, in milliseconds; 0 means no limit.
        public internal(set) var timeoutMS: Int?
        /// How many connections a pool may be establishing at once; at least 1.
        public internal(set) var maxConnecting: Int?
        /// How long a connection may be idle, in milliseconds; 0 means no limit.
        public internal(set) var maxIdleTimeMS: Int?
        /// How many connections a pool may have; 0 means no limit.
        public internal(set) var maxPoolSize: Int?
        /// How many connections a pool keeps.
        public internal(set) var minPoolSize: Int?
        /// How long to wait for a pool's connection, in milliseconds; at least 1.
        public internal(set) var waitQueueTimeoutMS: Int?
        /// The SOCKS5 proxy's host.
        public internal(set) var proxyHost: String?
        /// The SOCKS5 proxy's port, 1 to 65535.
        public internal(set) var proxyPort: Int?
        /// The user name at the SOCKS5 proxy.
        public internal(set) var proxyUsername: String?
        /// The password at the SOCKS5 proxy.
        public internal(set) var proxyPassword: Secret?

        // MARK: Reads and writes

        /// The read concern's level. Levels are open: any text is accepted.
        public internal(set) var readConcernLevel: String?
        /// The read preference's mode.
        public internal(set) var readPreference: ReadPreference?
        /// The read preference's tag sets, in the string's order; an empty one matches every server.
        public internal(set) var readPreferenceTags: [[String: String]]?
        /// How stale a secondary may be, in seconds: at least 90, or -1 for no limit.
        public internal(set) var maxStalenessSeconds: Int?
        /// Whether to retry reads.
        public internal(set) var retryReads: Bool?
        /// Whether to retry writes.
        public internal(set) var retryWrites: Bool?
        /// How many retries an overloaded server gets.
        public internal(set) var maxAdaptiveRetries: Int?
        /// Whether retries under overload go to another server.
        public internal(set) var enableOverloadRetargeting: Bool?
        /// Who must acknowledge a write.
        public internal(set) var w: WriteAcknowledgement?
        /// How long to wait for that, in milliseconds; 0 means no limit.
        public internal(set) var wTimeoutMS: Int?
        /// Whether a write must be in the journal.
        public internal(set) var journal: Bool?

        init() {}
    }

    /// The mode of a read preference, as the server selection specification names it.
    @nonexhaustive
    public enum ReadPreference: String, Sendable, Hashable, CaseIterable {
        /// Only the primary.
        case primary
        /// The primary, else a secondary.
        case primaryPreferred
        /// Only secondaries.
        case secondary
        /// Secondaries, else the primary.
        case secondaryPreferred
        /// Whichever is nearest.
        case nearest
    }

    /// A compressor of the OP_COMPRESSED specification.
    @nonexhaustive
    public enum Compressor: String, Sendable, Hashable, CaseIterable {
        /// Google's Snappy, `snappy` in the string.
        case snappy
        /// DEFLATE (RFC 1950), with the level of `zlibCompressionLevel`.
        case zlib
        /// Zstandard.
        case zstd
    }

    /// How servers are monitored.
    @nonexhaustive
    public enum ServerMonitoringMode: String, Sendable, Hashable, CaseIterable {
        /// The server pushes changes.
        case stream
        /// The client asks.
        case poll
        /// Streaming, except where that is known to be unsuitable.
        case auto
    }

    /// The required acknowledgement of a write: the `w` of a write concern.
    @nonexhaustive
    public enum WriteAcknowledgement: Sendable, Hashable, CustomStringConvertible {
        /// This many members; 0 requests no acknowledgement.
        case nodes(Int)
        /// `majority`, or a mode that the replica set's configuration defines.
        case mode(String)

        /// The value as in the string.
        public var description: String {
            switch self {
            case .nodes(let count): String(count)
            case .mode(let name): name
            }
        }
    }
}
