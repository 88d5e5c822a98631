import Foundation
import GSSCore
import GSSKerberos
import TestSupport
import Testing

/// What a keytab has, and a ticket for the key of now.
@Suite struct KeytabEntriesTests {
    @Test func theEntriesOfAKeytab() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let keytab = try KerberosKeytab(path: fixture.keytab)
            #expect(!keytab.entries.isEmpty && keytab.moreEntries == 0)
            for entry in keytab.entries {
                #expect(entry.principal == fixture.service && entry.realm == fixture.realm)
                #expect(entry.components == ["mongodb", "localhost"])
                #expect(entry.keyVersion == 1)
                let age = Date().timeIntervalSince1970 - Double(entry.date ?? 0)
                #expect(age > -60 && age < 86_400)
            }
            // Each of its own type, and nothing of the keys.
            #expect(Set(keytab.entries.map(\.encryptionType)).count == keytab.entries.count)
        }
    }

    @Test func filesThatAreNone() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let missing = #expect(throws: GSSError.self) { try KerberosKeytab(path: "/nonexistent/keytab") }
            #expect(missing.map { KerberosFailure($0).symbolicName } == "ENOENT")
            let other = #expect(throws: GSSError.self) { try KerberosKeytab(path: "/proc/self/cmdline") }
            #expect(other.map { KerberosFailure($0).symbolicName } == "KRB5_KEYTAB_BADVNO")
        }
    }

    /// A newly requested ticket is neither in the cache nor in the one that it was copied from.
    @Test func aFreshTicketIsKeptNowhere() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let cache = try KerberosCredentialCache.request(user: fixture.ann, keytab: fixture.annKeytab)
            let service = GSSName.principal(fixture.service)
            var asked: [KerberosTicket] = []
            for _ in 0..<2 {
                let credential = try cache.freshCredential(for: service)
                asked.append(try #require(credential.ticket))
                #expect(try cache.tickets().allSatisfy { $0.server != fixture.service })
            }
            #expect(asked.map(\.server) == [fixture.service, fixture.service])
            // One that is there is not taken.
            let kept = try #require(try cache.credential(for: service).ticket)
            let fresh = try #require(try cache.freshCredential(for: service).ticket)
            #expect(try cache.tickets().filter { $0.server == fixture.service } == [kept])
            #expect(fresh.keyVersion == kept.keyVersion && fresh.startTime >= kept.startTime)
        }
    }
}
