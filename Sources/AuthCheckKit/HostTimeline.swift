internal import GSSKerberos
internal import KerberosCredentials
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import NameResolution
internal import SASL
internal import SASLGSSAPI

/// A phase from a connection string to an authenticated connection, in order. In
/// `kerberos` the client's first token is made: the service's name, its ticket, the first step.
enum CheckPhase: String, Sendable, Hashable, CaseIterable {
    case dns, tcp, tls, hello, kerberos, sasl, identity
}

/// The summary of a trace: the phases, attempts, warnings and facts for one host. It depends only
/// on the entries, and on the error after the last one.
struct HostTimeline: Sendable {
    /// The phases that have ended, or do not apply.
    private(set) var phases: [CheckPhase: CheckReport.Phase] = [:]
    /// The phase of the error; `nil` if none had begun.
    private(set) var failedPhase: CheckPhase?
    private(set) var attempts: [CheckReport.Attempt] = []
    /// Warnings.
    private(set) var warnings: [CheckWarning] = []
    /// The server's Kerberos name.
    private(set) var service: ServicePrincipal?
    private(set) var credential: ServiceCredential?
    private(set) var authentication: AuthenticationDetails?
    private(set) var identity: AuthenticatedIdentity?
    /// The server's description of itself.
    private(set) var server: ServerDescription?
    /// How far the server's clock is ahead of this machine's.
    private(set) var serverClockOffset: Duration?
    /// Whether TLS has proven the server's identity; `nil` without a handshake that succeeded.
    private(set) var isTLSVerified: Bool?
    private var verifiesTLS = true

    private let needsTicket: Bool
    private let doubts: SuccessDoubts
    private let start: ContinuousClock.Instant
    private var starts: [CheckPhase: ContinuousClock.Instant] = [:]
    /// The phase that began last and has not ended.
    private var open: CheckPhase?
    private var addresses: [String] = []
    private(set) var isTicketReplaced = false
    /// The result of TLS.
    private(set) var tls: TLSReport?
    /// The mechanism whose conversation began.
    private(set) var mechanism: SaslMechanismName?
    /// The realm whose KDC was asked and has not answered.
    private(set) var askedRealm: String?
    /// The realm of which no KDC has answered.
    private(set) var silentRealm: String?
    private var sentTokens = 0

    /// - Parameters:
    ///   - error: The error at the end; `nil` if nothing failed.
    ///   - needsTicket: Whether the mechanism is one of Kerberos.
    init(
        _ entries: [ConnectTrace.Entry], _ error: (any Error)? = nil, needsTicket: Bool,
        thresholds: Thresholds = Thresholds(), from start: ContinuousClock.Instant, to end: ContinuousClock.Instant
    ) {
        self.needsTicket = needsTicket
        self.start = start
        doubts = SuccessDoubts(thresholds: thresholds)
        for entry in entries { add(entry) }
        if let error { fail(error, at: end) }
    }

    private mutating func add(_ entry: ConnectTrace.Entry) {
        switch entry.event {
        case .transport(let event): add(event, at: entry.time, now: entry.wallClockMilliseconds / 1000)
        case .authentication(let event): add(event, entry)
        case .retried(let reason):
            // All phases again, on a new connection.
            (phases, starts, attempts, addresses, open, credential) = ([:], [:], [], [], nil, nil)
            (mechanism, askedRealm, silentRealm, sentTokens) = (nil, nil, nil, 0)
            isTicketReplaced = isTicketReplaced || reason == .ticketReplaced
        case .warning(let warning):
            if case .tlsIsNotVerified = warning { verifiesTLS = false }
            if case .identityIsNotTold = warning { end(.identity, at: entry.time, "not reported by the server") }
            warn([CheckWarning(warning.code, warning.sentence)])
        }
    }

