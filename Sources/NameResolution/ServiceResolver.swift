/// Looks up the DNS records that say where a service is and how to use it.
///
/// Names are absolute: a final period changes nothing. Every call ends at its deadline or when its task is cancelled.
public protocol ServiceResolver: Sendable {
    /// The SRV records of a name, in the order of the answer (RFC 2782).
    ///
    /// - Parameters:
    ///   - name: The whole name, for example `_mongodb._tcp.db.example.com`.
    ///   - deadline: When to give up.
    /// - Returns: At least one record.
    /// - Throws: ``NameResolutionError``; `CancellationError`. A name without such records is
    ///   ``NameResolutionError/Code/noSuchName`` or ``NameResolutionError/Code/noRecords``.
    func services(of name: String, by deadline: ContinuousClock.Instant) async throws -> [SRVRecord]

    /// The TXT records of a name, in the order of the answer (RFC 1035 section 3.3.14).
    ///
    /// - Returns: At least one record.
    /// - Throws: ``NameResolutionError``; `CancellationError`. A name without such records is
    ///   ``NameResolutionError/Code/noSuchName`` or ``NameResolutionError/Code/noRecords``.
    func texts(of name: String, by deadline: ContinuousClock.Instant) async throws -> [TXTRecord]

    /// The search domains for a name that does not exist itself, without final periods. None by default.
    ///
    /// - Throws: ``NameResolutionError``; `CancellationError`.
    func searchDomains(by deadline: ContinuousClock.Instant) async throws -> [String]
}

extension ServiceResolver {
    /// None.
    public func searchDomains(by deadline: ContinuousClock.Instant) async throws -> [String] { [] }
}

/// Where a service is (RFC 2782).
public struct SRVRecord: Sendable, Hashable {
    /// Servers with a lower number come first.
    public var priority: UInt16
    /// How often to choose this server among those of the same priority.
    public var weight: UInt16
    /// Where the service listens on that host.
    public var port: UInt16
    /// The server's host name, without a final period and in the letter case of the answer: one to 253 letters,
    /// digits, `-`, `_` and single `.`.
    public var target: String
    /// How long the record may be kept.
    public var ttl: Duration

    /// Creates a record; nothing is checked.
    public init(priority: UInt16, weight: UInt16, port: UInt16, target: String, ttl: Duration) {
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target
        self.ttl = ttl
    }
}

/// A TXT record (RFC 1035 section 3.3.14).
public struct TXTRecord: Sendable, Hashable {
    /// The record's character strings, at least one, each of up to 255 bytes of any value.
    public var strings: [[UInt8]]
    /// How long the record may be kept.
    public var ttl: Duration

    /// Creates a record; nothing is checked.
    public init(strings: [[UInt8]], ttl: Duration) {
        self.strings = strings
        self.ttl = ttl
    }
}
