import NameResolution
import TestSupport

/// A resolver that keeps its servers running while it looks up.
struct ServedResolver: ServiceResolver {
    let servers: [ServiceDNSServer]
    let resolver: DNSServiceResolver

    func services(of name: String, by deadline: ContinuousClock.Instant) async throws -> [SRVRecord] {
        defer { withExtendedLifetime(servers) {} }
        return try await resolver.services(of: name, by: deadline)
    }

    func texts(of name: String, by deadline: ContinuousClock.Instant) async throws -> [TXTRecord] {
        defer { withExtendedLifetime(servers) {} }
        return try await resolver.texts(of: name, by: deadline)
    }
}

extension Answer {
    init(to query: DNSQuery, _ records: Record...) {
        self.init(to: query.encoded)
        self.records = records
    }
}
