internal import MongoAuth
public import MongoConnect
public import MongoConnectionString
internal import MongoTransport
internal import NIOConcurrencyHelpers
internal import NameResolution

/// Checks every host of a connection string, all at once, and reports.
public struct CheckRunner: Sendable {
    private let connector: MongoConnector
    private let progress: @Sendable (String) -> Void

    /// Creates a runner.
    ///
    /// - Parameters:
    ///   - connector: Connects and authenticates.
    ///   - progress: Takes a line for each phase that begins.
    public init(connector: MongoConnector, progress: @escaping @Sendable (String) -> Void = { _ in }) {
        self.connector = connector
        self.progress = progress
    }

    /// Runs the check. It ends by the deadline and throws nothing: what goes wrong stands in the report.
    public func run(_ given: MongoConnectionString, by deadline: ContinuousClock.Instant) async -> CheckReport {
        guard given.credential != nil else {
            return CheckReport(
                failure: .init(
                    class: .usage, phase: nil, host: nil,
                    message: "the connection string names no user, so there is nothing to authenticate",
                    hint: "for Kerberos: mongodb://user%40REALM@\(given.hosts.first.map { "\($0)" } ?? "host")/"
                        + "?authMechanism=GSSAPI"))
        }
        let name = given.hosts.first.map { "\($0)" } ?? ""
        let string: MongoConnectionString
        do {
            string = try await connector.resolvingHosts(of: given, by: deadline)
        } catch {
            return CheckReport(failure: .init(error, phase: .dns, host: name))
        }
        let hosts = await withTaskGroup(of: (Int, CheckReport.Host).self) { group in
            for (index, host) in string.hosts.enumerated() {
                group.addTask { (index, await check(host, string, by: deadline)) }
            }
            var hosts: [Int: CheckReport.Host] = [:]
            for await (index, report) in group { hosts[index] = report }
            return string.hosts.indices.compactMap { hosts[$0] }
        }
        return CheckReport(hosts: hosts, warnings: string.warnings.map(\.description))
    }

    private func check(
        _ host: MongoConnectionString.Host, _ string: MongoConnectionString, by deadline: ContinuousClock.Instant
    ) async -> CheckReport.Host {
        let recorder = PhaseRecorder(host: "\(ServerLabel(host))", progress: progress)
        do {
            let session = try await connector.connect(
                to: host, of: string, by: deadline, observe: { recorder.record($0) })
            recorder.record(.began(.identity, at: .now))
            let identity = try await AuthenticatedIdentity.ask(session.connection, by: deadline)
            let roles = identity.roles.map { "\($0)" }.joined(separator: ", ")
            recorder.record(
                .ended(
                    .identity, at: .now,
                    detail: "\(identity.user) on \(identity.database)"
                        + (roles.isEmpty ? ", no roles" : ", roles: \(roles)")))
            await session.connection.close()
            return recorder.report(host, identity: identity, error: nil)
        } catch {
            return recorder.report(host, identity: nil, error: error)
        }
    }
}

/// How a host is named in reports: always with its port.
struct ServerLabel: CustomStringConvertible {
    private let host: MongoConnectionString.Host

    init(_ host: MongoConnectionString.Host) {
        self.host = host
    }

    var description: String {
        switch host.kind {
        case .unix: host.name
        case .ipLiteral: "[\(host.scopedName)]:\(host.port)"
        case .hostname, .ipv4: "\(host.name):\(host.port)"
        }
    }
}

/// Collects what happens at one host.
private final class PhaseRecorder: Sendable {
    private struct State {
        var phases: [ConnectPhase: CheckReport.Phase] = [:]
        var current: (phase: ConnectPhase, start: ContinuousClock.Instant)?
        var attempts: [CheckReport.Attempt] = []
        var warnings: [String] = []
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
            }
        }
        switch event {
        case .began(let phase, _): progress("\(host): \(phase) ...")
        case .warning(let text): progress("\(host): warning: \(text)")
        case .ended, .skipped, .attempted: break
        }
    }

    func report(
        _ host: MongoConnectionString.Host, identity: AuthenticatedIdentity?, error: (any Error)?
    ) -> CheckReport.Host {
        state.withLockedValue { state in
            var failure: CheckReport.Failure?
            if let error {
                failure = .init(error, phase: state.current?.phase, host: self.host)
                if let (phase, start) = state.current {
                    state.phases[phase] = .init(
                        name: phase.rawValue, result: .failed, milliseconds: (ContinuousClock.now - start).milliseconds,
                        detail: failure?.message)
                }
            }
            return CheckReport.Host(
                host: host.scopedName, port: host.port, result: error == nil ? .ok : .failed,
                phases: ConnectPhase.allCases.map { phase in
                    state.phases[phase]
                        ?? .init(name: phase.rawValue, result: .skipped, milliseconds: nil, detail: "not reached")
                },
                attempts: state.attempts,
                identity: identity.map { identity in
                    .init(
                        user: identity.user, database: identity.database,
                        roles: identity.roles.map { .init(role: $0.role, database: $0.database) })
                },
                warnings: state.warnings, failure: failure)
        }
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
