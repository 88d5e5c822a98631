import Foundation
import GSSCore
import Glibc
import KerberosCredentials
import KerberosTestKit
import ModuleTestSupport
import TestSupport
import Testing

/// KDCs that are stopped, refuse, have new keys, or are not the realm's own.
@Suite struct KDCTests {
    // MARK: - No answer

    /// With the KDC stopped, an expired ticket and the default client keytab at hand a step computes: it sends nothing.
    @Test func aStepSendsNothing() async throws {
        let realm = try await KerberosRealm.start()
        // Long enough to be used before it ends, where everything takes longer, too.
        let lifetime = Duration.seconds(isThreadSanitized ? 20 : 4)
        let fixture = try await RealmFixture.make(in: realm, serviceTraits: [.maximumLifetime(lifetime)])
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter(.defaultKeytab, trace: true)
            let manager = KerberosCredentialManager()
            func ask(seconds: Double) async throws -> ServiceCredential {
                try await manager.serviceCredential(
                    of: fixture.identity(.cache), for: fixture.servicePrincipal, by: .now + .seconds(seconds))
            }
            let credential = try await ask(seconds: 60)
            #expect(try fixture.requestsSent() > 0)
            let kdc = try #require(fixture.kdc)
            #expect(kill(kdc, SIGSTOP) == 0)
            defer { kill(kdc, SIGCONT) }
            let before = try fixture.requestsSent()
            #expect(try fixture.authenticate(credential) == fixture.principal)
            // A ticket serves for its own service only, and nothing is asked for another one.
            let other = GSSName.principal("other/localhost@\(fixture.realm)")
            let refusal = #expect(throws: GSSError.self) {
                _ = try credential.makeInitiator(target: other, flags: [.integrity])
            }
            #expect(refusal?.call == "gss_init_sec_context" && refusal?.major.routineError == .noCredential)
            #expect(refusal?.subject == other.text)
            #expect(refusal?.majorMessages == ["the credential holds a ticket for \(credential.servicePrincipal) only"])

            let end = try #require(credential.ticket).endTime
            #expect(await becomesTrue { Int64(time(nil)) > end + 1 })
            for target in [credential.target, other] {
                let start = ContinuousClock.now
                do throws(GSSError) {
                    _ = try credential.makeInitiator(target: target, flags: [.integrity]).step(nil)
                    Issue.record("a token without a ticket")
                } catch {
                    #expect(error.major.isError)
                }
                // A KDC that is stopped is waited for much longer.
                #expect(ContinuousClock.now - start < .seconds(5))
            }
            #expect(try fixture.requestsSent() == before)

