import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// Many authentications at once in one process: one ticket for all, separate identities, and no stall that spreads.
///
/// One crowd at a time: they measure, and each of them uses the whole machine.
@Suite(.serialized) struct CredentialCrowdTests {
    private func server(_ realm: SharedRealm, users: [String]? = nil) async throws -> ServerProcess {
        try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: users ?? [realm.ann, realm.bob],
            listen: ["127.0.0.1:0"])
    }

    private func uri(_ user: String, _ server: ServerProcess) -> String {
        gssapiURI(user, Family.ipv4.authority(server.port))
    }

    private func expectSuccess(
        _ fares: [Crowd.Fare], as user: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(fares.filter { $0.user != user }.map { $0.message ?? "" } == [], sourceLocation: sourceLocation)
    }

    // MARK: - One ticket, once

    /// How many at once. Fewer where each is slow, as under a sanitizer.
    private static let many =
        ProcessInfo.processInfo.environment["AUTHENTICATIONS"].flatMap { Int($0) }.map { max(50, min($0, 1000)) }
        ?? 1000

    /// The source of a crowd's tickets.
    enum Source: String, CaseIterable { case system, cache, unwritableCache, keytab, password, existing }

    @Test(arguments: Source.allCases)
    func aThousandAtOnceTakeOneTicket(_ source: Source) async throws {
        let realm = try await SharedRealm.start()
        let server = try await server(realm)
        let path = realm.annCache.dropFirst("FILE:".count)
        let before = try Data(contentsOf: URL(fileURLWithPath: String(path)))
        var group = Crowd.Group(uri: uri(realm.ann, server), count: Self.many)
        switch source {
        case .system: break
        case .existing: (group.cache, group.isExisting) = (realm.annCache, true)
        case .cache, .unwritableCache: group.cache = realm.annCache
        case .keytab: group.keytab = realm.annKeytab
        case .password: group.password = realm.annPassword
        }
        let logins = try await realm.loginsGranted(to: realm.ann)
        let (outcome, _) = try await Crowd(
            steps: [.init(groups: [group])], cannotWrite: source == .unwritableCache
        ).run(in: realm, cache: source == .system ? realm.annCache : nil)
        #expect(outcome.all.count == Self.many)
        expectSuccess(outcome.all, as: realm.ann)
        #expect(try await realm.ticketsIssued() == 1)
        let isRequested = source == .keytab || source == .password
        #expect(try await realm.loginsGranted(to: realm.ann) - logins == (isRequested ? 1 : 0))
        // Not one for each: those that compute, the event loops, the runtime's pool, and those that read and ask.
        #expect(outcome.peakThreads < 100, "\(outcome.peakThreads) threads")
        // The ticket is left where other programs find it, if that can be written.
        let after = try Data(contentsOf: URL(fileURLWithPath: String(path)))
        let isSaved = [.system, .cache, .existing].contains(source)
        #expect((after == before) == !isSaved)
        #expect(try await realm.klist(realm.annCache).contains("mongodb/localhost@") == isSaved)
        try await server.stop()
        await realm.realm.stop()
    }

    // MARK: - Identities

    @Test func twoIdentitiesAtOnceInOneProcess() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let groups = [
            Crowd.Group(uri: uri(realm.ann, server), count: 10, cache: realm.annCache),
            Crowd.Group(uri: uri(realm.bob, server), count: 10, cache: realm.bobCache),
            Crowd.Group(uri: uri(realm.ann, server), count: 10, keytab: realm.annKeytab),
            Crowd.Group(uri: uri(realm.bob, server), count: 10, password: realm.bobPassword),
        ]
        let (outcome, _) = try await Crowd(steps: [.init(groups: groups)]).run(in: realm)
        for (index, fares) in outcome.steps[0].enumerated() {
            expectSuccess(fares, as: index % 2 == 0 ? realm.ann : realm.bob)
        }
        try await server.stop()
    }

    @Test func fiftyPrincipalsInParallel() async throws {
        let realm = try await SharedRealm.start()
        let names = (0..<50).map { "user\($0)" }
        try await realm.realm.addPrincipals(names.map { NewPrincipal($0, password: "password of \($0)") })
        let keytab = try await realm.realm.makeKeytab(for: names)
        let users = names.map { "\($0)@\(realm.realm.name)" }
        let server = try await server(realm, users: users)
        // Every other one with its password.
        let groups = users.enumerated().map { index, user in
            Crowd.Group(
                uri: uri(user, server), keytab: index % 2 == 0 ? keytab : nil,
                password: index % 2 == 0 ? nil : "password of \(names[index])")
        }
        let (outcome, _) = try await Crowd(steps: [.init(groups: groups)]).run(in: realm)
        #expect(outcome.steps[0].map { $0.map(\.user) } == users.map { [$0] }, "\(outcome.all.compactMap(\.message))")
        try await server.stop()
        await realm.realm.stop()
    }

    /// The password of an identity is part of it: a wrong one does not find the tickets of the right one.
    @Test func aWrongPasswordFindsNobodysTickets() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let right = Crowd.Group(uri: uri(realm.ann, server), password: realm.annPassword)
        var wrong = right
        wrong.password = "not \(realm.annPassword)"
        let (outcome, _) = try await Crowd(
            steps: [.init(groups: [right]), .init(groups: [wrong]), .init(groups: [right])]
        ).run(in: realm)
        expectSuccess(outcome.steps[0][0] + outcome.steps[2][0], as: realm.ann)
        #expect(outcome.steps[1][0].map(\.code) == ["kerberos"])
        try await server.stop()
    }

    // MARK: - The life of credentials

    /// `kinit` again: the same file has other tickets from then on, at first of the same user, then of another one.
    @Test func aReplacedCacheIsNoticed() async throws {
        let realm = try await SharedRealm.start()
        let server = try await server(realm)
        let path = String(realm.annCache.dropFirst("FILE:".count))
        let again = try await realm.realm.makeCache("ann", password: realm.annPassword)
        let other = String(realm.bobCache.dropFirst("FILE:".count))
        let group = Crowd.Group(uri: uri(realm.ann, server), cache: realm.annCache)
        let bob = Crowd.Group(uri: uri(realm.bob, server), cache: realm.annCache)
        let (outcome, _) = try await Crowd(steps: [
            // A cache is looked at again once the last look is a second old.
            .init(groups: [group]), .init(groups: [group]),
            .init(groups: [group], replace: [String(again.dropFirst("FILE:".count)): path], afterSeconds: 1.1),
            .init(groups: [group], replace: [other: path], afterSeconds: 1.1), .init(groups: [bob]),
        ]).run(in: realm)
        for step in 0...2 { expectSuccess(outcome.steps[step][0], as: realm.ann) }
        #expect(outcome.steps[3][0].map(\.code) == ["kerberos"])
        for name in [realm.ann, realm.bob] {
            #expect(outcome.steps[3][0][0].message?.contains(name) == true, "\(outcome.steps[3])")
        }
        expectSuccess(outcome.steps[4][0], as: realm.bob)
        // The first cache's, the second's, and bob's.
        let issued = try await realm.ticketsIssued()
        #expect(issued == 3)
        try await server.stop()
        await realm.realm.stop()
    }

    /// The service's key has changed since its ticket was issued: its server refuses that ticket, and the next
    /// attempt has one that it accepts. Without a better one, attempts do not cost a ticket each.
    @Test(arguments: [Source.cache, .keytab])
    func aRefusedTicketIsReplacedOnce(_ source: Source) async throws {
        let realm = try await SharedRealm.start()
        var group = Crowd.Group(uri: "", cache: source == .cache ? realm.annCache : nil)
        group.keytab = source == .keytab ? realm.annKeytab : nil
        let before = try await server(realm)
        try await realm.realm.changeKey("mongodb/localhost")
        let newKeytab = try await realm.realm.makeKeytab(for: ["mongodb/localhost"])
        // This one has the new key, and one that knows nobody.
        let after = try await ServerProcess.start(
            realm: realm.realm, keytab: newKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let stranger = try await ServerProcess.start(
            realm: realm.realm, keytab: newKeytab, users: [realm.bob], listen: ["127.0.0.1:0"])
        func step(_ server: ServerProcess) -> Crowd.Step {
            group.uri = uri(realm.ann, server)
            return .init(groups: [group])
        }
        // The KDC gives tickets for the new key, which the first server does not have; nor is there any that it takes.
        let steps = [
            step(before), step(before), step(before), step(after), step(stranger), step(stranger), step(after),
        ]
        let (outcome, _) = try await Crowd(steps: steps).run(in: realm)
        let codes = outcome.steps.map { $0[0][0].code }
        #expect(
            codes == ["refused", "refused", "refused", nil, "refused", "refused", nil],
            "\(outcome.all.compactMap(\.message))")
        // At first, and once after the first refusal; not again within the pause.
        #expect(try await realm.ticketsIssued() == 2)
        for server in [before, after, stranger] { try await server.stop() }
        await realm.realm.stop()
    }

    /// The ticket is in the user's cache, from before the service's key was changed.
    @Test(arguments: [false, true])
    func aTicketForAnOldKeyIsReplaced(cannotWrite: Bool) async throws {
        let realm = try await SharedRealm.start()
        let old = try await server(realm)
        let group = Crowd.Group(uri: uri(realm.ann, old), cache: realm.annCache)
        let (first, _) = try await Crowd(steps: [.init(groups: [group])]).run(in: realm)
        expectSuccess(first.all, as: realm.ann)
        try await realm.realm.changeKey("mongodb/localhost")
        let keytab = try await realm.realm.makeKeytab(for: ["mongodb/localhost"])
        let new = try await ServerProcess.start(
            realm: realm.realm, keytab: keytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        var again = group
        again.uri = uri(realm.ann, new)
        var many = again
        many.count = 20
        let (outcome, _) = try await Crowd(
            steps: [again, many, again].map { .init(groups: [$0]) }, cannotWrite: cannotWrite
        ).run(in: realm)
        // Within the first call: no caller sees the refusal.
        expectSuccess(outcome.all, as: realm.ann)
        #expect(try await realm.ticketsIssued() == 2)
        // What could be written serves the next process at once; without that it gets one of its own.
        let (next, _) = try await Crowd(steps: [.init(groups: [again])]).run(in: realm)
        expectSuccess(next.all, as: realm.ann)
        #expect(try await realm.ticketsIssued() == (cannotWrite ? 3 : 2))
        for server in [old, new] { try await server.stop() }
        await realm.realm.stop()
    }

    /// Tickets with a lifetime of a few seconds: with constant use they are never found expired.
    @Test(arguments: [Source.keytab, .password])
    func shortLivedTicketsAreRenewedWhileTheyServe(_ source: Source) async throws {
        let realm = try await SharedRealm.start(.init(ticketLifetime: .seconds(6), maximumLifetime: .seconds(6)))
        let server = try await server(realm)
        let logins = try await realm.loginsGranted(to: realm.ann)
        let group = Crowd.Group(
            uri: uri(realm.ann, server), count: 2, keytab: source == .keytab ? realm.annKeytab : nil,
            password: source == .password ? realm.annPassword : nil, seconds: 30)
        let (outcome, _) = try await Crowd(steps: [.init(groups: [group], forSeconds: 14)]).run(in: realm)
        #expect(outcome.all.count >= 2)
        expectSuccess(outcome.all, as: realm.ann)
        // At first, and again before each of two lives was over; not for each authentication.
        let renewed = try await realm.loginsGranted(to: realm.ann) - logins
        #expect(renewed >= 3 && renewed <= 14, "\(renewed) logins for \(outcome.all.count) authentications")
        try await server.stop()
        await realm.realm.stop()
    }

    /// Other work keeps the process busy meanwhile: the tickets are used once, and still kept fresh.
    @Test(arguments: [Source.keytab, .password])
    func ticketsThatNobodyUsesAreRenewedToo(_ source: Source) async throws {
        let realm = try await SharedRealm.start(.init(ticketLifetime: .seconds(6), maximumLifetime: .seconds(6)))
        let server = try await server(realm)
        let logins = try await realm.loginsGranted(to: realm.ann)
        let idle = Crowd.Group(
            uri: uri(realm.ann, server), keytab: source == .keytab ? realm.annKeytab : nil,
            password: source == .password ? realm.annPassword : nil)
        let busy = Crowd.Group(uri: uri(realm.bob, server), cache: realm.bobCache)
        _ = try await Crowd(steps: [.init(groups: [idle]), .init(groups: [busy], forSeconds: 10)]).run(in: realm)
        // At first, and before each of two lives was over.
        let renewed = try await realm.loginsGranted(to: realm.ann) - logins
        #expect(renewed >= 3 && renewed <= 14, "\(renewed) logins")
        try await server.stop()
        await realm.realm.stop()
    }

    // MARK: - A KDC that does not answer

    @Test func aStalledKDCCostsThoseWhoNeedIt() async throws {
        let realm = try await SharedRealm.start(backend: .processes)
        let names = (0..<80).map { "user\($0)" }
        try await realm.realm.addPrincipals(names.map { NewPrincipal($0, password: "p") })
        let keytab = try await realm.realm.makeKeytab(for: names)
        let server = try await server(realm)
        let cold = try await realm.realm.makeCache("ann", password: realm.annPassword)
        // After this the cache has the service's ticket.
        let warm = Crowd.Group(uri: uri(realm.bob, server), count: 100, cache: realm.bobCache)
        let (first, _) = try await Crowd(steps: [.init(groups: [warm])]).run(in: realm)
        expectSuccess(first.all, as: realm.bob)

        try await realm.realm.pause()
        let process = try #require(await realm.realm.processIdentifier)
        // Twenty who share one cache, and eighty each with a request of its own: more than there are threads to wait.
        let stuck =
            [Crowd.Group(uri: uri(realm.ann, server), count: 20, cache: cold, seconds: 10)]
            + names.map {
                Crowd.Group(uri: uri("\($0)@\(realm.realm.name)", server), keytab: keytab, seconds: 10)
            }
        var resumed = warm
        resumed.uri = uri(realm.ann, server)
        resumed.cache = cold
        let (outcome, _) = try await Crowd(steps: [
            .init(groups: [warm]), .init(groups: [warm] + stuck), .init(groups: [resumed], resume: process),
        ]).run(in: realm)
        try await realm.realm.resume()
        expectSuccess(outcome.steps[0][0] + outcome.steps[1][0], as: realm.bob)
        let late = outcome.steps[1].dropFirst().flatMap { $0 }
        #expect(late.count == 100)
        #expect(late.allSatisfy { $0.code == "deadline-exceeded" && $0.late >= 0 }, "\(late.compactMap(\.message))")
        // Their deadline ended them: the C library would have waited longer.
        #expect(late.map(\.late).max() ?? 0 < 5000, "\(late.map(\.late).sorted().suffix(5))")
        // None of the others waited for one of them.
        #expect(outcome.steps[1][0].count { $0.milliseconds >= 5000 } == 0)
        expectSuccess(outcome.steps[2][0], as: realm.ann)
        for workers in outcome.workers {
            #expect(workers.hasPrefix("0 active, 0 abandoned, 0 waiting"), "\(outcome.workers)")
        }
        try await server.stop()
        await realm.realm.stop()
    }
}
