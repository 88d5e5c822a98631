import KerberosTestKit
import TestSupport
import XCTest

/// The kit in XCTest, with a realm of each test's own.
final class XCTestTests: XCTestCase {
    private var realm: KerberosRealm?

    override func setUp() async throws {
        realm = try await KerberosRealm.start(KerberosRealm.Configuration(realm: "XCTEST.TEST"))
    }

    override func tearDown() async throws {
        await realm?.stop()
    }

    func testAUserGetsATicket() async throws {
        let realm = try XCTUnwrap(self.realm)
        try await realm.addPrincipal("ann", password: "secret")
        let cache = try await realm.makeCache("ann", password: "secret")
        let klist = try BuiltExecutable.system("klist", package: "krb5-user")
        let listing = try await Child.run(klist, [cache], environment: realm.environment(cache: cache))
        XCTAssertEqual(listing.status, 0, "\(listing)")
        XCTAssertTrue(listing.stdout.contains("Default principal: ann@XCTEST.TEST"), "\(listing)")
        let event = try await realm.waitForEvent { $0.issued }
        XCTAssertEqual(event.client, "ann@XCTEST.TEST")
    }
}
