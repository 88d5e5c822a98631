internal import BlockingWork
internal import GSSKerberos
public import MongoAuth
public import MongoConnect
internal import MongoTransport
public import SaslConnectionString

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
    ///
    /// - Parameter credential: Who authenticates; `nil` is the string's user.
    public func run(
        _ given: MongoConnectionString, as credential: MongoCredential? = nil, by deadline: ContinuousClock.Instant
    ) async -> CheckReport {
        guard credential != nil || given.credential != nil else {
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
        let identity = credential ?? string.credential.flatMap { try? MongoCredential($0) }
        let surroundings = KerberosSurroundings(identity)
        async let before = surroundings?.inspect(by: deadline)
        let outcomes = await withTaskGroup(of: (Int, HostOutcome).self) { group in
            for (index, host) in string.hosts.enumerated() {
                group.addTask { (index, await check(host, string, credential, by: deadline)) }
            }
            var outcomes: [Int: HostOutcome] = [:]
            for await (index, outcome) in group { outcomes[index] = outcome }
            return string.hosts.indices.compactMap { outcomes[$0] }
        }
        // Afterwards the cache has the tickets that were got; where no time is left, what was found at first has to do.
        let after = await surroundings?.inspect(by: deadline)
        var inspection = if let after { Optional(after) } else { await before }
        // Those that were used, which no cache has where they came from a keytab or a password, or it cannot be written.
        if let identity, let tickets = try? await connector.tickets(of: identity, by: deadline) {
            inspection?.take(tickets)
        }
        let kdcClockOffset = await surroundings?.kdcClockOffset(for: outcomes.map(\.error), inspection, by: deadline)
        let context = ReportContext(
            surroundings: surroundings, inspection: inspection, kdcClockOffset: kdcClockOffset ?? nil)
        return CheckReport(
            hosts: outcomes.map { $0.report(context) }, warnings: string.warnings.map(\.description),
            kerberos: inspection.map { .init($0, now: context.now) })
    }

    private func check(
        _ host: MongoConnectionString.Host, _ string: MongoConnectionString, _ credential: MongoCredential?,
        by deadline: ContinuousClock.Instant
    ) async -> HostOutcome {
        let recorder = PhaseRecorder(host: "\(ServerLabel(host))", progress: progress)
        do {
            let session = try await connector.connect(
                to: host, of: string, as: credential, by: deadline, observe: { recorder.record($0) })
            recorder.record(.began(.identity, at: .now))
            let identity = try await AuthenticatedIdentity.ask(session.connection, by: deadline)
            let roles = identity.roles.map { "\($0)" }.joined(separator: ", ")
            recorder.record(
                .ended(
                    .identity, at: .now,
                    detail: "\(identity.user) on \(identity.database)"
                        + (roles.isEmpty ? ", no roles" : ", roles: \(roles)")))
            await session.connection.close()
            return recorder.outcome(host, identity: identity, error: nil)
        } catch {
            return recorder.outcome(host, identity: nil, error: error)
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
