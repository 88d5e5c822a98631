import Foundation
import GSSCore
import Glibc
import KerberosCredentials
import KerberosTestKit
import NameResolution
import TestSupport
import Testing

/// Each KDC asked separately: over UDP and TCP, at every address.
@Suite struct KDCProbeTests {
    /// Records as they are told, for any name; it notes what it is asked for.
    private struct Records: ServiceResolver {
        var records: [String: [SRVRecord]] = [:]
        var failure: NameResolutionError.Code?

        func services(of name: String, by deadline: ContinuousClock.Instant) async throws -> [SRVRecord] {
            if let failure { throw NameResolutionError(failure, name: name, "the records fail: \(name)") }
            guard let found = records[name] else {
                throw NameResolutionError(.noSuchName, name: name, "does not exist")
            }
            return found
        }

        func texts(of name: String, by deadline: ContinuousClock.Instant) async throws -> [TXTRecord] {
            throw NameResolutionError(.noRecords, name: name, "has none")
        }
    }

    /// Makes this process one with KDCs of the test's own choice.
    private static func configure(_ fixture: RealmFixture, dns: Bool = false, kdcs: [String]) throws {
        let text = """
            [libdefaults]
                default_realm = \(fixture.realm)
                dns_lookup_kdc = \(dns)
            [realms]
                \(fixture.realm) = {
            \(kdcs.map { "        kdc = \($0)" }.joined(separator: "\n"))
                }

            """
        try text.write(toFile: fixture.file, atomically: true, encoding: .utf8)
        setenv("KRB5_CONFIG", fixture.file, 1)
    }