            // What does ask the KDC says so.
            let error = await #expect(throws: KerberosCredentialError.self) { try await ask(seconds: 1) }
            #expect(error?.code == .kdcTimeout)
            #expect(
                error?.message.contains(
                    "the KDC of realm \(fixture.realm) for the ticket for \(fixture.service)/localhost")
                    == true, "\(String(describing: error))")
            #expect(try fixture.requestsSent() > before)
        }
        await realm.stop()
    }

    /// A process ends while an abandoned thread gets its answer.
    @Test(arguments: Array(1...20))
    func aProcessMayEndWhileAKDCAnswers(step: Int) async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture, step = step as Int] in
            fixture.enter()
            _ = try? await KerberosCredentialManager().serviceCredential(
                of: fixture.identity(.password), for: fixture.servicePrincipal,
                by: .now + .microseconds(400 * Int64(step)))
        }
    }

    // MARK: - Refusals

    /// One wrong password, four hosts: the KDC counts one attempt.
    @Test func aFinalRefusalIsRemembered() async throws {
        let realm = try await SharedRealm.shared.realm
        let fixture = try await RealmFixture.make(in: realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            let identity = KerberosIdentity.password(Secret("not the password"), user: fixture.user)
            for host in ["a", "b", "c", "d"] {
                let error = await #expect(throws: KerberosCredentialError.self) {
                    try await manager.serviceCredential(
                        of: identity, for: ServicePrincipal(service: "x", host: host), by: RealmFixture.deadline)
                }
                #expect(error?.code == .rejected, "\(String(describing: error))")
                #expect(error?.underlying != nil)
            }
            // The right one is another identity.
            _ = try await manager.serviceCredential(
                of: fixture.identity(.password), for: fixture.servicePrincipal, by: RealmFixture.deadline)
        }
        #expect(try await realm.count(fixture).logins == 2)
    }

    /// A remembered refusal ends: at once where its time is none.
    @Test(arguments: [true, false])
    func aRememberedRefusalEnds(isAboutKey: Bool) async throws {
        let realm = try await SharedRealm.shared.realm
        let fixture = try await RealmFixture.make(in: realm)
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, isAboutKey = isAboutKey as Bool] in
            fixture.enter(trace: true)
            let user = isAboutKey ? fixture.user : "nobody-\(fixture.user)"
            var sent: [Int] = []
            for (key, account) in [(Duration.zero, Duration.seconds(60)), (.seconds(60), .zero)] {
                let manager = KerberosCredentialManager(refusalOfKey: key, refusalOfAccount: account)
                for _ in 0..<2 {
                    let error = await #expect(throws: KerberosCredentialError.self) {
                        try await manager.serviceCredential(
                            of: .password(Secret("not the password"), user: user), for: fixture.servicePrincipal,
                            by: RealmFixture.deadline)
                    }
                    #expect(error?.code == .rejected, "\(String(describing: error))")
                    sent.append(try fixture.requestsSent())
                }
            }
            #expect((sent[1] > sent[0]) == isAboutKey)
            #expect((sent[3] > sent[2]) == !isAboutKey)
        }
    }

    /// An old keytab is refused once, until another one is in its place.
    @Test func aNewKeytabIsTriedAgain() async throws {
        let realm = try await SharedRealm.shared.realm
        let fixture = try await RealmFixture.make(in: realm)
        try await realm.changeKey(fixture.user, keepingVersion: true)
        let new = try await realm.makeKeytab(for: [fixture.user])
        try FileManager.default.moveItem(atPath: new, toPath: fixture.file)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            func ask() async throws -> ServiceCredential {
                try await manager.serviceCredential(
                    of: fixture.identity(.keytab), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            }
            for _ in 0..<3 {
                let error = await #expect(throws: KerberosCredentialError.self) { _ = try await ask() }
                #expect(error?.code == .rejected)
            }
            #expect(rename(fixture.file, String(fixture.keytab.dropFirst("FILE:".count))) == 0)
            let credential = try await ask()
            #expect(credential.clientPrincipal == fixture.principal)
        }
        #expect(try await realm.count(fixture).logins == 2)
    }

    // MARK: - New keys

    /// The cache has a ticket from before the service's key was changed: a refusal brings one new ticket, for all.
    @Test(arguments: [true, false])
    func aStaleTicketIsReplacedOnce(isChanged: Bool) async throws {
        let realm = try await SharedRealm.shared.realm
        var fixture = try await RealmFixture.make(in: realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            _ = try await KerberosCredentialManager().serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
        }
        if isChanged {
            try await realm.changeKey("\(fixture.service)/localhost")
            fixture.serviceKeytab = try await realm.makeKeytab(for: ["\(fixture.service)/localhost"])
        }
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, isChanged = isChanged as Bool] in
            fixture.enter()
            let manager = KerberosCredentialManager()
            let old = try await manager.serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            let version = try #require(old.ticket?.keyVersion)
            let replacements = try await withThrowingTaskGroup(of: ServiceCredential?.self) { group in
                for _ in 0..<100 {
                    group.addTask { try await manager.replacement(for: old, by: RealmFixture.deadline) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            guard isChanged else {
                #expect(replacements.allSatisfy { $0 == nil })
                return
            }
            #expect(replacements.allSatisfy { $0?.ticket?.keyVersion == version + 1 })
            let new = try #require(replacements.first ?? nil)
            #expect(try fixture.authenticate(new) == fixture.principal)
            // Nor does a server that refuses this one too cost a request.
            #expect(try await manager.replacement(for: new, by: RealmFixture.deadline) == nil)
            let next = try await manager.serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            #expect(next.ticket?.keyVersion == version + 1)
            // The next process finds it in the cache.
            let other = try await KerberosCredentialManager().serviceCredential(
                of: fixture.identity(.cache), for: fixture.servicePrincipal, by: RealmFixture.deadline)
            #expect(other.ticket?.keyVersion == version + 1)
        }
        #expect(try await realm.count(fixture).tickets == 2)
    }

    // MARK: - An impostor's KDC

    /// Another KDC of a realm of the same name, with the same user and password: a ticket that it gives for this host
    /// cannot be opened.
    @Test func aKDCThatIsNotTheRealmsOwnIsFound() async throws {
        let realm = try await SharedRealm.shared.realm
        var fixture = try await RealmFixture.make(in: realm)
        let host = "host/\(fixture.user)"
        try await realm.addPrincipal(host)
        fixture.serviceKeytab = try await realm.makeKeytab(for: [host])
        var rogue = fixture
        let other = try await KerberosRealm.start(.init(realm: realm.name))
        try await other.addPrincipal(fixture.user, password: fixture.password)
        try await other.addPrincipal(host)
        rogue.environment = other.environment()
        for (fixture, isRogue) in [(fixture, false), (rogue, true)] {
            await #expect(processExitsWith: .success) {
                [fixture = fixture as RealmFixture, isRogue = isRogue as Bool, host = host as String] in
                fixture.enter()
                for service in [host, nil] {
                    let verification = KerberosVerification(service: service, keytab: fixture.serviceKeytab)
                    func check(_ password: String) async -> KerberosCredentialError.Code? {
                        do {
                            try await KerberosPassword.check(
                                user: fixture.user, password: Secret(password), against: verification,
                                by: RealmFixture.deadline)
                            return nil
                        } catch {
                            return (error as? KerberosCredentialError)?.code ?? .invalidService
                        }
                    }
                    #expect(await check(fixture.password) == (isRogue ? .kerberos : nil))
                    #expect(await check("not the password") == .rejected)
                    for identity in [
                        KerberosIdentity.password(Secret(fixture.password), user: fixture.user, verify: verification),
                        .keytab(fixture.keytab, user: fixture.user, verify: verification),
                    ] where !isRogue || identity.source == .password {
                        let error: (any Error)?
                        do {
                            _ = try await KerberosCredentialManager().serviceCredential(
                                of: identity, for: ServicePrincipal(service: "host", host: fixture.user),
                                by: RealmFixture.deadline)
                            error = nil
                        } catch let caught {
                            error = caught
                        }
                        let call = (error as? KerberosCredentialError)?.underlying?.call
                        #expect(call == (isRogue ? "krb5_verify_init_creds" : nil), "\(String(describing: error))")
                    }
                }
            }
        }
        await other.stop()
    }
}
