import KerberosTestKit
import TestSupport
import Testing

/// Users of one realm at the services of another.
@Suite struct TrustTests {
    private func withRealms(
        _ names: [String], sections: [String: [String]] = [:], _ body: ([KerberosRealm]) async throws -> Void
    ) async throws {
        guard let name = names.first else { return try await body([]) }
        try await KerberosRealm.withRealm(KerberosRealm.Configuration(realm: name, sections: sections)) { realm in
            try await realm.addPrincipals([NewPrincipal("ann", password: "secret"), NewPrincipal("svc/localhost")])
            try await withRealms(Array(names.dropFirst()), sections: sections) { try await body([realm] + $0) }
        }
    }

    /// Gets a ticket for a service and decrypts it with the service's own keytab.
    ///
    /// - Parameter service: The full principal; `nil` asks for the service on `localhost`, wherever its realm is.
    private func visit(from users: KerberosRealm, to services: KerberosRealm, as service: String?) async throws
        -> Child.Result
    {
        let keytab = try await services.makeKeytab(for: ["svc/localhost"])
        let cache = try await users.makeCache("ann", password: "secret")
        let kvno = try BuiltExecutable.system("kvno", package: "krb5-user")
        return try await Child.run(
            kvno, ["-k", keytab] + (service.map { [$0] } ?? ["-S", "svc", "localhost"]),
            environment: users.environment(cache: cache))
    }

    @Test("Trust lets users of one realm in and not those of the other")
    func oneWay() async throws {
        try await withRealms(["USERS.TEST", "SERVICES.TEST"]) { realms in
            let (users, services) = (realms[0], realms[1])
            let before = try await visit(from: users, to: services, as: "svc/localhost@SERVICES.TEST")
            #expect(before.status != 0, "\(before)")

            try await services.trust(users)
            let there = try await visit(from: users, to: services, as: "svc/localhost@SERVICES.TEST")
            #expect(there.status == 0 && there.stdout.contains("keytab entry valid"), "\(there)")
            let event = try #require(try await services.events().last)
            #expect(event.issued && event.client == "ann@USERS.TEST")
            #expect(event.server == "svc/localhost@SERVICES.TEST")

            let back = try await visit(from: services, to: users, as: "svc/localhost@USERS.TEST")
            #expect(back.status != 0 && back.stderr.contains("not found in Kerberos database"), "\(back)")
        }
    }

    @Test("Mutual trust lets both in, and the services of named hosts are found without their realm")
    func mutual() async throws {
        try await withRealms(["LEFT.TEST", "RIGHT.TEST"]) { realms in
            try await realms[0].trust(realms[1], mutually: true, hosts: ["localhost"])
            let back = try await visit(from: realms[0], to: realms[1], as: "svc/localhost@RIGHT.TEST")
            #expect(back.status == 0 && back.stdout.contains("keytab entry valid"), "\(back)")
            let there = try await visit(from: realms[1], to: realms[0], as: nil)
            #expect(there.status == 0 && there.stdout.contains("keytab entry valid"), "\(there)")
        }
    }

    @Test("A path over three realms works where capaths allows it")
    func path() async throws {
        let sections = ["capaths": ["A.TEST = {", "C.TEST = B.TEST", "}"]]
        try await withRealms(["A.TEST", "B.TEST", "C.TEST"], sections: sections) { realms in
            try await realms[1].trust(realms[0])
            try await realms[2].trust(realms[1])
            // The client walks the path itself, so it has to know the last KDC too.
            try await realms[0].addRealm(realms[2], hosts: ["localhost"])
            let visit = try await visit(from: realms[0], to: realms[2], as: "svc/localhost@C.TEST")
            #expect(visit.status == 0 && visit.stdout.contains("keytab entry valid"), "\(visit)")
            #expect(try await realms[1].events().contains { $0.issued && $0.server == "krbtgt/C.TEST@B.TEST" })
        }
    }

    @Test("Two realms of one name cannot trust each other")
    func sameName() async throws {
        let shared = try await SharedRealm.shared
        let error = await #expect(throws: KerberosTestKitError.self) { try await shared.realm.trust(shared.realm) }
        #expect(error?.code == .invalidArgument)
    }
}
