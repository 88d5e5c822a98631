import KerberosTestKit
import TestSupport
import Testing

/// Realms in which everybody has keys of one type, the newest ones and the oldest that are still met.
@Suite struct EncryptionTypeTests {
    @Test(arguments: [
        ["aes256-cts-hmac-sha384-192"], ["aes128-cts-hmac-sha256-128"], ["aes256-cts-hmac-sha1-96"], ["arcfour-hmac"],
    ])
    func everybodyHasOneType(types: [String]) async throws {
        let realm = try await SharedRealm.start(
            .init(encryptionTypes: types, libdefaults: types == ["arcfour-hmac"] ? ["allow_rc4 = true"] : []),
            backend: .processes)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=read@test"], listen: ["127.0.0.1:0"])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let password = try realm.newFile("password", "\(realm.annPassword)\n")
        for (cache, options) in [(realm.annCache, []), (realm.absentCache(), ["--password-file", password])] {
            let outcome = try await AuthCheck.check(uri, options, environment: realm.realm.environment(cache: cache))
            #expect(outcome.status == 0, "\(outcome)")
            let host = try #require(outcome.report.hosts.first)
            #expect(host.kerberos?.serviceTicket?.encryptionType == types.first, "\(outcome)")
            #expect(
                host.warnings.contains { $0.contains("which is weak") } == (types == ["arcfour-hmac"]), "\(outcome)")
        }
        try await server.stop()
        await realm.realm.stop()
    }
}
