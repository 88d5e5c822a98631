import KerberosTestKit
import TestSupport
import Testing

/// A KDC that takes requests and does not answer: the C library would wait for it for half a minute.
@Suite struct StalledKDCTests {
    @Test func theCheckEndsAtItsDeadlineAndWorksOnceTheKDCGoesOn() async throws {
        let realm = try await SharedRealm.start()
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=read@test"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))

        // After this the cache has the service's ticket.
        let warm = try await realm.realm.makeCache("ann", password: realm.annPassword)
        #expect(try await AuthCheck.check(uri, in: realm, cache: warm).status == 0)

        try await realm.realm.pause()
        async let other = Self.timed { try await AuthCheck.check(uri, in: realm, cache: warm) }
        let (stalled, duration) = try await Self.timed {
            try await AuthCheck.check(uri, in: realm, cache: realm.annCache, timeout: "2s")
        }
        let (unaffected, usual) = try await other
        #expect(unaffected.status == 0, "\(unaffected)")
        // What is meant is that it does not wait for the C library. How long a run takes here and now, the other one tells.
        #expect(duration < .seconds(2 + 5) + usual * 3, "\(duration), and \(usual) without the KDC")
        #expect(stalled.status == 21, "\(stalled)")
        #expect(stalled.failure?.class == "kdc-unreachable")
        #expect(stalled.failure?.phase == "kerberos")

        try await realm.realm.resume()
        let working = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(working.status == 0, "\(working)")

        try await server.stop()
        await realm.realm.stop()
    }

    private static func timed<R>(_ body: () async throws -> R) async throws -> (R, Duration) {
        let start = ContinuousClock.now
        let result = try await body()
        return (result, ContinuousClock.now - start)
    }

    @Test func aStoppedKDCIsUnreachable() async throws {
        let realm = try await SharedRealm.start()
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=read@test"])
        try await realm.realm.stopKDC()
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port)), in: realm, cache: realm.annCache)
        #expect(outcome.status == 21, "\(outcome)")
        #expect(outcome.failure?.class == "kdc-unreachable")
        #expect(outcome.advice.contains("KDC"))
        try await server.stop()
        await realm.realm.stop()
    }
}
