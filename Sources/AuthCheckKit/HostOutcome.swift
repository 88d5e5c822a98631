internal import GSSKerberos
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import SaslConnectionString

/// The outcome for one host. It becomes a report once the state of Kerberos on this machine is known.
struct HostOutcome: Sendable {
    let host: MongoConnectionString.Host
    let timeline: HostTimeline
    /// Whether the server says that it is an arbiter.
    let isArbiter: Bool
    /// Whether its name has no address, but SRV records of MongoDB.
    let isServiceName: Bool
    let error: (any Error)?
    /// Whether the port, which closed the connection, speaks TLS; `nil` if that was not tried.
    private(set) var speaksTLS: Bool?

    /// Whether the KDC does not know the service.
    var isServiceUnknown: Bool {
        (error as? MongoAuthError).flatMap { KerberosFailure($0) }?.symbolicName
            == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN"
            && timeline.failedPhase == .kerberos
    }

    /// Tries it if the server closed the connection without an answer.
    mutating func tryTLS(
        of string: MongoConnectionString, by connector: MongoConnector, _ probes: Probes,
        until end: ContinuousClock.Instant
    ) async {
        guard let error = error as? TransportError, error.code == .closed, error.mayDemandTLS else { return }
        speaksTLS = await probes.speaksTLS(host, of: string, by: connector, until: end)
    }

    /// - Parameter arbiters: The arbiters according to authenticated members, as `host:port`.
    func report(_ context: ReportContext, arbiters: Set<String>) -> CheckReport.Host {
        let isLeftOut = isArbiter && arbiters.contains("\(ServerEndpoint(host))")
        let kerberos = CheckReport.HostKerberos(timeline, now: context.now)
        let failure = isLeftOut ? nil : error.map { self.failure($0, context, service: kerberos?.service) }
        let phases = CheckPhase.allCases.map { phase -> CheckReport.Phase in
            var found =
                timeline.phases[phase]
                ?? .init(name: phase.rawValue, result: .skipped, milliseconds: nil, detail: "not reached")
            if phase == timeline.failedPhase { found.detail = failure?.message }
            return found
        }
        let warnings =
            timeline.warnings
            + (isLeftOut ? [CheckWarning("arbiter", "an arbiter, which has no users: left out")] : [])
        return CheckReport.Host(
            host: host.scopedName, port: host.port, result: isLeftOut ? .skipped : error == nil ? .ok : .failed,
            phases: phases,
            attempts: timeline.attempts,
            identity: timeline.identity.map { identity in
                .init(
                    user: identity.user, database: identity.database,
                    roles: identity.roles.map { .init(role: $0.role, database: $0.database) },
                    moreRoles: identity.moreRoles)
            },
            kerberos: kerberos, clockOffsetSeconds: timeline.serverClockOffset.map { $0 / .milliseconds(1) / 1000 },
            tlsVerified: timeline.isTLSVerified,
            tls: timeline.tls.map { report in
                .init(
                    version: report.version, notAfter: report.certificate.map { CheckReport.Ticket.text($0.notAfter) },
                    verified: timeline.isTLSVerified ?? false)
            },
            warnings: warnings.map(\.message), warningCodes: warnings.map(\.code), failure: failure)
    }

    private func failure(_ error: any Error, _ context: ReportContext, service: String?) -> CheckReport.Failure {
        var evidence = context.evidence(timeline, host: host, service: service)
        evidence.phase = timeline.failedPhase ?? (isArbiter ? .hello : nil)
        if isServiceName { evidence.codes = ["dns.is-service-name"] }
        if speaksTLS == true { evidence.codes = ["closed.speaks-tls"] }
        evidence.measured.speaksTLS = speaksTLS
        return CheckReport.Failure(
            error, host: "\(ServerEndpoint(host))", evidence: evidence,
            problem: context.inspection?.problem.map(KerberosFailure.init))
    }
}
