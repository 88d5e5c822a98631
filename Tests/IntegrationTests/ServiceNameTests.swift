import KerberosTestKit
import TestSupport
import Testing

/// Which server has to prove its identity is the user's choice, not that of the DNS.
@Suite struct ServiceNameTests {
    /// A realm whose `krb5.conf` has the library follow aliases and look addresses up, as it does by default.
    private func start() async throws -> (SharedRealm, ServerProcess) {
        var configuration = KerberosRealm.Configuration()
        configuration.libdefaults = ["dns_canonicalize_hostname = true", "rdns = true"]
        let realm = try await SharedRealm.start(configuration)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=read@test"])
        return (realm, server)
    }

    @Test func theHostIsUsedAsGiven() async throws {
        let (realm, server) = try await start()
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port), properties: "CANONICALIZE_HOST_NAME:none")
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 23, "\(outcome)")
        #expect(outcome.advice.contains("mongodb/127.0.0.1"), "\(outcome)")
        // Others leave it to libkrb5, which asks the DNS by default: they connect.
        let others = try await OtherDriver.ask(
            gssapiURI(realm.ann, Family.ipv4.authority(server.port), properties: ""),
            environment: realm.realm.environment(cache: realm.annCache))
        #expect(others.connected(as: realm.ann) == [.pyMongo, .libmongoc], "\(others)")
        try await server.stop()
        await realm.realm.stop()
    }

    @Test func theHostIsMadeCanonicalWhereThatIsAskedFor() async throws {
        let (realm, server) = try await start()
        let uri = gssapiURI(
            realm.ann, Family.ipv4.authority(server.port), properties: "CANONICALIZE_HOST_NAME:forwardAndReverse")
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "127.0.0.1 is localhost in every hosts file: \(outcome)")
        try await server.stop()
        await realm.realm.stop()
    }

    /// A socket has no host name: `localhost` is a guess, which the report says, unless SERVICE_HOST names the host.
    @Test(arguments: [("", 0, true), ("SERVICE_HOST:localhost", 0, false), ("SERVICE_HOST:elsewhere.test", 23, false)])
    func aUnixSocketHasNoName(properties: String, status: Int32, isWarnedOf: Bool) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=read@test"])
        let outcome = try await SocketRelay.run(to: server.port) { path in
            let authority = path.replacing("/", with: "%2F")
            return try await AuthCheck.check(
                gssapiURI(realm.ann, authority, properties: properties), in: realm, cache: realm.annCache)
        }
        #expect(outcome.status == status, "\(outcome)")
        let warnings = try #require(outcome.report.hosts.first).warnings
        #expect(warnings.count == (isWarnedOf ? 1 : 0), "\(warnings)")
        #expect(warnings.allSatisfy { $0.contains("no host name") && $0.contains("SERVICE_HOST") }, "\(warnings)")
        try await server.stop()
    }

    /// The KDC's answer does not decrypt: no server has been asked for anything, so none has failed to prove itself.
    @Test func aCacheFromBeforeTheRealmWasRebuiltIsRejected() async throws {
        let realm = try await SharedRealm.start()
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: ["\(realm.ann)=read@test"])
        try await realm.realm.changeKey("krbtgt/\(realm.realm.name)", keepingVersion: true)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 22, "\(outcome)")
        #expect(outcome.failure?.phase == "kerberos")
        #expect(outcome.advice.contains("kinit"))
        try await server.stop()
        await realm.realm.stop()
    }
}
