internal import BlockingWork
internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import NameResolution
internal import SaslConnectionString

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

/// Inspects Kerberos on this machine. Errors here do not fail a check: what is not found is not reported.
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

    /// How far the KDC's clock is ahead of this machine's, if that may be the cause of one of the errors.
    func kdcClockOffset(
        for outcomes: [HostOutcome], _ inspection: KerberosInspection?, by deadline: ContinuousClock.Instant
    ) async -> Duration? {
        let skew = inspection?.allowedClockSkew ?? .seconds(300)
        let isAboutTime = outcomes.contains { outcome in
            guard let error = outcome.error as? MongoAuthError else { return false }
            return switch error.code {
            case .kerberos, .serverNotProven:
                KerberosFailure(error)?.dependsOnClocks == true
            // A third clock shows which one is wrong.
            case .refused: outcome.timeline.serverClockOffset.map { $0.magnitude > skew } == true
            default: false
            }
        }
        let principal = inspection?.principal ?? user
        guard isAboutTime, !principal.isEmpty else { return nil }
        let end = min(deadline, .now + .seconds(5))
        return try? await BlockingWorkers.namesAndFiles.run(by: end, waitingFor: "a KDC's clock") {
            try KerberosClock.offsetOfKDC(for: principal)
        }
    }
}

/// Data shared by the reports of all hosts.
struct ReportContext: Sendable {
    let surroundings: KerberosSurroundings?
    let inspection: KerberosInspection?
    let kdcClockOffset: Duration?
    /// The results of the KDCs of silent realms, each asked separately.
    let kdcs: [String: KDCReport]
    /// Other names of services that the KDC knows, by host and port.
    let knownServices: [String: Evidence.KnownService]
    let isActiveDirectory: Bool?
    /// The mechanism named by the string or the arguments.
    let mechanism: String?
    let user: String?
    let string: Evidence.StringFacts
    let environment: [String: String]
    /// The time of the report, in seconds since 1970.
    let now = Int64(Date().timeIntervalSince1970)

    func evidence(_ timeline: HostTimeline, host: MongoConnectionString.Host, service: String?) -> Evidence {
        var evidence = Evidence()
        evidence.mechanism = timeline.mechanism?.rawValue ?? mechanism
        evidence.stage = timeline.stage
        evidence.string = string
        evidence.names.host = host.name
        evidence.names.port = host.port
        evidence.names.user = user
        evidence.measured.attempts = timeline.attempts.count
        evidence.measured.refusals =
            timeline.attempts.count { $0.reason.map { !$0.utf8.ranges(of: "refused".utf8).isEmpty } ?? false }
        evidence.measured.serverClockOffset = timeline.serverClockOffset
        evidence.measured.offeredMechanisms = timeline.server?.saslSupportedMechs
        evidence.measured.isTicketReplaced = timeline.isTicketReplaced
        evidence.measured.serviceTicket = timeline.credential?.ticket
        guard let surroundings else { return evidence }
        if let realm = timeline.askedRealm {
            evidence.asked = .kdc(realm: realm)
            evidence.names.askedRealm = realm
        }
        let wanted = timeline.credential?.clientPrincipal ?? inspection?.principal ?? surroundings.user
        evidence.names.user = wanted.isEmpty ? nil : wanted
        evidence.names.service = service
        evidence.names.chosenHost = timeline.service.flatMap { chosenHost($0.host, host) }
        evidence.measured.knownService = knownServices["\(ServerEndpoint(host))"]
        evidence.names.cache = surroundings.store.cache ?? inspection?.cache?.name
        evidence.names.cacheOwner = inspection?.cache?.principal
        evidence.names.isDefaultCache = surroundings.store.cache == nil
        evidence.names.keytab = surroundings.store.clientKeytab ?? inspection?.clientKeytab
        evidence.names.defaultRealm = inspection?.defaultRealm
        evidence.names.configurationFile =
            inspection.flatMap { $0.unreadableConfigurationFiles.first ?? $0.configurationFiles.first }
        evidence.measured.isActiveDirectory = isActiveDirectory
        if let realm = timeline.silentRealm {
            evidence.names.askedRealm = realm
            let used = kdcs[realm]?.kdcs.filter(\.isUsed) ?? []
            evidence.measured.kdcs = used.map(\.description)
            evidence.measured.isKDCWithoutConnections = used.contains(where: \.isWithoutConnections)
            evidence.measured.isKDCBehindProxy = !used.isEmpty && used.allSatisfy { $0.location.transport == .https }
        }
        evidence.material = surroundings.material(inspection)
        evidence.measured.kdcClockOffset = kdcClockOffset
        evidence.measured.allowedClockSkew = inspection?.allowedClockSkew ?? .seconds(300)
        evidence.variables = variables
        return evidence
    }

    /// What chose the service's host, if it is not the string's.
    private func chosenHost(_ host: String, _ given: MongoConnectionString.Host) -> Evidence.ChosenHost? {
        let written = ServicePrincipal.unresolved(
            service: "", realm: nil, host: string.serviceHost ?? (given.kind == .unix ? "localhost" : given.asciiName)
        ).host
        if !isSameText(asciiLowercased(host), asciiLowercased(written)) {
            return .init(host: host, reason: .canonical(of: written))
        }
        guard let seedlist = string.seedlist, string.serviceHost == nil else { return nil }
        return .init(host: host, reason: .records(of: seedlist))
    }

    /// The environment's variables that name something unusable.
    private var variables: Evidence.Variables {
        var found = Evidence.Variables()
        let named = environment["KRB5_CLIENT_KTNAME"] ?? ""
        if let type = KeytabName.unknownType(of: named) {
            found.unusableClientKeytab = .init(
                path: named, reason: "this machine's Kerberos has no keytabs of the type \(type)", isFile: false)
        } else if !named.isEmpty, let keytab = inspection?.unusableClientKeytab {
            let path = DiagnosisWords.path(keytab.name)
            let reason =
                access(path, F_OK) != 0
                ? "it does not exist"
                : access(path, R_OK) != 0 ? "this user has no permission to read it" : "it holds no key"
            found.unusableClientKeytab = .init(path: path, reason: reason)
        }
        found.serverKeytabOfUser = inspection?.serverKeytab.map(DiagnosisWords.path)
        return found
    }
}

extension KerberosSurroundings {
    fileprivate func material(_ inspection: KerberosInspection?) -> Evidence.Material {
        if let keytab = store.clientKeytab { return .keytab(path: keytab) }
        if let cache = store.cache ?? inspection?.cache?.name { return .cache(name: cache) }
        return inspection?.clientKeytab.map { .keytab(path: $0) } ?? .none
    }
}
