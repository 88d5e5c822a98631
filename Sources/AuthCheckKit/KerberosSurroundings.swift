internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import MongoAuth
internal import NameResolution
internal import SaslConnectionString

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Looks at what Kerberos has on this machine. Nothing here can fail a check: what is not found is not reported.
struct KerberosSurroundings: Sendable {
    let user: String
    private(set) var store = KerberosCredentialStore()
    private var looksForTickets = true

    /// Nothing for other mechanisms.
    init?(_ credential: MongoCredential?) {
        guard let credential, case .gssapi(let options) = credential.method else { return nil }
        user = (try? MongoAuthenticator.identity(credential, options))?.user ?? credential.username
        switch options.identity.source {
        case .system: break
        case .cache(let name): store.cache = name
        case .keytab(let name): store.clientKeytab = name
        case .password, .existing: looksForTickets = false
        }
    }

    func inspect(by deadline: ContinuousClock.Instant) async -> KerberosInspection? {
        let principal = user.isEmpty ? nil : user
        return try? await BlockingWorkers.namesAndFiles.run(by: deadline, waitingFor: "the credential cache") {
            [store, looksForTickets] in
            KerberosInspection(principal: principal, store: store, looksForTickets: looksForTickets)
        }
    }

    /// How far the KDC's clock is ahead of this machine's, where one of the errors may come from that.
    func kdcClockOffset(
        for errors: [any Error], _ inspection: KerberosInspection?, by deadline: ContinuousClock.Instant
    ) async -> Duration? {
        let isAboutTime = errors.contains { error in
            [.kerberos, .serverNotProven].contains((error as? MongoAuthError)?.code)
                && KerberosFailure(error).map { KerberosAdvice($0).dependsOnClocks } == true
        }
        let principal = inspection?.principal ?? user
        guard isAboutTime, !principal.isEmpty else { return nil }
        let end = min(deadline, .now + .seconds(5))
        return try? await BlockingWorkers.namesAndFiles.run(by: end, waitingFor: "a KDC's clock") {
            try KerberosClock.offsetOfKDC(for: principal)
        }
    }
}

/// What all hosts' reports share.
struct ReportContext: Sendable {
    let surroundings: KerberosSurroundings?
    let inspection: KerberosInspection?
    let kdcClockOffset: Duration?
    /// The time of the report, in seconds since 1970.
    let now = Int64(Date().timeIntervalSince1970)

    func failureSurroundings(
        _ timeline: HostTimeline, host: MongoConnectionString.Host, service: String?
    ) -> FailureSurroundings {
        guard let surroundings else { return FailureSurroundings() }
        var names = KerberosAdvice.Names()
        let wanted = timeline.credential?.clientPrincipal ?? inspection?.principal ?? surroundings.user
        names.user = wanted.isEmpty ? nil : wanted
        names.service = service
        names.host = host.name
        names.cache = surroundings.store.cache ?? inspection?.cache?.name
        names.cacheOwner = inspection?.cache?.principal
        names.isDefaultCache = surroundings.store.cache == nil
        names.keytab = surroundings.store.clientKeytab ?? inspection?.clientKeytab
        names.configurationFile =
            inspection.flatMap { $0.unreadableConfigurationFiles.first ?? $0.configurationFiles.first }
        return FailureSurroundings(
            names: names, inspection: inspection, serviceTicket: timeline.credential?.ticket,
            kdcClockOffset: kdcClockOffset, serverClockOffset: timeline.serverClockOffset)
    }
}
