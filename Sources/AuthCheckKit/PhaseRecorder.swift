internal import GSSKerberos
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import NIOConcurrencyHelpers
internal import NameResolution
internal import SaslConnectionString

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Collects what happens at one host.
final class PhaseRecorder: Sendable {
    private struct State {
        var phases: [ConnectPhase: CheckReport.Phase] = [:]
        var current: (phase: ConnectPhase, start: ContinuousClock.Instant)?
        var attempts: [CheckReport.Attempt] = []
        var warnings: [String] = []
        var facts = HostFacts()
    }

    private let host: String
    private let progress: @Sendable (String) -> Void
    private let state = NIOLockedValueBox(State())

    init(host: String, progress: @escaping @Sendable (String) -> Void) {
        self.host = host
        self.progress = progress
    }

    func record(_ event: ConnectEvent) {
        state.withLockedValue { state in
            switch event {
            case .began(let phase, let start):
                // A second attempt in another message format goes through the first phases again.
                state.current = (phase, start)
            case .ended(let phase, let end, let detail):
                let start = state.current?.start ?? end
                state.phases[phase] = .init(
                    name: phase.rawValue, result: .ok, milliseconds: (end - start).milliseconds, detail: detail)
                state.current = nil
            case .skipped(let phase, let reason):
                state.phases[phase] = .init(name: phase.rawValue, result: .skipped, milliseconds: nil, detail: reason)
                state.current = nil
            case .attempted(let attempts):
                state.attempts = attempts.map(CheckReport.Attempt.init)
            case .warning(let text):
                state.warnings.append(text)
            case .learned(let fact):
                state.facts.learn(fact)
            }
        }
        switch event {
        case .began(let phase, _): progress("\(host): \(phase) ...")
        case .warning(let text): progress("\(host): warning: \(text)")
        case .ended, .skipped, .attempted, .learned: break
        }
    }

    func outcome(
        _ host: MongoConnectionString.Host, identity: AuthenticatedIdentity?, error: (any Error)?
    ) -> HostOutcome {
        state.withLockedValue { state in
            let failed = error == nil ? nil : state.current
            return HostOutcome(
                host: host, label: self.host, phases: state.phases, failedPhase: failed?.phase,
                failedAfter: failed.map { (ContinuousClock.now - $0.start).milliseconds }, attempts: state.attempts,
                warnings: state.warnings, facts: state.facts, identity: identity, error: error)
        }
    }
}

/// What became known of a host on the way.
struct HostFacts: Sendable {
    var service: ServicePrincipal?
    var authentication: AuthenticationDetails?
    /// How far the server's clock is ahead of this machine's.
    var clockOffset: Duration?

    mutating func learn(_ fact: ConnectFact) {
        switch fact {
        case .server(let server):
            // Read at once, so that no more than the way of the reply is in it.
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            clockOffset = server.localTimeMilliseconds.flatMap { time in
                let (difference, overflow) = time.subtractingReportingOverflow(now)
                return overflow ? nil : .milliseconds(difference)
            }
        case .service(let service):
            self.service = service
        case .authentication(let details):
            authentication = details
        }
    }
}

/// How the way to one host ended. It becomes a report once it is known what Kerberos has on this machine.
struct HostOutcome: Sendable {
    var host: MongoConnectionString.Host
    var label: String
    var phases: [ConnectPhase: CheckReport.Phase]
    var failedPhase: ConnectPhase?
    var failedAfter: Double?
    var attempts: [CheckReport.Attempt]
    var warnings: [String]
    var facts: HostFacts
    var identity: AuthenticatedIdentity?
    var error: (any Error)?

    func report(_ context: ReportContext) -> CheckReport.Host {
        var phases = phases
        let kerberos = facts.service.map { _ in CheckReport.HostKerberos(facts, context.inspection, now: context.now) }
        let failure = error.map {
            CheckReport.Failure(
                $0, phase: failedPhase, host: label,
                surroundings: context.failureSurroundings(facts, host: host, service: kerberos?.service))
        }
        if let failedPhase {
            phases[failedPhase] = .init(
                name: failedPhase.rawValue, result: .failed, milliseconds: failedAfter, detail: failure?.message)
        }
        return CheckReport.Host(
            host: host.scopedName, port: host.port, result: error == nil ? .ok : .failed,
            phases: ConnectPhase.allCases.map { phase in
                phases[phase]
                    ?? .init(name: phase.rawValue, result: .skipped, milliseconds: nil, detail: "not reached")
            },
            attempts: attempts,
            identity: identity.map { identity in
                .init(
                    user: identity.user, database: identity.database,
                    roles: identity.roles.map { .init(role: $0.role, database: $0.database) })
            },
            kerberos: kerberos, clockOffsetSeconds: facts.clockOffset.map { $0 / .milliseconds(1) / 1000 },
            warnings: warnings, failure: failure)
    }
}

extension CheckReport.Attempt {
    fileprivate init(_ attempt: ConnectReport.Attempt) {
        var reason: String?
        let outcome: Outcome
        switch attempt.outcome {
        case .connected: outcome = .connected
        case .cancelled: outcome = .cancelled
        case .failed(let text): (outcome, reason) = (.failed, text)
        }
        self.init(
            address: attempt.address, family: attempt.family.map { $0 == .ipv4 ? "ipv4" : "ipv6" },
            startMilliseconds: attempt.start.milliseconds, endMilliseconds: attempt.end?.milliseconds, outcome: outcome,
            reason: reason)
    }
}

extension Duration {
    /// Milliseconds with three places.
    fileprivate var milliseconds: Double {
        (self / .microseconds(1)).rounded() / 1000
    }
}
