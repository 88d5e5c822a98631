import GSSCore
import KerberosCredentials
import TestSupport
import Testing

/// What the documentation of ``KerberosCredentialManager`` shows.
@Suite struct DocumentationTests {
    /// An LDAP client with many connections.
    @Test func manyConnectionsTakeOneTicket() async throws {
        let realm = try await SharedRealm.shared.realm
        let fixture = try await RealmFixture.make(in: realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            let user = KerberosIdentity.keytab(fixture.keytab, user: fixture.user)
            let service = ServicePrincipal(service: fixture.service, host: "localhost")
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<100 {
                    group.addTask {
                        let deadline = ContinuousClock.now + .seconds(10)
                        let credential = try await manager.serviceCredential(of: user, for: service, by: deadline)
                        let pending = try credential.makeInitiator(
                            target: credential.target, flags: [.mutualAuthentication, .integrity])
                        let first = try pending.step(nil)
                        guard case .pending(_, .some) = first else { throw TestSupportError("no token to send") }
                    }
                }
            }
        }
        let (tickets, logins) = try await realm.count(fixture)
        #expect(tickets == 1 && logins == 1)
    }
}
