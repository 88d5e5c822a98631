import KerberosTestKit
import TestSupport
import Testing

/// Common failures: each failure has its class, its exit status, and words that name the cause.
@Suite struct FailureTests {
    private func server(_ realm: SharedRealm, users: [String]? = nil) async throws -> ServerProcess {
        try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: users ?? [realm.ann, realm.bob])
    }

    private func expect(
        _ outcome: CheckOutcome, _ status: Int32, _ failureClass: String, in phase: String?, names words: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(outcome.status == status, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.report.exitStatus == status, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.report.result == "failed", "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.failure?.class == failureClass, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.failure?.phase == phase, "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.failure?.hint?.isEmpty == false, "\(outcome)", sourceLocation: sourceLocation)
        for word in words {
            #expect(outcome.advice.contains(word), "\(outcome)", sourceLocation: sourceLocation)
        }
    }

    // MARK: - Keys and tickets

    /// The server's keytab is older than its principal's key, or has another one under the same version.
    /// Active Directory gives every key a version of its own.
    @Test(arguments: Family.allCases, KerberosRealm.Backend.isSambaChosen ? [false] : [true, false])
    func aWrongServiceKey(_ family: Family, keepingVersion: Bool) async throws {
        let realm = try await SharedRealm.start()
        try await realm.realm.changeKey("mongodb/localhost", keepingVersion: keepingVersion)
        let server = try await server(realm)
        let uri = gssapiURI(realm.ann, family.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        expect(outcome, 30, "refused", in: "sasl", names: ["Authentication failed.", "keytab", "key"])
        try await server.stop()
        await realm.realm.stop()
    }

    @Test(arguments: Family.allCases)
    func noCache(_ family: Family) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(realm.ann, family.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: nil)
        expect(outcome, 20, "no-credentials", in: "kerberos", names: [realm.ann, "kinit"])
        try await server.stop()
    }

    @Test(arguments: Family.allCases, ["SERVICE_HOST:nosuch.localhost", "SERVICE_HOST:localhost,SERVICE_NAME:nosuch"])
    func anUnknownService(_ family: Family, properties: String) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(realm.ann, family.authority(server.port), properties: properties)
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        let service = properties.contains("SERVICE_NAME") ? "nosuch/localhost" : "mongodb/nosuch.localhost"
        expect(outcome, 23, "service-unknown", in: "kerberos", names: [service, "SERVICE_NAME"])
        try await server.stop()
    }

    /// Both principals are named: the one asked for, and the one that the cache is of.
    @Test(arguments: Family.allCases)
    func aUserWhoIsNotTheCaches(_ family: Family) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(realm.bob, family.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        expect(outcome, 20, "no-credentials", in: "kerberos", names: [realm.ann, realm.bob])
        try await server.stop()
    }

    @Test func aKDCThatIsNotThere() async throws {
        let realm = try await SharedRealm.start()
        let server = try await server(realm)
        try await realm.realm.stopKDC()
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        expect(outcome, 21, "kdc-unreachable", in: "kerberos", names: ["KDC", realm.realm.name])
        try await server.stop()
        await realm.realm.stop()
    }

    /// The KDC accepts the connection and sends nothing: only the deadline ends that.
    @Test func aKDCThatIsStuck() async throws {
        let realm = try await SharedRealm.start()
        let server = try await server(realm)
        try await realm.realm.pause()
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache, timeout: "2s")
        expect(outcome, 21, "kdc-unreachable", in: "kerberos", names: [realm.realm.name])
        // Each KDC was asked separately meanwhile.
        #expect(outcome.failure?.hint?.contains("UDP silent, TCP connected, then silent") == true, "\(outcome)")
        let without = try await AuthCheck.check(
            uri, ["--no-probes"], timeout: "2s", environment: realm.realm.environment(cache: realm.annCache))
        #expect(without.status == 21 && without.failure?.hint?.contains("silent") == false, "\(without)")
        try await server.stop()
        await realm.realm.stop()
    }

    @Test func aUserWhomTheServerDoesNotKnow() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm, users: [realm.bob])
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        expect(outcome, 30, "refused", in: "sasl", names: ["$external"])
        // Kerberos has authenticated both sides: it is not the keytab.
        #expect(outcome.failure?.hint?.hasPrefix("Kerberos has authenticated both sides") == true, "\(outcome)")
        #expect(outcome.failure?.hint?.contains("createUser({user: \"\(realm.ann)\"") == true, "\(outcome)")
        try await server.stop()
    }

    // MARK: - Connecting to the server

    @Test(arguments: Family.allCases)
    func aRefusedConnection(_ family: Family) async throws {
        let realm = try await SharedRealm.shared
        let port = try ClosedPort(family)
        let authority = family.authority(port.number)
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, authority), in: realm, cache: realm.annCache)
        expect(outcome, 11, "connect", in: "tcp", names: [])
        #expect(outcome.failure?.host == authority)
    }

    /// RFC 6761 reserves the domain: whoever is asked, there is no such host.
    @Test func anUnknownHost() async throws {
        let realm = try await SharedRealm.shared
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, "no-such-host.invalid:27017"), in: realm, cache: realm.annCache,
            environment: ["RES_OPTIONS": "timeout:1 attempts:1"])
        expect(outcome, 10, "dns", in: "dns", names: ["no-such-host.invalid"])
        #expect(outcome.failure?.host == "no-such-host.invalid:27017")
    }

    // MARK: - Several hosts

    @Test func theFirstHostThatFailedDecides() async throws {
        let realm = try await SharedRealm.shared
        let good = try await server(realm)
        let hostile = try await ScriptedServer.start("error-at-sasl-start", in: realm)
        let port = try ClosedPort(.ipv6)
        let hosts = [
            Family.ipv4.authority(good.port), Family.ipv6.authority(port.number), Family.ipv4.authority(hostile.port),
        ]
        for (order, status) in [([0, 1, 2], Int32(11)), ([2, 0, 1], 30), ([0, 2], 30), ([0], 0)] {
            let uri = gssapiURI(realm.ann, order.map { hosts[$0] }.joined(separator: ","))
            let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
            #expect(outcome.status == status, "\(outcome)")
            #expect(outcome.report.exitStatus == status)
            #expect(outcome.failure?.host == order.first { $0 != 0 }.map { hosts[$0] })
            #expect(outcome.report.hosts.map(\.result) == order.map { $0 == 0 ? "ok" : "failed" }, "\(outcome)")
            #expect(
                outcome.report.hosts.map(\.port) == order.map { [good.port, port.number, hostile.port][$0] })
            #expect(outcome.report.hosts.map { $0.identity?.user } == order.map { $0 == 0 ? realm.ann : nil })
        }
        try await good.stop()
        try await hostile.stop()
    }
}
