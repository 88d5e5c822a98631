import BlockingWork
import CKerberosGSSAPI
import Foundation
import GSSCore
import Glibc
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

@testable import KerberosCredentials

/// Many callers, one request; and what the files say.
@Suite struct KerberosCredentialManagerTests {
    @Test(arguments: RealmFixture.Kind.allCases)
    func aThousandAtOnceTakeOneTicket(_ kind: RealmFixture.Kind) async throws {
        let realm = try await SharedRealm.shared.realm
        let fixture = try await RealmFixture.make(in: realm)
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, kind = kind as RealmFixture.Kind] in
            fixture.enter(kind)
            let manager = KerberosCredentialManager()
            let identity = fixture.identity(kind)
            let credentials = try await withThrowingTaskGroup(of: ServiceCredential.self) { group in
                for _ in 0..<1000 {
                    group.addTask {
                        try await manager.serviceCredential(
                            of: identity, for: fixture.servicePrincipal, by: RealmFixture.deadline)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(credentials.count == 1000)
            #expect(Set(credentials.map(ObjectIdentifier.init)).count == 1)
            let credential = try #require(credentials.first)
            #expect(!credential.mayBlock && !credential.isClientRenamed)
            #expect(credential.clientPrincipal == fixture.principal)
            #expect(credential.servicePrincipal == "\(fixture.service)/localhost@\(fixture.realm)")
            #expect(credential.ticket?.server == credential.servicePrincipal)
            #expect(try fixture.authenticate(credential) == fixture.principal)
            let tickets = try await manager.tickets(of: identity, by: RealmFixture.deadline)
            #expect(tickets.contains { $0.server == credential.servicePrincipal })
            #expect(tickets.contains { $0.server.hasPrefix("krbtgt/") })
        }
        let isRequested = ![.cache, .defaultCache].contains(kind)
        let (tickets, logins) = try await realm.count(fixture)
        #expect(tickets == 1)
        #expect(logins == (isRequested ? 1 : 0))
    }

    @Test func eachCallerIsToldOfTheRequests() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let events = Locked<[KerberosEvent]>([])
            _ = try await KerberosCredentialManager().serviceCredential(
                of: fixture.identity(.keytab), for: fixture.servicePrincipal, by: RealmFixture.deadline,
                observe: { event in events.withLock { $0.append(event) } })
            let words = events.withLock { $0 }.map { event -> String in
                switch event {
                case .cacheRead: "cache"
                case .askingKDC(let realm, let ticket, let bytes): "ask \(realm) for \(ticket) \(bytes > 0)"
                case .kdcAnswered(let realm, let ticket, let bytes): "answer \(realm) for \(ticket) \(bytes > 0)"
                case .noKDCAnswered: "no answer"
                case .ticketObtained(let ticket): "ticket \(ticket.server)"
                @unknown default: "unknown"
                }
            }
            let granting = "krbtgt/\(fixture.realm)@\(fixture.realm)"
            let service = "\(fixture.service)/localhost"
            #expect(words.contains("ask \(fixture.realm) for \(granting) true"), "\(words)")
            #expect(words.contains("answer \(fixture.realm) for \(granting) true"), "\(words)")
            #expect(words.contains("ticket \(granting)"), "\(words)")
            #expect(
                words.suffix(3) == [
                    "ask \(fixture.realm) for \(service) true", "answer \(fixture.realm) for \(service) true",
                    "ticket \(service)@\(fixture.realm)",
                ], "\(words)")
        }
    }

    /// `kinit` as another user is noticed at the next call that is more than a second later.
    @Test func aReplacedCacheIsNoticed() async throws {
        let realm = try await SharedRealm.shared.realm
        var fixture = try await RealmFixture.make(in: realm)
        let other = try await RealmFixture.make(in: realm)
        fixture.file = String(other.cache.dropFirst("FILE:".count))
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            @Sendable func ask() async throws -> ServiceCredential {
                try await manager.serviceCredential(
                    of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            }
            let first = try await ask()
            #expect(first.clientPrincipal == fixture.principal)
            // As long as the cache is the same one, so is the credential, but for the service's ticket that was saved
            // there.
            let end = ContinuousClock.now + .milliseconds(1200)
            #expect(await becomesTrue { .now > end })
            let second = try await ask()
            #expect(second.ticket == first.ticket)
            let name = String(fixture.cache.dropFirst("FILE:".count))
            #expect(rename(fixture.file, name) == 0)
            let isNoticed = await becomesTrue {
                do {
                    _ = try await ask()
                    return false
                } catch {
                    return (error as? KerberosCredentialError)?.code == .wrongUser
                }
            }
            #expect(isNoticed)
            let again = await #expect(throws: KerberosCredentialError.self) { try await ask() }
            #expect(again?.code == .wrongUser)
        }
    }

    /// After a `kdestroy` there are no credentials, at the next call and at those after it.
    @Test(arguments: [RealmFixture.Kind.cache, .defaultCache])
    func aRemovedCacheStaysRemoved(_ kind: RealmFixture.Kind) async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, kind = kind as RealmFixture.Kind] in
            fixture.enter(kind)
            let manager = KerberosCredentialManager()
            @Sendable func code() async -> KerberosCredentialError.Code? {
                do {
                    _ = try await manager.serviceCredential(
                        of: fixture.identity(kind), for: fixture.servicePrincipal, by: RealmFixture.deadline)
                    return nil
                } catch {
                    return (error as? KerberosCredentialError)?.code ?? .kerberos
                }
            }
            #expect(await code() == nil)
            #expect(unlink(String(fixture.cache.dropFirst("FILE:".count))) == 0)
            #expect(await becomesTrue { await code() == .noCredentials })
            for _ in 0..<3 { #expect(await code() == .noCredentials) }
            let left = try await manager.tickets(of: fixture.identity(kind), by: RealmFixture.deadline)
            #expect(left.isEmpty)
        }
    }

    /// `kinit` empties a cache before it fills it: a check in between is repeated.
    @Test func aCacheThatIsBeingFilledIsNotEmpty() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let name = String(fixture.cache.dropFirst("FILE:".count))
            let whole = try Data(contentsOf: URL(fileURLWithPath: name))
            let looks = Locked(0)
            let manager = KerberosCredentialManager(waitForKinit: {
                looks.withLock { $0 += 1 }
                try? whole.write(to: URL(fileURLWithPath: name))
            })
            @Sendable func ask() async throws -> ServiceCredential {
                try await manager.serviceCredential(
                    of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            }
            _ = try await ask()
            #expect(looks.withLock { $0 } == 0)
            try emptyCache(fixture.cache)
            // Once the last look is a second old.
            let isServed = try await becomesTrue {
                let credential = try await ask()
                return credential.clientPrincipal == fixture.principal && looks.withLock { $0 } > 0
            }
            #expect(isServed)
            #expect(looks.withLock { $0 } == 1)
        }
    }

    /// A disk that is full after some bytes of the ticket: others can still read the cache.
    @Test(arguments: [1, 100, 400])
    func aCacheThatCannotGrowStaysAsItIs(bytes: Int) async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture, bytes = bytes as Int] in
            fixture.enter()
            let path = URL(fileURLWithPath: String(fixture.cache.dropFirst("FILE:".count)))
            let before = try Data(contentsOf: path)
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: rlim_t(before.count + bytes), rlim_max: rlim_t(before.count + bytes))
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let credential = try await KerberosCredentialManager().serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            #expect(credential.clientPrincipal == fixture.principal)
            #expect(try Data(contentsOf: path) == before)
        }
    }

    // MARK: - A service with another key

    /// It was recreated: the key is another one, and its version is the same.
    @Test func aTicketForAKeyOfTheSameVersionIsReplacedWhereItIsOld() async throws {
        let realm = try await SharedRealm.shared.realm
        var fixture = try await RealmFixture.make(in: realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            let young = try await manager.serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            // It has just come from the KDC: another one would be no better.
            #expect(try await manager.replacement(for: young, by: RealmFixture.deadline) == nil)
            try ageTickets(for: "\(fixture.service)/localhost", in: fixture.cache, by: 60)
        }
        try await realm.changeKey("\(fixture.service)/localhost", keepingVersion: true)
        fixture.serviceKeytab = try await realm.makeKeytab(for: ["\(fixture.service)/localhost"])
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            let old = try await manager.serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            #expect(throws: GSSError.self) { _ = try fixture.authenticate(old) }
            let size = try fileSize(fixture.cache)
            let new = try #require(try await manager.replacement(for: old, by: RealmFixture.deadline))
            #expect(new.ticket != old.ticket && new.ticket?.keyVersion == old.ticket?.keyVersion)
            #expect(try fixture.authenticate(new) == fixture.principal)
            // Nothing is stored, as nobody knows yet whether it was about the key; and it is done once.
            #expect(try fileSize(fixture.cache) == size)
            #expect(try await manager.replacement(for: new, by: RealmFixture.deadline) == nil)
        }
    }

    @Test func thePauseBetweenReplacementsGrows() {
        let service = ServicePrincipal(service: "a", host: "b")
        var entry = KerberosCredentialManager.Entry()
        var lengths: [Duration?] = []
        for hadOtherKey in [false, false, false, false, false, true] {
            entry.noteReplacement(of: service, hadOtherKey: hadOtherKey)
            lengths.append(entry.replacementPauses[service]?.length)
        }
        #expect(lengths == [30, 150, 750, 3600, 3600, 30].map { .seconds($0) })
    }

    /// An empty default cache does not hide the client keytab: GSS-API goes on to that, too.
    @Test func anEmptyCacheGivesWayToTheKeytab() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter(.defaultKeytab)
            setenv("KRB5CCNAME", fixture.cache, 1)
            try emptyCache(fixture.cache)
            let credential = try await KerberosCredentialManager(waitForKinit: {}).serviceCredential(
                of: .system(user: fixture.user), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            #expect(try fixture.authenticate(credential) == fixture.principal)
        }
    }

    /// The largest times that there are, beside a clock that is ahead of the KDC's.
    @Test(arguments: [Int32.max, -1])
    func timesAtTheirLimitsAreNoTrap(end: Int32) async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture, end = end as Int32] in
            fixture.enter()
            // It leaves the service's ticket in the cache.
            _ = try await KerberosCredentialManager().serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            for offset: Int32 in [.min, -3600, 3600, .max] {
                let name = "FILE:\(fixture.file)-\(offset)"
                try copyCache(fixture.cache, to: name, endTime: end, clockOffset: offset)
                _ = try? await KerberosCredentialManager().serviceCredential(
                    of: .cache(name), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            }
        }
    }

    // MARK: - Which cache

    /// The collection's primary cache is the user's and expired, another one is the user's and good.
    @Test func theGoodCacheOfACollectionIsTaken() async throws {
        let realm = try await SharedRealm.shared.realm
        var fixture = try await RealmFixture.make(in: realm)
        let expired = try await realm.makeCache(fixture.user, password: fixture.password, lifetime: .seconds(1))
        fixture.file = "\(realm.folder)/collection-\(fixture.user)"
        try FileManager.default.createDirectory(atPath: fixture.file, withIntermediateDirectories: false)
        for (source, name) in [(expired, "tkt"), (fixture.cache, "tktgood")] {
            try FileManager.default.copyItem(
                atPath: String(source.dropFirst("FILE:".count)), toPath: "\(fixture.file)/\(name)")
        }
        try "tkt\n".write(toFile: "\(fixture.file)/primary", atomically: true, encoding: .utf8)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let name = "DIR:\(fixture.file)"
            setenv("KRB5CCNAME", name, 1)
            let first = "DIR::\(fixture.file)/tkt"
            let isExpired = try await becomesTrue {
                try KerberosCredentialCache.copy(from: first, user: nil).end.map { $0 < .now } ?? false
            }
            #expect(isExpired)
            for identity in [KerberosIdentity.cache(name, user: fixture.user), .system(user: fixture.user)] {
                let credential = try await KerberosCredentialManager().serviceCredential(
                    of: identity, for: fixture.servicePrincipal, by: RealmFixture.deadline)
                #expect(try fixture.authenticate(credential) == fixture.principal)
            }
            #expect(KerberosInspection(principal: fixture.user).cache?.name == "DIR::\(fixture.file)/tktgood")
        }
    }

    /// A cache of constrained delegation is GSS-API's own business. The mark of one is set by hand: this KDC has no
    /// place for the permission to delegate. Heimdal's has, see `HeimdalTests`.
    @Test func aDelegatedCacheIsLeftToGSSAPI() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let identity = fixture.identity(.cache)
            let service = ServicePrincipal(service: fixture.service, host: "localhost", realm: fixture.realm)
            let plain = try await KerberosCredentialManager().serviceCredential(
                of: identity, for: service, by: RealmFixture.deadline)
            #expect(!plain.mayBlock)
            // The service itself: its ticket is then the proof of the user's visit, and the ticket to be used.
            try setImpersonator(plain.servicePrincipal, in: fixture.cache)
            let credential = try await KerberosCredentialManager().serviceCredential(
                of: identity, for: service, by: RealmFixture.deadline)
            #expect(credential.mayBlock && credential.ticket == nil)
            #expect(credential.clientPrincipal == fixture.principal)
            #expect(try fixture.authenticate(credential) == fixture.principal)
            #expect(
                try await KerberosCredentialManager().replacement(for: credential, by: RealmFixture.deadline) == nil)
        }
    }

    // MARK: - Other identities

    @Test func anExistingCredentialMayBlock() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            let existing = try KerberosCredential(store: .init(cache: fixture.cache))
            let credential = try await manager.serviceCredential(
                of: .existing(existing, user: fixture.user), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            #expect(credential.mayBlock && credential.clientPrincipal == fixture.principal)
            #expect(try fixture.authenticate(credential) == fixture.principal)
            let error = await #expect(throws: KerberosCredentialError.self) {
                try await manager.serviceCredential(
                    of: .existing(existing, user: "somebody"), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            }
            #expect(error?.code == .wrongUser)
            let nothing = await #expect(throws: KerberosCredentialError.self) {
                try await manager.serviceCredential(
                    of: .cache("FILE:/nonexistent"), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            }
            #expect(nothing?.code == .noCredentials)
        }
    }

    /// GSS-API has nothing of its own either: what libkrb5 misses is told.
    @Test func nothingAtAllIsToldPrecisely() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            setenv("KRB5CCNAME", "FILE:/nonexistent/cache", 1)
            for user in [nil, fixture.user] {
                let error = await #expect(throws: KerberosCredentialError.self) {
                    try await KerberosCredentialManager().serviceCredential(
                        of: .system(user: user), for: fixture.servicePrincipal, by: RealmFixture.deadline)
                }
                #expect(error?.code == .noCredentials)
                #expect(
                    error?.underlying.map { KerberosFailure($0).symbolicName } == "KRB5_FCC_NOFILE",
                    "\(String(describing: error))")
            }
        }
    }

    /// The first principal of a keytab, where nobody is named.
    @Test func aKeytabKnowsItsOwner() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let credential = try await KerberosCredentialManager().serviceCredential(
                of: .keytab(fixture.keytab), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            #expect(credential.clientPrincipal == fixture.principal)
        }
    }

    /// Expired and excess entries are dropped.
    @Test func whatIsKeptOfAnIdentityIsBounded() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let credential = try await KerberosCredentialManager().serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            var entry = KerberosCredentialManager.Entry()
            let other = ServicePrincipal(service: "x", host: "y")
            entry.replacementPauses = [fixture.servicePrincipal: .init(length: .zero, end: .now)]
            entry.noteReplacement(of: other, hadOtherKey: false)
            let capacity = KerberosCredentialManager.Entry.capacity
            for number in 0..<(capacity + 10) {
                entry.keep(credential, for: ServicePrincipal(service: "x", host: "\(number)"))
            }
            #expect(entry.services.count == capacity)
            #expect(entry.services[ServicePrincipal(service: "x", host: "\(capacity + 9)")] === credential)
            #expect(Array(entry.replacementPauses.keys) == [other])
        }
    }

    /// A KDC that renames its clients is simulated: the database of these tests has no aliases.
    @Test func aRenamedClientIsTold() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let cache = try KerberosCredentialCache.copy(from: fixture.cache, user: nil)
            let name = GSSName.principal("\(fixture.service)/localhost@")
            let own = try cache.credential(for: name)
            for (requested, isRenamed) in [("alias@\(fixture.realm)", true), (fixture.principal, false), (nil, false)] {
                let credential = ServiceCredential(
                    own, of: fixture.identity(.cache), for: fixture.servicePrincipal, name: name, principal: "",
                    requested: requested)
                #expect(credential.clientPrincipal == fixture.principal)
                #expect(credential.isClientRenamed == isRenamed)
            }
        }
    }
}