    private mutating func add(_ event: TransportEvent, at time: ContinuousClock.Instant, now: Int64) {
        switch event {
        case .lookUpBegan:
            if starts[.dns] == nil { begin(.dns, at: time) }
        case .lookedUp(_, _, let found):
            // One family may answer again, or while addresses of the other one are being tried.
            for address in found.map({ "\($0)" }) where !addresses.contains(address) { addresses.append(address) }
            phases[.dns]?.detail = addresses.joined(separator: ", ")
        case .lookUpFailed: break
        case .attemptBegan(let number, let address, let family):
            if phases[.dns] == nil {
                if starts[.dns] == nil { begin(.dns, at: time) }
                let unasked = family == nil ? "no look-up needed" : address
                end(.dns, at: time, addresses.isEmpty ? unasked : addresses.joined(separator: ", "))
                begin(.tcp, at: time)
            }
            guard number == attempts.count else { return }
            attempts.append(
                .init(
                    address: address, family: family.map { $0 == .ipv4 ? "ipv4" : "ipv6" },
                    startMilliseconds: sinceLookUp(time), endMilliseconds: nil, outcome: .cancelled, reason: nil))
        case .attemptEnded(let number, let outcome):
            guard attempts.indices.contains(number) else { return }
            attempts[number].endMilliseconds = sinceLookUp(time)
            if case .failed(let reason) = outcome {
                (attempts[number].outcome, attempts[number].reason) = (.failed, reason)
            } else if outcome == .connected {
                attempts[number].outcome = .connected
                let others = attempts.count > 1 ? ", \(attempts.count - 1) other attempts" : ""
                end(.tcp, at: time, "connected to \(attempts[number].address)\(others)")
            }
        case .proxyAsked: open = .tcp
        case .proxyConnected(let proxy, let server):
            end(.tcp, at: time, "connected to \(server) through the SOCKS5 proxy \(proxy)")
        case .tlsBegan: begin(.tls, at: time)
        case .tlsEnded(let report):
            isTLSVerified = verifiesTLS
            tls = report
            end(.tls, at: time, "\(report)")
            if let certificate = report.certificate { warn(doubts.about(certificate, at: now)) }
        }
    }

    private mutating func add(_ event: AuthenticationEvent, _ entry: ConnectTrace.Entry) {
        let time = entry.time
        switch event {
        case .helloBegan:
            if phases[.tls] == nil { skip(.tls, "not used") }
            // With pipelined commands, the first token is made before hello is sent.
            if open == .kerberos { endTicket(at: time) }
            begin(.hello, at: time)
        case .helloEnded(let server):
            end(.hello, at: time, "wire versions \(server.minWireVersion) to \(server.maxWireVersion)")
            serverClockOffset = server.localTimeMilliseconds.flatMap { serverTime in
                let (offset, isTooFar) = serverTime.subtractingReportingOverflow(entry.wallClockMilliseconds)
                return isTooFar ? nil : .milliseconds(offset)
            }
            if let serverClockOffset { warn(doubts.about(serverClock: serverClockOffset)) }
            self.server = server
            // A report does not need its bytes, which may be up to a mebibyte.
            self.server?.reply = []
            if phases[.kerberos] == nil { begin(needsTicket ? .kerberos : .sasl, at: time) }
        case .ticketBegan(let service):
            self.service = service
            if open != .kerberos { begin(.kerberos, at: time) }
        case .kerberos(.askingKDC(let realm, _, _)): (askedRealm, silentRealm) = (realm, realm)
        case .kerberos(.kdcAnswered): (askedRealm, silentRealm) = (nil, nil)
        case .kerberos(.noKDCAnswered): askedRealm = nil
        case .saslSent: sentTokens += 1
        case .kerberos, .saslReceived: break
        case .ticketEnded(let credential):
            self.credential = credential
            if let ticket = credential.ticket {
                warn(doubts.about(ticket, at: entry.wallClockMilliseconds / 1000))
            }
            if credential.isClientRenamed {
                warn(
                    "client-renamed",
                    "the KDC changed the user's name: the server sees \(credential.clientPrincipal). Drivers send the "
                        + "name as it is written: write the KDC's")
            }
        case .ticketReplaced(let credential):
            self.credential = credential
            isTicketReplaced = true
            open = .kerberos
        case .saslBegan(let mechanism):
            if open == .kerberos { endTicket(at: time) }
            if phases[.kerberos] == nil { skip(.kerberos, "\(mechanism) needs no ticket") }
            self.mechanism = mechanism
            begin(.sasl, at: time)
        case .saslEnded(let details):
            authentication = details
            if let offer = details.offer, offer.maximumLength > 0,
                offer.layers.isDisjoint(with: [.integrity, .confidentiality])
            {
                warn(
                    "size-without-layer",
                    "the server states a maximum message size without a security layer, which was tolerated on request"
                )
            }
            end(.sasl, at: time, details.summary)
        case .identityBegan: begin(.identity, at: time)
        case .identityEnded(let identity):
            self.identity = identity
            // A server may use other names for its users; the application's operator should know them.
            if let proven = authentication?.clientPrincipal, !Self.isSameUser(identity.user, as: proven) {
                warn(
                    "other-identity",
                    "the server says that we are \(identity.user); Kerberos has proven that we are \(proven)")
            }
            let more = identity.moreRoles > 0 ? ["and \(identity.moreRoles) more"] : []
            let roles = (identity.roles.map { "\($0)" } + more).joined(separator: ", ")
            let detail = roles.isEmpty ? "no roles" : "roles: \(roles)"
            if roles.isEmpty {
                warn("no-roles", "the user has no roles: it can log in, and do nothing else until it is given some")
            }
            end(.identity, at: time, "\(identity.user) on \(identity.database ?? "an unnamed database"), \(detail)")
        }
    }

