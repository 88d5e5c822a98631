package import KerberosTestKit

/// One realm for all tests of a process, started when the first test asks for it.
///
/// Tests must not change the keys of its principals, nor pause or stop its KDC: such a test starts a realm of its own.
/// Its guard process stops it when the test process ends.
package struct SharedRealm: Sendable {
    /// The realm itself.
    package let realm: KerberosRealm
    /// The password of `ann`.
    package let annPassword = "ann's password"
    /// The password of `bob`.
    package let bobPassword = "bob's password"
    /// A cache with a ticket-granting ticket of `ann`, as `FILE:` and path.
    package let annCache: String
    /// A cache with a ticket-granting ticket of `bob`, as `FILE:` and path.
    package let bobCache: String
    /// The path of a keytab with the keys of `ann`, to get credentials from.
    package let annKeytab: String
    /// The path of a keytab with the keys of `mongodb/localhost`, for the server.
    package let serviceKeytab: String

    /// The principal of `ann` with its realm.
    package var ann: String { "ann@\(realm.name)" }
    /// The principal of `bob` with its realm.
    package var bob: String { "bob@\(realm.name)" }

    private static let started = Task { try await start() }

    /// The realm with its principals, keytabs and caches.
    package static var shared: SharedRealm {
        get async throws { try await started.value }
    }

    /// Starts a realm with the same content for one test alone; that test stops it.
    ///
    /// - Parameter backend: Where its KDC runs; `nil` is where the switch says. A test whose children signal the KDC
    ///   needs `.processes`.
    package static func start(
        _ configuration: KerberosRealm.Configuration = KerberosRealm.Configuration(),
        backend: KerberosRealm.Backend? = nil
    ) async throws -> SharedRealm {
        var configuration = configuration
        configuration.backend = try backend ?? .chosen
        return try await SharedRealm(realm: KerberosRealm.start(configuration))
    }

    private init(realm: KerberosRealm) async throws {
        self.realm = realm
        try await realm.addPrincipals([
            NewPrincipal("ann", password: annPassword),
            NewPrincipal("bob", password: bobPassword),
            NewPrincipal("mongodb/localhost"),
        ])
        annCache = try await realm.makeCache("ann", password: annPassword)
        bobCache = try await realm.makeCache("bob", password: bobPassword)
        annKeytab = try await realm.makeKeytab(for: ["ann"])
        serviceKeytab = try await realm.makeKeytab(for: ["mongodb/localhost"])
    }
}
