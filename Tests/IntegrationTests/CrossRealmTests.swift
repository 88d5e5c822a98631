import KerberosTestKit
import TestSupport
import Testing

/// The user is of one realm, the service of another.
@Suite struct CrossRealmTests {
    private struct Setting {
        var users: KerberosRealm
        var services: KerberosRealm
        var server: ServerProcess
        var cache: String
        let user = "ann@USERS.TEST"

        func check(_ properties: String) async throws -> CheckOutcome {
            try await AuthCheck.check(
                gssapiURI(user, Family.ipv4.authority(server.port), properties: properties),
                environment: users.environment(cache: cache))
        }

        func stop() async throws {
            try await server.stop()
            await users.stop()
            await services.stop()
        }
    }

    private func start(_ connect: (KerberosRealm, KerberosRealm) async throws -> Void) async throws -> Setting {
        let users = try await KerberosRealm.start(.init(realm: "USERS.TEST", backend: .chosen))
        let services = try await KerberosRealm.start(.init(realm: "SERVICES.TEST", backend: .chosen))
        try await users.addPrincipal("ann", password: "ann's password")
        try await services.addPrincipal("mongodb/localhost")
        try await connect(users, services)
        let keytab = try await services.makeKeytab(for: ["mongodb/localhost"])
        let cache = try await users.makeCache("ann", password: "ann's password")
        let server = try await ServerProcess.start(
            realm: services, keytab: keytab, users: ["ann@USERS.TEST=read@test"])
        return Setting(users: users, services: services, server: server, cache: cache)
    }

    private func expectSuccess(_ outcome: CheckOutcome) throws {
        #expect(outcome.status == 0, "\(outcome)")
        let host = try #require(outcome.report.hosts.first)
        #expect(host.identity?.user == "ann@USERS.TEST", "\(outcome)")
        #expect(host.kerberos?.service == "mongodb/localhost@SERVICES.TEST", "\(outcome)")
        #expect(host.kerberos?.serviceTicket?.server == "mongodb/localhost@SERVICES.TEST", "\(outcome)")
        #expect(outcome.report.kerberos?.ticketGrantingTicket?.server == "krbtgt/USERS.TEST@USERS.TEST", "\(outcome)")
    }

    /// [domain_realm] of the client says where the host is.
    @Test func theConfigurationNamesTheRealm() async throws {
        let setting = try await start { try await $1.trust($0, hosts: ["localhost"]) }
        try expectSuccess(try await setting.check("SERVICE_HOST:localhost"))
        try await setting.stop()
    }

    @Test func theConnectionStringNamesTheRealm() async throws {
        let setting = try await start { try await $1.trust($0) }
        try expectSuccess(try await setting.check("SERVICE_HOST:localhost,SERVICE_REALM:SERVICES.TEST"))
        // Without it the service is looked for in the user's own realm, which does not have it.
        let lost = try await setting.check("SERVICE_HOST:localhost")
        #expect(lost.status == 23, "\(lost)")
        #expect(lost.failure?.hint?.contains("mongodb/localhost") == true, "\(lost)")
        try await setting.stop()
    }

    /// The client knows both KDCs, and neither trusts the other.
    @Test func withoutTrustTheHintNamesTheMissingPrincipal() async throws {
        let setting = try await start { try await $0.addRealm($1, hosts: ["localhost"]) }
        for properties in ["SERVICE_HOST:localhost", "SERVICE_HOST:localhost,SERVICE_REALM:SERVICES.TEST"] {
            let outcome = try await setting.check(properties)
            #expect(outcome.status == 23, "\(outcome)")
            #expect(outcome.failure?.kerberos?.symbolicName == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN", "\(outcome)")
            #expect(outcome.failure?.hint?.contains("krbtgt/SERVICES.TEST@USERS.TEST") == true, "\(outcome)")
        }
        try await setting.stop()
    }
}
