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

        try await realm.realm.pause()
        let start = ContinuousClock.now
        let stalled = try await AuthCheck.check(uri, in: realm, cache: realm.annCache, timeout: "2s")
        // Far from the deadline for the sake of a busy machine, and farther from what the C library would take.
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(stalled.status == 40, "\(stalled)")
        #expect(stalled.failure?.class == "deadline")
        #expect(stalled.failure?.phase == "kerberos")

        try await realm.realm.resume()
        let working = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(working.status == 0, "\(working)")

        try await server.stop()
        await realm.realm.stop()
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