    private mutating func fail(_ error: any Error, at time: ContinuousClock.Instant) {
        // A TLS 1.3 handshake can be refused after hello has been sent, and its files are read before the first phase.
        let own = (error as? TransportError).flatMap { CheckPhase(rawValue: $0.phase.rawValue) }
        guard let phase = own ?? open else { return }
        failedPhase = phase
        end(phase, at: time, nil)
        phases[phase]?.result = .failed
        for later in CheckPhase.allCases.drop(while: { $0 != phase }).dropFirst() { phases[later] = nil }
    }

    // MARK: - Phases

    private mutating func begin(_ phase: CheckPhase, at time: ContinuousClock.Instant) {
        starts[phase] = time
        open = phase
    }

    private mutating func end(_ phase: CheckPhase, at time: ContinuousClock.Instant, _ detail: String?) {
        phases[phase] = .init(
            name: phase.rawValue, result: .ok, milliseconds: (time - (starts[phase] ?? start)).milliseconds,
            detail: detail)
        open = nil
    }

    private mutating func skip(_ phase: CheckPhase, _ reason: String) {
        phases[phase] = .init(name: phase.rawValue, result: .skipped, milliseconds: nil, detail: reason)
    }

    private mutating func endTicket(at time: ContinuousClock.Instant) {
        let name = service.map { "ticket for \($0)" } ?? "ticket"
        end(.kerberos, at: time, name + (isTicketReplaced ? ", a new one: the first was refused" : ""))
    }

    /// Whether a server's name for a user is the principal, with or without the realm.
    private static func isSameUser(_ user: String, as principal: String) -> Bool {
        isSameText(user, principal)
            || KerberosTicket.realm(of: principal).map { isSameText("\(user)@\($0)", principal) } ?? false
    }

    private func sinceLookUp(_ time: ContinuousClock.Instant) -> Double {
        (time - (starts[.dns] ?? time)).milliseconds
    }

    private mutating func warn(_ code: String, _ message: String) { warn([CheckWarning(code, message)]) }

    private mutating func warn(_ new: [CheckWarning]) {
        for warning in new where !warnings.contains(warning) { warnings.append(warning) }
    }

    /// How far the conversation with the server has got.
    ///
    /// GSSAPI's third message answers an offer that carries the server's proof (RFC 4752 section 3.1); after SCRAM's
    /// proof there is at most an empty one.
    var stage: Evidence.Stage {
        guard authentication == nil else { return .authenticated }
        guard let mechanism, sentTokens > 0 else { return .beforeToken }
        let isMutual = mechanism.rawValue == "GSSAPI" || mechanism.rawValue.utf8.starts(with: "SCRAM".utf8)
        return isMutual && sentTokens > 2 ? .serverProven : .tokenSent
    }
}

extension Duration {
    /// Milliseconds with three places.
    fileprivate var milliseconds: Double {
        (self / .microseconds(1)).rounded() / 1000
    }
}