    /// The port of the realm's KDC.
    private static func port(_ fixture: RealmFixture) throws -> UInt16 {
        let text = try String(contentsOfFile: try #require(fixture.environment["KRB5_CONFIG"]), encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.drop { $0 == " " }.hasPrefix("kdc =") })
        return try #require(line.split(separator: ":").last.flatMap { UInt16($0.trimmingCharacters(in: .whitespaces)) })
    }

    private static func outcomes(_ kdc: KDCReport.KDC) -> [KDCReport.Outcome] { kdc.attempts.map(\.attempt.outcome) }

    // MARK: - One that answers

    @Test(arguments: [false, true])
    func aLivingKDCTellsOfTheUserAndOfItsClock(needsPreauthentication: Bool) async throws {
        let realm = try await SharedRealm.shared.realm
        var fixture = try await RealmFixture.make(in: realm)
        if needsPreauthentication {
            fixture.user += "-preauth"
            try await realm.addPrincipal(
                fixture.user, password: fixture.password, options: ["+requires_preauth"])
        }
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, needsPreauthentication = needsPreauthentication as Bool] in
            fixture.enter()
            for principal in [fixture.principal, nil, "somebody@ELSEWHERE.TEST"] {
                let report = try await KDCProbe().run(
                    realm: principal == fixture.principal ? nil : fixture.realm, principal: principal,
                    by: .now + .seconds(20))
                #expect(report.realm == fixture.realm && report.moreKDCs == 0 && report.malformedEntries.isEmpty)
                #expect(report.isAboutUser == (principal == fixture.principal))
                #expect(!report.asksDNS && report.isReachable)
                let kdc = try #require(report.kdcs.first)
                #expect(kdc.isUsed && kdc.hasAnswered && kdc.problem == nil)
                #expect(Self.outcomes(kdc).count >= 2)
                #expect(Self.outcomes(kdc).allSatisfy { $0.isAnswer }, "\(kdc)")
                let offset = try #require(kdc.clockOffset)
                #expect(offset > .seconds(-60) && offset < .seconds(60))
                let answer = try #require(kdc.answer)
                guard report.isAboutUser, !needsPreauthentication else {
                    let name = report.isAboutUser ? "KRB5KDC_ERR_PREAUTH_REQUIRED" : "KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN"
                    #expect(answer == .error(code: report.isAboutUser ? 25 : 6, name: name))
                    continue
                }
                #expect(answer == .ticket)
            }
        }
        // No request is for a ticket that could be used, and none is a login that failed.
        let events = try await realm.events().filter { $0.client == fixture.principal }
        #expect(!events.contains { $0.outcome == .preauthenticationFailed })
    }

    // MARK: - Those that do not

    @Test(arguments: [false, true])
    func theDeadBesideTheLiving(isIPv6: Bool) async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture, isIPv6 = isIPv6 as Bool] in
            fixture.enter()
            let living = try Self.port(fixture)
            let silent = try LoopbackSocket(.listener, isIPv6: isIPv6)
            let datagrams = try LoopbackSocket(.datagrams, port: silent.port, isIPv6: isIPv6)
            let closed = try LoopbackSocket(.closed, isIPv6: isIPv6)
            let host = isIPv6 ? "[::1]" : "127.0.0.1"
            try Self.configure(
                fixture,
                kdcs: ["\(host):\(closed.port)", "\(host):\(silent.port)", "\(host):\(living)", "\(host):\(living)"])
            let start = ContinuousClock.now
            let deadline = start + .seconds(4)
            let report = try await KDCProbe().run(principal: fixture.user, by: deadline)
            try #require(report.kdcs.count == 3, "\(report)")
            #expect(Self.outcomes(report.kdcs[0]) == [.refused, .refused])
            #expect(Self.outcomes(report.kdcs[1]) == [.silent, .connectedAndSilent])
            #expect(Self.outcomes(report.kdcs[2]).allSatisfy { $0.isAnswer })
            #expect("\(report.kdcs[0])" == "\(host):\(closed.port): UDP refused, TCP refused")
            #expect("\(report.kdcs[1])" == "\(host):\(silent.port): UDP silent, TCP connected, then silent")
            #expect(report.kdcs[0].attempts.allSatisfy { $0.attempt.duration < .seconds(3) })
            #expect(report.kdcs[1].attempts.allSatisfy { $0.attempt.duration > .seconds(2) })
            #expect(report.isReachable)
            #expect(datagrams.port == silent.port)
        }
    }

    @Test func whatIsNoKDC() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let web = try LoopbackSocket(.listener)
            let hasty = try LoopbackSocket(.listener)
            let proxy = try LoopbackSocket(.listener)
            try Self.configure(
                fixture,
                kdcs: [
                    "127.0.0.1:\(web.port)", "127.0.0.1:\(hasty.port)", "https://127.0.0.1:\(proxy.port)/KdcProxy",
                    "no-such-host.invalid:88",
                ])
            Thread.detachNewThread { web.answerOnce(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)) }
            Thread.detachNewThread { hasty.answerOnce([]) }
            let report = try await KDCProbe().run(by: .now + .seconds(10))
            try #require(report.kdcs.count == 4, "\(report)")
            #expect(Self.outcomes(report.kdcs[0]) == [.refused, .malformed])
            #expect(Self.outcomes(report.kdcs[1]) == [.refused, .closed])
            #expect(Self.outcomes(report.kdcs[2]) == [.connected])
            #expect(report.kdcs[3].addresses.isEmpty && report.kdcs[3].problem?.isEmpty == false)
        }
    }

    @Test func anEntryThatCannotBeReadAndTooMany() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let living = try Self.port(fixture)
            try Self.configure(fixture, kdcs: ["fe80::1", "127.0.0.1:\(living)"])
            let malformed = try await KDCProbe().run(by: .now + .seconds(10))
            #expect(malformed.malformedEntries == ["fe80::1"] && malformed.kdcs.count == 1)
            #expect(malformed.kdcs.allSatisfy { $0.hasAnswered } && !malformed.isReachable)

            try Self.configure(fixture, kdcs: (1...20).map { "127.0.0.1:\($0)" })
            let many = try await KDCProbe().run(realm: fixture.realm, by: .now + .seconds(10))
            #expect(many.kdcs.count == KDCProbe.mostKDCs && many.moreKDCs == 4)
        }
    }

    // MARK: - The DNS

    @Test func theDNSIsAskedAsTheLibraryDoes() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let living = try Self.port(fixture)
            let closed = try LoopbackSocket(.closed)
            func record(_ port: UInt16, priority: UInt16 = 0) -> SRVRecord {
                SRVRecord(priority: priority, weight: 0, port: port, target: "127.0.0.1", ttl: .seconds(60))
            }
            let records = Records(records: [
                "_kerberos._udp.\(fixture.realm)": [record(closed.port, priority: 2), record(living, priority: 1)],
                "_kerberos._tcp.\(fixture.realm)": [record(living, priority: 1)],
            ])
            func run(_ services: Records, dns: Bool, _ kdcs: [String]) async throws -> KDCReport {
                try Self.configure(fixture, dns: dns, kdcs: kdcs)
                return try await KDCProbe(services: services).run(by: .now + .seconds(10))
            }
            let found = try await run(records, dns: true, [])
            #expect(found.kdcs.map(\.location.port) == [living, closed.port])
            #expect(found.kdcs.map(\.location.transport) == [.any, .udp])
            #expect(found.kdcs.first?.location.source == .dns(name: "_kerberos._udp.\(fixture.realm)"))
            #expect(found.kdcs.allSatisfy { $0.isUsed } && found.isReachable)
            #expect(found.kdcs.map { Self.outcomes($0).count } == [2, 1])

            // The configuration has one, so the library does not ask the DNS.
            let beside = try await run(records, dns: true, ["127.0.0.1:\(closed.port)"])
            #expect(beside.kdcs.map(\.isUsed) == [true, false] && !beside.isReachable)
            // KDCs that the library would not ask do not get the user's name, whatever the DNS says.
            #expect(beside.kdcs.last?.location.port == living && beside.kdcs.last?.addresses.isEmpty == true)

            let forbidden = try await run(Records(failure: .temporaryFailure), dns: false, [])
            #expect(forbidden.kdcs.isEmpty && forbidden.dnsProblem == nil && !forbidden.asksDNS)
            let failed = try await run(Records(failure: .temporaryFailure), dns: true, [])
            #expect(failed.kdcs.isEmpty && failed.dnsProblem?.contains("_kerberos._udp") == true)
            let none = try await run(Records(), dns: true, [])
            #expect(none.kdcs.isEmpty && none.dnsProblem == nil)
        }
    }

    // MARK: - Nothing to ask

    @Test func aConfigurationThatCannotBeRead() async throws {
        let fixture = try await RealmFixture.make(in: SharedRealm.shared.realm)
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            try "[libdefaults\n".write(toFile: fixture.file, atomically: true, encoding: .utf8)
            setenv("KRB5_CONFIG", fixture.file, 1)
            let error = await #expect(throws: KerberosCredentialError.self) {
                try await KDCProbe().run(realm: "X.TEST", by: .now + .seconds(10))
            }
            #expect(error?.code == .kerberos && error?.underlying?.call == "krb5_init_context")
        }
    }
}
