import GSSCore
import GSSKerberos
import Glibc
import TestSupport
import Testing

/// Credentials, names, and the errors that come of them.
@Suite struct CredentialTests {
    @Test func theDefaultCacheHasAnOwner() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            for name in [nil, GSSName.principal(fixture.ann), .principal("ann")] {
                let info = try KerberosCredential(name: name).inquire()
                #expect(info.principal == fixture.ann)
                #expect(try #require(info.lifetime) > .zero)
            }
        }
    }

    /// A keytab instead of a cache, named in code.
    @Test func aClientKeytabGivesCredentials() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            unsetenv("KRB5CCNAME")
            let store = KerberosCredentialStore(cache: "MEMORY:mine", clientKeytab: "FILE:\(fixture.annKeytab)")
            let credential = try KerberosCredential(name: .principal(fixture.ann), store: store)
            #expect(try credential.inquire().principal == fixture.ann)
            let provider = KerberosProvider(credential: credential)
            let context = try provider.makeInitiator(
                target: .service("mongodb", host: "localhost"), flags: [.integrity])
            guard case .established(let initiator, let token?) = try context.step(nil) else {
                Issue.record("no token")
                return
            }
            #expect(try initiator.initiatorName() == fixture.ann)
            #expect(try fixture.accept(token).acceptor.initiatorName() == fixture.ann)
        }
    }

    /// One value serves many threads at once.
    @Test func oneCredentialServesManyContextsAtOnce() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let provider = KerberosProvider(credential: try KerberosCredential(name: .principal(fixture.ann)))
            let names = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<32 {
                    group.addTask {
                        let context = try provider.makeInitiator(
                            target: .service("mongodb", host: "localhost"), flags: [.integrity])
                        guard case .established(_, let token?) = try context.step(nil) else { return "" }
                        return try fixture.accept(token).acceptor.initiatorName()
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(names == [String](repeating: fixture.ann, count: 32))
        }
    }

    @Test func namesBecomePrincipals() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            #expect(try GSSName.principal("ann").kerberosPrincipal() == fixture.ann)
            #expect(try GSSName.principal("ann@OTHER.TEST").kerberosPrincipal() == "ann@OTHER.TEST")
            #expect(try GSSName("ann", syntax: .userName).kerberosPrincipal() == fixture.ann)
            let service = try GSSName.service("mongodb", host: "localhost").kerberosPrincipal()
            #expect(service.hasPrefix("mongodb/localhost@"))
            #expect(
                try GSSName.kerberosService("mongodb", exactHost: "db.example.com", realm: "OTHER.TEST")
                    .kerberosPrincipal()
                    == "mongodb/db.example.com@OTHER.TEST")
            for text in ["", "ann\0"] {
                let error = #expect(throws: GSSError.self) { try GSSName.principal(text).kerberosPrincipal() }
                #expect(error?.major.routineError == .badName)
            }
        }
    }

    // MARK: - Errors

    /// An error says which call failed, what it was about, and has both codes with all their messages.
    @Test func anUnknownServiceIsToldInFull() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let context = try KerberosProvider().makeInitiator(
                target: .service("nosuch", host: "localhost"), flags: [.integrity])
            do throws(GSSError) {
                _ = try context.step(nil)
                Issue.record("a ticket for a service that does not exist")
            } catch {
                #expect(error.call == "gss_init_sec_context")
                #expect(error.major.routineError == .failure)
                #expect(error.minor != 0)
                #expect(error.majorMessages.count == 1)
                #expect(error.minorMessages.contains { $0.contains("not found in Kerberos database") }, "\(error)")
                #expect(error.subject == "nosuch@localhost")
                #expect(KerberosFailure(error).symbolicName == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN")
                for part in ["gss_init_sec_context", "GSS_S_FAILURE", "nosuch@localhost"] {
                    #expect("\(error)".contains(part), "\(error)")
                }
            }
        }
    }

    @Test func aMissingCacheIsToldInFull() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let store = KerberosCredentialStore(cache: "FILE:/nonexistent/cache")
            let error = #expect(throws: GSSError.self) {
                let credential = try KerberosCredential(store: store)
                // The library may look only now.
                _ = try credential.inquire()
            }
            let found = try #require(error)
            #expect(["gss_acquire_cred_from", "gss_inquire_cred"].contains(found.call))
            #expect(found.major.isError)
            #expect("\(found)".contains("/nonexistent/cache"), "\(found)")
            #expect(KerberosFailure(found).symbolicName == "KRB5_FCC_NOFILE")
        }
    }

    @Test func aCacheOfSomebodyElseDoesNotServe() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let error = #expect(throws: GSSError.self) {
                try KerberosCredential(name: .principal("bob@\(fixture.realm)"))
            }
            let found = try #require(error)
            #expect(found.major.routineError == .noCredential, "\(found)")
            #expect(found.description.contains("bob"), "\(found)")
        }
    }

    @Test func anAcceptorWithoutTheKeyRefuses() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            guard case .pending(_, let token?) = try fixture.initiator().step(nil) else {
                Issue.record("no first token")
                return
            }
            let store = KerberosCredentialStore(keytab: fixture.annKeytab, replayCache: "none:")
            let provider = KerberosProvider(credential: try KerberosCredential(usage: .accept, store: store))
            do throws(GSSError) {
                _ = try provider.makeAcceptor().step(token)
                Issue.record("a token for another service is accepted")
            } catch {
                #expect(error.call == "gss_accept_sec_context")
                #expect(error.major.isError)
                #expect(error.minor != 0)
                #expect(!error.minorMessages.isEmpty)
            }
        }
    }
}
