public import NameResolution
public import SaslConnectionString

/// The servers of a `mongodb+srv` string, by the rules of the driver specification for the initial DNS seedlist
/// discovery.
///
/// It does no I/O: it says which records to ask for and evaluates them.
///
/// ```swift
/// let resolver = DNSServiceResolver(workers: BlockingWorkers())
/// let string = try MongoConnectionString(parsing: "mongodb+srv://cluster.example.com/")
/// let resolved = try await string.resolved(with: resolver, by: .now + .seconds(10))
/// ```
public struct Seedlist: Sendable {
    /// How many hosts a string may resolve to. With more, `srvMaxHosts` must choose.
    public static let maximumHosts = 100

    private let string: MongoConnectionString
    private let host: String

    /// The suffix of every server's name, in lower case and with the period before it.
    private let domain: String

    /// Prepares the queries for a string.
    ///
    /// - Returns: `nil` for a string that is not `mongodb+srv`.
    public init?(_ string: MongoConnectionString) {
        guard string.isSRV, let host = string.hosts.first?.name else { return nil }
        self.string = string
        self.host = withoutFinalPeriod((try? InternationalName.ascii(host)) ?? host)
        let labels = asciiLowercased(self.host).unicodeScalars
            .split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        // A name of one or two labels is a domain itself; of a longer one, the first label is the deployment's own.
        domain = "." + (labels.count < 3 ? labels[...] : labels.dropFirst()).joined(separator: ".")
    }

    /// The name whose SRV records are the servers: `_mongodb._tcp.cluster.example.com`.
    public var serviceName: String { "_\(string.options.srvServiceName ?? "mongodb")._tcp.\(host)" }

    /// The name whose TXT record has options.
    public var textName: String { host }

    /// Evaluates the answers.
    ///
    /// Priority and weight are ignored. A duplicate host counts once.
    ///
    /// - Parameters:
    ///   - services: The SRV records of ``serviceName``.
    ///   - texts: The TXT records of ``textName``; empty when there are none.
    ///   - generator: Chooses the hosts if there are more than `srvMaxHosts`.
    /// - Returns: The string with its servers, in the order of the records unless chosen, and with the options of the
    ///   TXT record.
    public func resolved(
        services: [SRVRecord], texts: [TXTRecord], using generator: inout some RandomNumberGenerator
    ) throws(SeedlistError) -> MongoConnectionString {
        var seen: Set<MongoConnectionString.Host> = []
        var hosts: [MongoConnectionString.Host] = []
        for record in services {
            let host = try self.host(of: record)
            if seen.insert(host).inserted { hosts.append(host) }
        }
        guard !hosts.isEmpty else { throw SeedlistError(.noHosts, name: serviceName, "has no SRV record") }
        if let limit = string.options.srvMaxHosts, limit > 0, limit < hosts.count {
            hosts = Array(hosts.shuffled(using: &generator).prefix(limit))
        }
        guard hosts.count <= Self.maximumHosts else {
            throw SeedlistError(
                .tooManyHosts, name: serviceName,
                "its SRV records name \(hosts.count) hosts, and at most \(Self.maximumHosts) "
                    + "are allowed; let srvMaxHosts=\(Self.maximumHosts) choose among them")
        }
        let text = try text(of: texts)
        do {
            return try string.resolved(hosts: hosts, txt: text)
        } catch {
            throw SeedlistError(error, name: error.code == .invalidTXTRecord ? textName : serviceName)
        }
    }

    private func host(of record: SRVRecord) throws(SeedlistError) -> MongoConnectionString.Host {
        let target = asciiLowercased(withoutFinalPeriod(record.target))
        guard !target.isEmpty, IPAddress(target) == nil, record.port > 0 else {
            throw SeedlistError(
                .invalidHost, name: serviceName,
                "an SRV record needs a host name and a port, and one has \(record.target):\(record.port)")
        }
        // An attacker who forges an answer must not be able to choose who gets the password.
        guard target.utf8.count > domain.utf8.count, target.utf8.suffix(domain.utf8.count).elementsEqual(domain.utf8)
        else {
            throw SeedlistError(
                .foreignHost, name: serviceName,
                "an SRV record points to \(target), but the servers of this string must be in \(domain)")
        }
        return MongoConnectionString.Host(name: target, port: record.port, kind: .hostname)
    }

    private func text(of records: [TXTRecord]) throws(SeedlistError) -> String? {
        guard records.count <= 1 else {
            throw SeedlistError(
                .invalidTXTRecord, name: textName,
                "has \(records.count) TXT records, and one may carry options: join them, or remove the others",
                recordType: .txt)
        }
        guard let record = records.first else { return nil }
        guard let text = String(validating: record.strings.joined(), as: UTF8.self) else {
            throw SeedlistError(.invalidTXTRecord, name: textName, "its TXT record is not UTF-8", recordType: .txt)
        }
        return text
    }
}

extension MongoConnectionString {
    /// Asks the DNS for the servers and options of a `mongodb+srv` string, both at the same time.
    ///
    /// A missing TXT record is fine; a failed TXT look-up is an error, since the record might
    /// have changed where the user authenticates.
    ///
    /// - Parameters:
    ///   - resolver: Looks up the records.
    ///   - deadline: When to give up.
    ///   - generator: Chooses the hosts if there are more than `srvMaxHosts`.
    /// - Returns: The string with its servers; a `mongodb` string as it is.
    /// - Throws: ``SeedlistError``, `CancellationError`.
    public func resolved(
        with resolver: any ServiceResolver, by deadline: ContinuousClock.Instant,
        using generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) async throws -> MongoConnectionString {
        guard let seedlist = Seedlist(self) else { return self }
        async let services = Self.lookUp(seedlist.serviceName, .noHosts) { name in
            try await resolver.services(of: name, by: deadline)
        }
        async let texts = Self.lookUp(seedlist.textName, nil) { name in
            try await resolver.texts(of: name, by: deadline)
        }
        var generator = generator
        return try await seedlist.resolved(services: services, texts: texts, using: &generator)
    }

    /// - Parameter absence: The error for a name without records; `nil` if that is not an error.
    private static func lookUp<Record: Sendable>(
        _ name: String, _ absence: SeedlistError.Code?, _ body: @Sendable (String) async throws -> [Record]
    ) async throws -> [Record] {
        do {
            return try await body(name)
        } catch let error as NameResolutionError {
            let code: SeedlistError.Code
            switch error.code {
            case .noSuchName, .noRecords:
                guard let absence else { return [] }
                code = absence
            case .deadlineExceeded: code = .deadlineExceeded
            default: code = .lookUpFailed
            }
            throw SeedlistError(
                code, name: name, error.message, recordType: absence == nil ? .txt : .srv, underlying: error)
        }
    }
}
