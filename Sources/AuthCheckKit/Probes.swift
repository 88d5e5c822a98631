internal import BlockingWork
internal import KerberosCredentials
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import NameResolution
internal import SaslConnectionString

/// Makes probes to find causes. Everything here only reads, takes at most two seconds, and proves nothing: it is only
/// for reports.
///
/// A KDC that is waited for is probed meanwhile: after the deadline there is no time for it.
final class Probes: Sendable {
    private struct State {
        /// How many requests to the KDCs of a realm have no answer.
        var outstanding: [String: Int] = [:]
        var watches: [String: Task<KDCReport?, Never>] = [:]
    }

    private static let limit = Duration.seconds(2)
    /// A KDC that takes longer may be silent.
    private static let timeout = Duration.seconds(1)

    private let deadline: ContinuousClock.Instant
    private let isEnabled: Bool
    private let state = Locked(State())

    init(by deadline: ContinuousClock.Instant, isEnabled: Bool) {
        (self.deadline, self.isEnabled) = (deadline, isEnabled)
    }

    /// Receives the events of fetching a ticket.
    func note(_ event: ConnectTrace.Event) {
        guard isEnabled, case .authentication(.kerberos(let event)) = event else { return }
        switch event {
        case .askingKDC(let realm, _, _): state.withLock { begin(realm, &$0) }
        case .kdcAnswered(let realm, _, _), .noKDCAnswered(let realm, _, _):
            state.withLock { $0.outstanding[realm, default: 1] -= 1 }
        default: break
        }
    }

    private func begin(_ realm: String, _ state: inout State) {
        state.outstanding[realm, default: 0] += 1
        guard state.watches[realm] == nil else { return }
        let wait = min(Self.timeout, (deadline - .now) / 4)
        state.watches[realm] = Task { [weak self] in
            guard (try? await Task.sleep(for: wait)) != nil, let self, isWaiting(for: realm) else { return nil }
            return await ask(realm)
        }
    }

    private func isWaiting(for realm: String) -> Bool { state.withLock { $0.outstanding[realm] ?? 0 } > 0 }

    private func ask(_ realm: String) async -> KDCReport? {
        let end = min(deadline - .milliseconds(50), .now + Self.limit)
        guard end > .now else { return nil }
        return try? await KDCProbe().run(realm: realm, by: end)
    }

    /// The results of a realm's KDCs, if one of them was waited for or none has answered.
    func kdcs(of realm: String) async -> KDCReport? {
        guard isEnabled else { return nil }
        let watch = state.withLock { $0.watches[realm] }
        if let report = await watch?.value { return report }
        return await ask(realm)
    }

    /// Whether a port that closes the connection without an answer speaks TLS; `nil` if unknown.
    func speaksTLS(
        _ host: MongoConnectionString.Host, of string: MongoConnectionString, by connector: MongoConnector,
        until limit: ContinuousClock.Instant
    ) async -> Bool? {
        // Only the handshake: no data of the string is sent to an unknown server, and nothing is verified.
        guard isEnabled, host.kind != .unix, string.options.proxyHost == nil else { return nil }
        let greeted = Locked(false)
        do {
            var options = TLSOptions()
            (options.verifiesCertificate, options.verifiesHostname) = (false, false)
            let connection = try await WireConnection.connect(
                to: ServerEndpoint(host), connector: connector.transport, tls: options, by: min(deadline, limit)
            ) { event in
                if case .tlsEnded = event { greeted.withLock { $0 = true } }
            }
            await connection.close()
        } catch {
            let failure = (error as? TransportError)?.tlsFailure
            if let failure, failure != .notTLS, failure != .handshake { return true }
        }
        return greeted.withLock { $0 }
    }

    /// Whether a realm is Active Directory's: its domain controllers have their own DNS name. `nil` if the
    /// DNS here does not have it, which does not mean that there are none.
    func isActiveDirectory(_ realm: String) async -> Bool? {
        guard isEnabled, !realm.isEmpty else { return nil }
        let end = min(deadline, .now + .milliseconds(300))
        let found = try? await DNSServiceResolver().services(of: "_ldap._tcp.dc._msdcs.\(realm)", by: end)
        return found?.isEmpty == false ? true : nil
    }

    /// Another name by which the KDC knows a service that it does not know by the requested name: the string's
    /// host, in lower case, its first label, its canonical name; and MongoDB's usual service.
    ///
    /// - Parameter givenHost: SERVICE_HOST.
    func knownService(
        insteadOf service: ServicePrincipal, host: MongoConnectionString.Host, givenHost: String?,
        as credential: MongoCredential, _ connector: MongoConnector
    ) async -> Evidence.KnownService? {
        guard isEnabled, host.kind != .unix else { return nil }
        let end = min(deadline - .milliseconds(50), .now + Self.limit)
        let written = ServicePrincipal.unresolved(service: service.service, realm: nil, host: host.asciiName).host
        var hosts = [written, asciiLowercased(service.host), asciiLowercased(written)]
        hosts += [service.host, written].compactMap { name in
            name.unicodeScalars.firstIndex(of: ".").map { String(name.unicodeScalars[..<$0]) }
        }
        let canonical = await connector.canonicalName(of: host, by: min(end, .now + .milliseconds(500)))
        let fromDNS = canonical.map { ServicePrincipal.unresolved(service: "", realm: nil, host: $0).host }
        var candidates = hosts.map { (service: service.service, host: $0, isFromDNS: false) }
        if let fromDNS { candidates.append((service.service, fromDNS, true)) }
        candidates.append(("mongodb", service.host, false))
        var tried: Set<String> = ["\(service.service)/\(service.host)"]
        for candidate in candidates where IPAddress(candidate.host) == nil {
            let other = ServicePrincipal(
                service: candidate.service, host: candidate.host, realm: service.realm)
            let name = "\(other.service)/\(other.host)"
            guard tried.insert(name).inserted, .now < end else { continue }
            guard await connector.isKnown(other, to: credential, by: end) else { continue }
            let property =
                candidate.host == service.host ? "SERVICE_NAME:\(candidate.service)" : "SERVICE_HOST:\(candidate.host)"
            return .init(name: name, properties: property, alias: candidate.isFromDNS ? written : nil)
        }
        return nil
    }

    /// Cancels what still runs.
    func end() {
        for watch in state.withLock({ $0.watches.values }) { watch.cancel() }
    }
}
