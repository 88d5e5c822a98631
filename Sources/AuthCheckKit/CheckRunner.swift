internal import GSSKerberos
internal import KerberosCredentials
package import MongoAuth
package import MongoConnect
internal import MongoTransport
internal import NameResolution
package import SaslConnectionString
internal import SaslWire

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Checks every host of a connection string, all at once, and reports.
package struct CheckRunner: Sendable {
    private let connector: MongoConnector
    private let progress: @Sendable (String) -> Void
    private let environment: [String: String]
    private let thresholds: Thresholds
    private let usesProbes: Bool

    /// Creates a runner.
    ///
    /// - Parameters:
    ///   - connector: Connects and authenticates.
    ///   - environment: The variables of the process; those of Kerberos are reported if they mislead.
    ///   - thresholds: The thresholds of warnings about a success.
    ///   - probes: Whether to make probes to find causes: each KDC separately, TLS on a port that closed the
    ///     connection, whether the realm is Active Directory's. They take at most two seconds, and write nothing.
    ///   - progress: Receives a line for each step that begins.
    package init(
        connector: MongoConnector, environment: [String: String] = [:], thresholds: Thresholds = Thresholds(),
        probes: Bool = true,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.connector = connector
        self.environment = environment
        self.thresholds = thresholds
        usesProbes = probes
        self.progress = progress
    }

    /// Runs the check. It ends by the deadline and throws nothing: errors are in the report.
    ///
    /// - Parameter credential: Who authenticates; `nil` is the string's user.
    package func run(
        _ given: MongoConnectionString, as credential: MongoCredential? = nil, by deadline: ContinuousClock.Instant
    ) async -> CheckReport {
        let (began, start) = (Date(), ContinuousClock.now)
        var report = await check(given, as: credential, by: deadline)
        report.uri = given.description
        report.startedAt = began.formatted(.iso8601)
        report.totalMilliseconds = ((ContinuousClock.now - start) / .microseconds(1)).rounded() / 1000
        return report
    }

    private func check(
        _ given: MongoConnectionString, as credential: MongoCredential?, by deadline: ContinuousClock.Instant
    ) async -> CheckReport {
        guard credential != nil || given.credential != nil else {
            let host = given.hosts.first.map { "\($0)" } ?? "host"
            return CheckReport(
                failure: .init(
                    usage: "the connection string names no user, so there is nothing to authenticate",
                    .init(
                        rule: "nobody-to-authenticate", cause: "there is nothing to authenticate",
                        culprit: .connectionString,
                        steps: [.init("for Kerberos write mongodb://user%40REALM@\(host)/?authMechanism=GSSAPI")])))
        }
        let name = given.hosts.first.map { "\($0)" } ?? ""
        let string: MongoConnectionString
        do {
            string = try await connector.resolvingHosts(of: given, by: deadline)
        } catch {
            var evidence = Evidence()
            evidence.phase = .dns
            evidence.asked = .nameServer
            evidence.names.host = given.hosts.first?.name
            if let other = await nameInSearchList(given, error, by: deadline) {
                evidence.codes = ["dns.in-search-list"]
                evidence.names.host = other
            }
            var report = CheckReport(failure: CheckReport.Failure(error, host: name, evidence: evidence))
            for warning in given.warnings { report.warn(warning.asCheckWarning) }
            return report
        }
        let identity = credential ?? string.credential.flatMap { try? MongoCredential($0) }
        let surroundings = KerberosSurroundings(identity)
        async let found = surroundings?.inspect(by: deadline)
        let probes = Probes(by: deadline, isEnabled: usesProbes)
        defer { probes.end() }
        var outcomes = await checks(of: string, credential, needsTicket: surroundings != nil, probes, by: deadline)
        var inspection = await found
        // The tickets in use, which are in no cache if they came from a keytab or a password.
        if let identity, let tickets = try? await connector.tickets(of: identity, by: deadline),
            tickets.grantingTicket != nil
        {
            inspection?.take(tickets)
        }
        let kdcClockOffset = await surroundings?.kdcClockOffset(for: outcomes, inspection, by: deadline)
        let end = ContinuousClock.now + .seconds(1)
        for index in outcomes.indices where .now < end {
            await outcomes[index].tryTLS(of: string, by: connector, probes, until: end)
        }
        let kdcs = await kdcReports(outcomes, probes)
        let isActiveDirectory = await isActiveDirectory(inspection?.principal, outcomes, probes)
        let serviceNames = string.credential?.gssapiProperties
        let knownServices = await knownServices(outcomes, serviceNames, identity, probes)
        let context = ReportContext(
            surroundings: surroundings, inspection: inspection, kdcClockOffset: kdcClockOffset, kdcs: kdcs,
            knownServices: knownServices, isActiveDirectory: isActiveDirectory,
            mechanism: identity?.mechanismName ?? string.credential?.mechanism?.rawValue,
            user: identity?.username ?? string.credential?.username,
            string: .init(
                seedlist: given.isSRV ? given.hosts.first?.name : nil, serviceName: serviceNames?.serviceName,
                serviceHost: serviceNames?.serviceHost, usesTLS: string.usesTLS,
                namesMechanism: string.credential?.mechanism != nil),
            environment: environment)
        // That a server is an arbiter is its own claim, unless an authenticated server says so.
        let arbiters = Set(
            outcomes.filter { $0.timeline.authentication?.isServerProven == true }
                .flatMap { $0.timeline.server?.arbiters ?? [] })
        var report = CheckReport(
            hosts: outcomes.map { $0.report(context, arbiters: arbiters) },
            warnings: string.warnings.map(\.asCheckWarning) + environmentWarnings,
            kerberos: inspection.map { .init($0, now: context.now) })
        report.kdcs = kdcs.values.sorted { $0.realm < $1.realm }.map(EnvironmentReport.KDCs.init)
        return report
    }

    /// The results of the KDCs of the realms of which none has answered.
    private func kdcReports(_ outcomes: [HostOutcome], _ probes: Probes) async -> [String: KDCReport] {
        var reports: [String: KDCReport] = [:]
        for realm in Set(outcomes.filter { $0.error != nil }.compactMap(\.timeline.silentRealm)).sorted().prefix(2) {
            reports[realm] = await probes.kdcs(of: realm)
        }
        return reports
    }

    /// Other names by which the KDC knows the services that it does not know by the requested names, by host.
    private func knownServices(
        _ outcomes: [HostOutcome], _ properties: GSSAPIProperties?, _ identity: MongoCredential?, _ probes: Probes
    ) async -> [String: Evidence.KnownService] {
        guard let identity else { return [:] }
        var found: [String: Evidence.KnownService] = [:]
        for outcome in outcomes where outcome.isServiceUnknown {
            guard let service = outcome.timeline.service, found.count < 4 else { continue }
            found["\(ServerEndpoint(outcome.host))"] = await probes.knownService(
                insteadOf: service, host: outcome.host, givenHost: properties?.serviceHost, as: identity, connector)
        }
        return found
    }

    /// Asked only if the advice depends on it.
    private func isActiveDirectory(
        _ principal: String?, _ outcomes: [HostOutcome], _ probes: Probes
    ) async -> Bool? {
        let isMatter = outcomes.contains {
            $0.timeline.silentRealm == nil && ($0.error as? MongoAuthError)?.code == .kerberos
        }
        guard isMatter, let realm = principal.flatMap(KerberosTicket.realm(of:)) else { return nil }
        return await probes.isActiveDirectory(String(realm))
    }

    /// A named configuration file that does not exist, which Kerberos does not report.
    private var environmentWarnings: [CheckWarning] {
        guard let names = environment["KRB5_CONFIG"] else { return [] }
        return names.utf8.split(separator: UInt8(ascii: ":")).map { String(decoding: $0, as: UTF8.self) }
            .filter { access($0, F_OK) != 0 }
            .map {
                .init(
                    "configuration-missing",
                    "KRB5_CONFIG names \($0), which does not exist: Kerberos continues without it")
            }
    }

    /// How many hosts are checked at a time.
    private static let width = 64

    /// Checks the hosts, so many at a time. With more, each has its share of the time: a silent one must not
    /// use up that of the others.
    private func checks(
        of string: MongoConnectionString, _ credential: MongoCredential?, needsTicket: Bool, _ probes: Probes,
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
                    (index, await check(host, string, credential, needsTicket: needsTicket, probes, by: share))
                }
            }
            for await (index, outcome) in group { outcomes[index] = outcome }
            return string.hosts.indices.compactMap { outcomes[$0] }
        }
    }

    private func check(
        _ host: MongoConnectionString.Host, _ string: MongoConnectionString, _ credential: MongoCredential?,
        needsTicket: Bool, _ probes: Probes, by deadline: ContinuousClock.Instant
    ) async -> HostOutcome {
        let start = ContinuousClock.now
        let trace = ConnectTrace { entry in
            probes.note(entry.event)
            if let line = entry.event.progressLine { progress("\(ServerEndpoint(host)): \(line)") }
        }
        var failure: (any Error)?
        do {
            let session = try await connector.connect(to: host, of: string, as: credential, by: deadline, trace: trace)
            // Its answer is for a report, so its length is limited to that.
            session.connection.limits = .beforeAuthentication
            do {
                _ = try await AuthenticatedIdentity.ask(session.connection, by: deadline) { event in
                    trace.record(.authentication(event))
                }
            } catch let error as MongoAuthError
                where error.code == .identityNotTold && session.authentication?.isServerProven == true
            {
                // Not every server knows the command. After mutual authentication it is only informative.
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
            trace.entries, isArbiter ? nil : failure, needsTicket: needsTicket, thresholds: thresholds, from: start,
            to: .now)
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

    /// Whether a name without address is one for `mongodb+srv`.
    private func isServiceName(
        _ host: MongoConnectionString.Host, of string: MongoConnectionString, _ failure: (any Error)?,
        by deadline: ContinuousClock.Instant
    ) async -> Bool {
        // A proxy looks the name up itself: it was the proxy's name that did not resolve.
        guard !string.isSRV, string.options.proxyHost == nil, let error = failure as? TransportError,
            error.code == .nameResolution, let cause = error.underlying as? NameResolutionError,
            [.noSuchName, .noAddress].contains(cause.code)
        else { return false }
        return await connector.hasServiceRecords(host, by: min(deadline, .now + .seconds(1)))
    }

    /// Looks up the names by which drivers connect to the members of a replica set: if this server was reached by
    /// another one, that hides the problem here, but not for drivers.
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

extension MongoConnectionString.Warning {
    var asCheckWarning: CheckWarning { .init("connection-string", description) }
}

extension MongoCredential {
    /// The mechanism, if it is a single one.
    fileprivate var mechanismName: String? {
        switch method {
        case .gssapi: "GSSAPI"
        case .plain: "PLAIN"
        default: nil
        }
    }
}
