import GSSCore
import GSSKerberos
import Glibc
import TestSupport
import Testing

/// The report about configuration, caches and keytabs, and why there is nothing to start from.
@Suite struct InspectionTests {
    @Test func aCacheWithTickets() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            // Puts the service's ticket into the cache.
            _ = try fixture.initiator().step(nil)
            for principal in [nil, fixture.ann, "ann"] {
                let inspection = KerberosInspection(principal: principal)
                #expect(inspection.problem == nil)
                #expect(inspection.principal == fixture.ann)
                #expect(inspection.cache?.name == fixture.environment["KRB5CCNAME"])
                #expect(inspection.cache?.principal == fixture.ann)
                #expect(inspection.configurationFiles == [try #require(fixture.environment["KRB5_CONFIG"])])
                #expect(inspection.defaultRealm == fixture.realm)
                #expect(inspection.ticketGrantingTicket?.server == "krbtgt/\(fixture.realm)@\(fixture.realm)")
                #expect(inspection.tickets.contains { $0.server == fixture.service })
            }
        }
    }

    /// Another user's tickets are not reported as the user's.
    @Test func aCacheOfSomebodyElse() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let inspection = KerberosInspection(
                principal: "bob", store: .init(cache: fixture.environment["KRB5CCNAME"]))
            #expect(inspection.principal == "bob@\(fixture.realm)")
            #expect(inspection.cache?.principal == fixture.ann)
            #expect(inspection.ticketGrantingTicket == nil)
            #expect(inspection.tickets.isEmpty)
        }
    }

    /// The GSS-API reports "no credentials" for all of these.
    @Test func whyAKeytabCannotBeUsed() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            func problem(_ keytab: String, _ principal: String) throws -> KerberosFailure {
                let inspection = KerberosInspection(principal: principal, store: .init(clientKeytab: keytab))
                return KerberosFailure(try #require(inspection.problem))
            }
            let missing = try problem("FILE:/nonexistent/keytab", fixture.ann)
            #expect(missing.symbolicName == "ENOENT")
            #expect(missing.error.major.routineError == .noCredential)
            let foreign = try problem("FILE:\(fixture.annKeytab)", "bob@\(fixture.realm)")
            #expect(foreign.symbolicName == "KRB5_KT_NOTFOUND")
            let good = KerberosInspection(
                principal: fixture.ann, store: .init(clientKeytab: "FILE:\(fixture.annKeytab)"))
            #expect(good.problem == nil)
            #expect(good.clientKeytab == "FILE:\(fixture.annKeytab)")
        }
    }

    /// The KDC's clock is asked for without any key, and is ours here.
    @Test func theClockOfTheKDC() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            for principal in [fixture.ann, "nobody@\(fixture.realm)"] {
                let offset = try KerberosClock.offsetOfKDC(for: principal)
                #expect(offset > .seconds(-60) && offset < .seconds(60))
            }
            let error = #expect(throws: GSSError.self) {
                try KerberosClock.offsetOfKDC(for: "ann@ELSEWHERE.TEST")
            }
            #expect(error.map { KerberosFailure($0).symbolicName } == "KRB5_REALM_UNKNOWN")
        }
    }
}
