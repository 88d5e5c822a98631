internal import GSSKerberos
internal import KerberosCredentials
internal import NameResolution

/// All facts about a machine, without any judgement. `nil` means not determined in time.
struct EnvironmentFacts: Sendable {
    /// A variable of the environment, and the files that it names.
    struct Variable: Sendable, Hashable {
        /// A file that it names.
        struct Path: Sendable, Hashable {
            var path: String
            var state: FileState
        }

        var name: String
        var value: String
        var paths: [Path] = []
    }

    /// Whether a file can be used.
    enum FileState: String, Sendable, Hashable, Encodable {
        case usable
        case missing
        case forbidden
    }

    /// A server's host.
    struct Host: Sendable {
        /// An address and its name.
        struct Address: Sendable {
            var address: IPAddress
            var name: String?
        }

        var name: String
        var addresses: [Address] = []
        var moreAddresses = 0
        var canonicalName: String?
        /// Why it has no address.
        var problem: String?
        /// Its realm, from the configuration or the DNS.
        var realm: String?
        /// The library's fallback if neither has one and the KDC does not know better.
        var fallbackRealm: String?
        /// Why the realm cannot be determined.
        var realmProblem: String?
    }

    var request: EnvironmentRequest
    var configuration: KerberosConfiguration?
    var variables: [Variable] = []
    var inspection: KerberosInspection?
    var caches: [KerberosHoldings.Cache]?
    var keytab: KerberosHoldings.Keytab?
    var kdcs: KDCReport?
    /// Why the KDCs could not be determined.
    var kdcFailure: KerberosFailure?
    /// How far the clock of a KDC is ahead that only libkrb5 found, by a plugin.
    var otherKDCClockOffset: Duration?
    var hosts: [Host] = []
    var isClockSynchronized: Bool?
    /// What was not determined before the deadline, in a few words each.
    var missed: [String] = []
    /// In seconds since 1970.
    var now: Int64

    init(_ request: EnvironmentRequest, now: Int64) {
        (self.request, self.now) = (request, now)
    }

    /// Those that libkrb5 asks.
    var usedKDCs: [KDCReport.KDC] { kdcs?.kdcs.filter(\.isUsed) ?? [] }

    /// The KDCs that reported their time, as parts of a sentence, with how far each is ahead of this machine.
    var clockOffsets: [(kdc: String, offset: Duration)] {
        let told = usedKDCs.compactMap { kdc in kdc.clockOffset.map { (kdc: "the KDC \(kdc.location)", offset: $0) } }
        return told + (otherKDCClockOffset.map { [(kdc: "the KDC", offset: $0)] } ?? [])
    }

    /// The time by a KDC's clock if one is known to be far from ours: it decides about tickets.
    var kdcNow: Int64 {
        guard let offset = clockOffsets.first?.offset else { return now }
        return now + Int64((offset / .seconds(1)).rounded())
    }

    var allowedClockSkew: Duration { configuration?.allowedClockSkew ?? .seconds(300) }

    /// The file to look at, for advice.
    var configurationFile: String? {
        let files = configuration?.files.filter { $0.includedBy == nil } ?? []
        return (files.first { $0.state != .missing } ?? files.first)?.path
    }

    /// Whose tickets are wanted.
    var user: String? { inspection?.principal ?? request.principal }

    /// The names for advice.
    var names: Evidence.Names {
        var names = Evidence.Names()
        names.user = user
        names.cache = request.cache ?? inspection?.cache?.name ?? caches?.first { $0.isDefault }?.cache.name
        names.cacheOwner = inspection?.cache?.principal
        names.isDefaultCache = request.cache == nil
        names.keytab = request.keytab ?? inspection?.clientKeytab
        names.configurationFile = configurationFile
        return names
    }
}
