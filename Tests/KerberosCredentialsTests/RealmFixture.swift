import Foundation
import GSSCore
import Glibc
import KerberosCredentials
import KerberosTestKit
import TestSupport

/// What a child process needs to know of a realm, with a user and a service of the test's own, so that it can count
/// what the KDC was asked for.
///
/// Kerberos reads its configuration through the environment, which belongs to a whole process: so every test runs its
/// body in a process of its own and calls ``enter()`` there, before anything else.
struct RealmFixture: Codable, Sendable {
    var environment: [String: String]
    var realm: String
    var user: String
    var password = "the user's password"
    var cache: String
    var keytab: String
    /// The first part of the service's principal; its host is `localhost`.
    var service: String
    var serviceKeytab: String
    var kdc: Int32?
    /// A file that the test has for itself.
    var file: String

    /// Where the tickets of the user come from.
    enum Kind: String, Codable, CaseIterable { case cache, keytab, password, defaultCache, defaultKeytab }

    var principal: String { "\(user)@\(realm)" }
    var servicePrincipal: ServicePrincipal { ServicePrincipal(service: service, host: "localhost") }
    static var deadline: ContinuousClock.Instant { .now + .seconds(60) }

    static func make(
        in realm: KerberosRealm, serviceTraits: [PrincipalTrait] = [], lifetime: Duration? = nil
    ) async throws -> RealmFixture {
        let mark = UUID().uuidString.lowercased().prefix(8)
        let (user, service) = ("user-\(mark)", "service-\(mark)")
        var fixture = RealmFixture(
            environment: realm.environment(), realm: realm.name, user: user, cache: "", keytab: "", service: service,
            serviceKeytab: "", kdc: await realm.processIdentifier, file: "\(realm.folder)/file-\(mark)")
        try await realm.addPrincipals([
            NewPrincipal(user, password: fixture.password), NewPrincipal("\(service)/localhost", traits: serviceTraits),
        ])
        fixture.cache = try await realm.makeCache(user, password: fixture.password, lifetime: lifetime)
        fixture.keytab = "FILE:" + (try await realm.makeKeytab(for: [user]))
        fixture.serviceKeytab = try await realm.makeKeytab(for: ["\(service)/localhost"])
        return fixture
    }

    /// Makes this process use the realm.
    func enter(_ kind: Kind? = nil, trace: Bool = false) {
        for (name, value) in environment { setenv(name, value, 1) }
        if kind == .defaultCache { setenv("KRB5CCNAME", cache, 1) }
        if kind == .defaultKeytab { setenv("KRB5_CLIENT_KTNAME", keytab, 1) }
        if trace { setenv("KRB5_TRACE", file, 1) }
    }

    func identity(_ kind: Kind) -> KerberosIdentity {
        switch kind {
        case .cache: .cache(cache, user: user)
        case .keytab: .keytab(keytab, user: user)
        case .password: .password(Secret(password), user: user)
        case .defaultCache, .defaultKeytab: .system(user: user)
        }
    }

    /// How many requests this process has sent to KDCs, by libkrb5's trace.
    func requestsSent() throws -> Int {
        try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").filter { $0.contains("Sending ") }
            .count
    }

    /// Takes the first step of a context, and has the service accept it.
    func authenticate(_ credential: ServiceCredential) throws -> String {
        let context = try credential.makeInitiator(target: credential.target, flags: [.integrity])
        guard case .established(_, let token?) = try context.step(nil) else { throw TestSupportError("no token") }
        let store = KerberosCredentialStore(keytab: serviceKeytab, replayCache: "none:")
        let acceptor = try KerberosProvider(credential: KerberosCredential(usage: .accept, store: store)).makeAcceptor()
        guard case .established(let accepted, _) = try acceptor.step(token) else {
            throw TestSupportError("not accepted")
        }
        return try accepted.initiatorName()
    }
}

extension KerberosRealm {
    /// How many tickets for the fixture's service were issued, and how often its user has logged in or tried to, apart
    /// from the kinit of the fixture.
    func count(_ fixture: RealmFixture) throws -> (tickets: Int, logins: Int) {
        let events = try events()
        let tickets = events.filter { $0.kind == .ticketGranting && $0.issued && $0.server.hasPrefix(fixture.service) }
        let logins = events.filter {
            $0.kind == .authentication && $0.client == fixture.principal && $0.outcome != .preauthenticationNeeded
        }
        return (tickets.count, logins.count - 1)
    }
}
