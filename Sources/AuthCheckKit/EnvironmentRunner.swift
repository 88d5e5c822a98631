internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import NameResolution

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Checks what an authentication would find on this machine, without any server: configuration, KDCs, tickets, keys,
/// names and clocks.
package struct EnvironmentRunner: Sendable {
    private static let mostAddresses = 16
    /// How many hosts are checked.
    package static let mostHosts = 64

    private let resolver = SystemResolver()
    private let progress: @Sendable (String) -> Void

    /// Creates a runner.
    ///
    /// - Parameter progress: Receives a line for each step that begins.
    package init(progress: @escaping @Sendable (String) -> Void = { _ in }) {
        self.progress = progress
    }

    /// Runs the check. It ends by the deadline and throws nothing: errors are in the report.
    package func run(_ request: EnvironmentRequest, by deadline: ContinuousClock.Instant) async -> EnvironmentReport {
        EnvironmentReport(await facts(request, by: deadline))
    }

    func facts(_ request: EnvironmentRequest, by deadline: ContinuousClock.Instant) async -> EnvironmentFacts {
        var facts = EnvironmentFacts(request, now: Int64(Date().timeIntervalSince1970))
        let left = deadline - .now
        // Some time is left for the report, and a silent KDC leaves time for those that are asked after it.
        let end = deadline - min(.milliseconds(200), left / 5)
        let kdcEnd = min(end, .now + max(.seconds(3), left / 2))
        progress("reading the configuration, caches and keytabs")
        async let configuration = attempt("the configuration files", by: end) { KerberosConfiguration.current() }
        async let variables = attempt("the files that variables name", by: end) {
            EnvironmentFacts.Variable.read(request.variables)
        }
        async let caches = attempt("the credential caches", by: end) {
            try? KerberosHoldings.caches(default: request.cache)
        }
        async let keytab = attempt("the client keytab", by: end) { try? KerberosHoldings.clientKeytab(request.keytab) }
        async let hosts = hosts(request.hosts, by: end)
        let inspection = await attempt("the credentials", by: end) {
            KerberosInspection(
                principal: request.principal, store: .init(cache: request.cache, clientKeytab: request.keytab))
        }
        facts.inspection = inspection
        await askKDCs(&facts, by: kdcEnd)
        facts.configuration = await configuration
        facts.variables = await variables ?? []
        facts.caches = await caches ?? nil
        facts.keytab = await keytab ?? nil
        facts.hosts = await hosts
        facts.isClockSynchronized = KerberosClock.isSynchronized
        let parts: [(String, Bool)] = await [
            ("the configuration files", configuration == nil), ("the credentials", inspection == nil),
            ("the credential caches", caches == nil), ("the client keytab", keytab == nil),
            ("the KDCs", facts.kdcs == nil && facts.kdcFailure == nil),
        ]
        facts.missed = parts.filter(\.1).map(\.0)
        return facts
    }

    private func attempt<Value: Sendable>(
        _ what: String, by deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Value
    ) async -> Value? {
        try? await BlockingWorkers.namesAndFiles.run(by: deadline, waitingFor: what, body)
    }

    // MARK: - KDCs

    private func askKDCs(_ facts: inout EnvironmentFacts, by deadline: ContinuousClock.Instant) async {
        let request = facts.request
        let principal = request.principal ?? facts.inspection?.principal
        progress("asking the KDCs")
        do {
            let report = try await KDCProbe(names: resolver).run(
                realm: request.realm, principal: principal, by: deadline)
            facts.kdcs = report
            guard report.malformedEntries.isEmpty, !report.kdcs.contains(where: \.isUsed) else { return }
            // A plugin of libkrb5, such as SSSD's, may know one.
            facts.otherKDCClockOffset = try? await BlockingWorkers.kdcs.run(
                by: deadline, waitingFor: "a KDC of \(report.realm)"
            ) { try KerberosClock.offsetOfKDC(for: report.principal) }
        } catch let error as KerberosCredentialError {
            facts.kdcFailure = error.underlying.map { KerberosFailure($0) }
        } catch {}
    }

    // MARK: - Hosts

    private func hosts(_ names: [String], by deadline: ContinuousClock.Instant) async -> [EnvironmentFacts.Host] {
        await withTaskGroup(of: (Int, EnvironmentFacts.Host).self) { group in
            for (index, name) in names.prefix(Self.mostHosts).enumerated() {
                group.addTask { (index, await host(name, by: deadline)) }
            }
            var hosts: [Int: EnvironmentFacts.Host] = [:]
            for await (index, host) in group { hosts[index] = host }
            return hosts.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private func host(_ name: String, by deadline: ContinuousClock.Instant) async -> EnvironmentFacts.Host {
        progress("\(name): looking up its addresses and its realm")
        var host = EnvironmentFacts.Host(name: name)
        async let realms = realms(of: name, by: deadline)
        do {
            let found = try await resolver.addresses(of: name, family: nil, by: deadline)
            host.moreAddresses = max(0, found.count - Self.mostAddresses)
            if IPAddress(name) == nil { host.canonicalName = try? await resolver.canonicalName(of: name, by: deadline) }
            host.addresses = await names(of: Array(found.prefix(Self.mostAddresses)), by: deadline)
        } catch {
            host.problem = (error as? NameResolutionError)?.message ?? "\(error)"
        }
        (host.realm, host.fallbackRealm, host.realmProblem) = await realms
        return host
    }

    private func names(
        of addresses: [IPAddress], by deadline: ContinuousClock.Instant
    ) async -> [EnvironmentFacts.Host.Address] {
        await withTaskGroup(of: (Int, EnvironmentFacts.Host.Address).self) { group in
            for (index, address) in addresses.enumerated() {
                group.addTask {
                    let name = try? await resolver.name(of: address, by: deadline)
                    return (index, .init(address: address, name: name))
                }
            }
            var found: [Int: EnvironmentFacts.Host.Address] = [:]
            for await (index, address) in group { found[index] = address }
            return found.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    /// With `dns_lookup_realm` the library asks the DNS for it.
    private func realms(
        of host: String, by deadline: ContinuousClock.Instant
    ) async -> (known: String?, fallback: String?, problem: String?) {
        do {
            let found = try await BlockingWorkers.namesAndFiles.run(by: deadline, waitingFor: "the realm of \(host)") {
                let found = try KerberosHoldings.realms(ofHost: host)
                return [found.known, found.fallback]
            }
            return (found[0], found[1], nil)
        } catch let error as GSSError {
            return (nil, nil, error.message)
        } catch {
            return (nil, nil, (error as? BlockingWorkError)?.message)
        }
    }
}
