internal import GSSKerberos
internal import KerberosCredentials
public import MongoAuth
public import MongoConnect
internal import MongoTransport
internal import NameResolution
public import SaslConnectionString
internal import SaslWire

/// Checks every host of a connection string, all at once, and reports.
public struct CheckRunner: Sendable {
    private let connector: MongoConnector
    private let progress: @Sendable (String) -> Void

    /// Creates a runner.
    ///
    /// - Parameters:
    ///   - connector: Connects and authenticates.
    ///   - progress: Takes a line for each thing that begins.
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
            var failure = CheckReport.Failure(error, phase: .dns, host: name)
            if let other = await nameInSearchList(given, error, by: deadline) {
                failure.hint =
                    "write mongodb+srv://\(other) if that is meant: it is in the search list of the resolver, where only some "
                    + "drivers look. Otherwise check the name's spelling"
            }
            var report = CheckReport(failure: failure)
            report.warnings = given.warnings.map(\.description)
            return report
        }
        let identity = credential ?? string.credential.flatMap { try? MongoCredential($0) }
        let surroundings = KerberosSurroundings(identity)
        async let found = surroundings?.inspect(by: deadline)
        let outcomes = await checks(of: string, credential, needsTicket: surroundings != nil, by: deadline)
        var inspection = await found
        // Those in use, which no cache has where they came from a keytab or a password.
        if let identity, let tickets = try? await connector.tickets(of: identity, by: deadline),
            tickets.grantingTicket != nil
        {
            inspection?.take(tickets)
        }
        let kdcClockOffset = await surroundings?.kdcClockOffset(
            for: outcomes.compactMap(\.error), inspection, by: deadline)
        let context = ReportContext(
            surroundings: surroundings, inspection: inspection, kdcClockOffset: kdcClockOffset)
        // That a server is an arbiter is its own claim, unless one that has proven itself says so.
        let arbiters = Set(
            outcomes.filter { $0.timeline.authentication?.isServerProven == true }
                .flatMap { $0.timeline.server?.arbiters ?? [] })
        return CheckReport(
            hosts: outcomes.map { $0.report(context, arbiters: arbiters) },
            warnings: string.warnings.map(\.description),
            kerberos: inspection.map { .init($0, now: context.now) })
    }

    /// How many hosts are checked at a time.
    private static let width = 64

    /// Checks the hosts, so many at a time. Where there are more, each has its share of the time: one that is silent must not
    /// use up that of the others.
    private func checks(
        of string: MongoConnectionString, _ credential: MongoCredential?, needsTicket: Bool,
        by deadline: ContinuousClock.Instant
    ) async -> [HostOutcome] {
        let start = ContinuousClock.now
        let rounds = (string.hosts.count + Self.width - 1) / Self.width
        return await withTaskGroup(of: (Int, HostOutcome).self) { group in
            var outcomes: [Int: HostOutcome] = [:]
            for (index, host) in string.hosts.enumerated() {
                if index >= Self.width, let (done, outcome) = await group.next() { outcomes[done] = outcome }
                let share = start + (deadline - start) * (index / Self.width + 1) / rounds
                group.addTask {
                    (index, await check(host, string, credential, needsTicket: needsTicket, by: share))
                }
            }
            for await (index, outcome) in group { outcomes[index] = outcome }
            return string.hosts.indices.compactMap { outcomes[$0] }
        }
    }

    private func check(
        _ host: MongoConnectionString.Host, _ string: MongoConnectionString, _ credential: MongoCredential?,
        needsTicket: Bool, by deadline: ContinuousClock.Instant
    ) async -> HostOutcome {
        let start = ContinuousClock.now
        let trace = ConnectTrace { entry in
            if let line = entry.event.progressLine { progress("\(ServerEndpoint(host)): \(line)") }
        }
        var failure: (any Error)?
        do {
            let session = try await connector.connect(to: host, of: string, as: credential, by: deadline, trace: trace)
            // Its answer is for a report, so it need not be longer than one.
            session.connection.limits = .beforeAuthentication
            do {
                _ = try await AuthenticatedIdentity.ask(session.connection, by: deadline) { event in
                    trace.record(.authentication(event))
                }
            } catch let error as MongoAuthError
                where error.code == .identityNotTold && session.authentication?.isServerProven == true
            {
                // Not every server knows the command. Where both sides are proven it is a help, and no proof.
                trace.record(.warning(.identityIsNotTold(reason: error.message)))
            } catch {
                failure = error
            }
            await session.connection.close()
            await lookUpMembers(of: session.server, string, trace, by: deadline)
        } catch {
            failure = error
        }
        let isArbiter = (failure as? MongoAuthError)?.code == .arbiter
        let isServiceName = await isServiceName(host, of: string, failure, by: deadline)
        let timeline = HostTimeline(
            trace.entries, isArbiter ? nil : failure, needsTicket: needsTicket, from: start, to: .now)
        return HostOutcome(
            host: host, timeline: timeline, isArbiter: isArbiter, isServiceName: isServiceName, error: failure)
    }

    /// Another name under which the records are that a `mongodb+srv` string lacks.
    private func nameInSearchList(
        _ string: MongoConnectionString, _ error: any Error, by deadline: ContinuousClock.Instant
    ) async -> String? {
        guard let error = error as? SeedlistError, error.code == .noHosts else { return nil }
        return await connector.namesInSearchList(of: string, by: min(deadline, .now + .seconds(1))).first
    }

    /// Whether a name that has no address is one for `mongodb+srv`.
    private func isServiceName(
        _ host: MongoConnectionString.Host, of string: MongoConnectionString, _ failure: (any Error)?,
        by deadline: ContinuousClock.Instant
    ) async -> Bool {
        // A proxy looks the name up itself, and it is the proxy's name that did not resolve.
        guard !string.isSRV, string.options.proxyHost == nil, let error = failure as? TransportError,
            error.code == .nameResolution, let cause = error.underlying as? NameResolutionError,
            [.noSuchName, .noAddress].contains(cause.code)
        else { return false }
        return await connector.hasServiceRecords(host, by: min(deadline, .now + .seconds(1)))
    }

    /// Looks up the names by which drivers connect to the members of a replica set: that this server was reached by another one
    /// hides the matter here, and not there.
    private func lookUpMembers(
        of server: ServerDescription, _ string: MongoConnectionString, _ trace: ConnectTrace,
        by deadline: ContinuousClock.Instant
    ) async {
        let options = string.options
        guard let set = server.setName, options.directConnection != true, options.proxyHost == nil else { return }
        let missing = await connector.unresolvedMembers(of: server, by: min(deadline, .now + .seconds(1)))
        if !missing.isEmpty { trace.record(.warning(.membersDoNotResolve(members: missing, set: set))) }
    }
}
