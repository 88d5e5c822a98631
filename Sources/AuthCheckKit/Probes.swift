internal import BlockingWork
internal import KerberosCredentials
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import NameResolution
internal import SaslConnectionString

/// Finds causes out by trying. Everything here only reads, is bounded by two seconds, and proves nothing: it is for telling a
/// person.
///
/// A KDC that is waited for is asked beside that: when the deadline has passed there is no time to do it.
final class Probes: Sendable {
    private struct State {
        /// How many requests to the KDCs of a realm have no answer.
        var outstanding: [String: Int] = [:]
        var watches: [String: Task<KDCReport?, Never>] = [:]
    }

    private static let limit = Duration.seconds(2)
    /// A KDC that takes longer may be one that says nothing.
    private static let patience = Duration.seconds(1)

    private let deadline: ContinuousClock.Instant
    private let isEnabled: Bool
    private let state = Locked(State())

    init(by deadline: ContinuousClock.Instant, isEnabled: Bool) {
        (self.deadline, self.isEnabled) = (deadline, isEnabled)
    }

    /// Takes what happens on the way to a ticket.
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
        let wait = min(Self.patience, (deadline - .now) / 4)
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

    /// What the KDCs of a realm do, where one of them was waited for or none has answered.
    func kdcs(of realm: String) async -> KDCReport? {
        guard isEnabled else { return nil }
        let watch = state.withLock { $0.watches[realm] }
        if let report = await watch?.value { return report }
        return await ask(realm)
    }

    /// Whether a port whose owner hangs up without a word greets with TLS; `nil` where that cannot be told.
    func speaksTLS(
        _ host: MongoConnectionString.Host, of string: MongoConnectionString, by connector: MongoConnector,
        until limit: ContinuousClock.Instant
    ) async -> Bool? {
        // Only the handshake: nothing of the string goes to a server that nothing is known of, and nothing that is proven.
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

    /// Whether a realm is one of Active Directory: its domain controllers are in the DNS by a name of their own. `nil` where
    /// the DNS here does not have them, which does not mean that there are none.
    func isActiveDirectory(_ realm: String) async -> Bool? {
        guard isEnabled, !realm.isEmpty else { return nil }
        let end = min(deadline, .now + .milliseconds(300))
        let found = try? await DNSServiceResolver().services(of: "_ldap._tcp.dc._msdcs.\(realm)", by: end)
        return found?.isEmpty == false ? true : nil
    }

    /// Ends what still runs.
    func end() {
        for watch in state.withLock({ $0.watches.values }) { watch.cancel() }
    }
}
