import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// The arguments and the JSON of `authcheck environment`.
@Suite struct EnvironmentFormTests {
    @Test func wrongArguments() async throws {
        for arguments in [["--realm", ""], ["--format", "xml"], ["--timeout", "0s"], ["mongodb://localhost"]] {
            let result = try await AuthCheck.run(["environment"] + arguments)
            #expect(result.status == 64, "\(result)")
        }
    }

    /// Every key that the schema names is there, and no other one.
    @Test func theJSONIsThatOfItsSchema() async throws {
        let realm = try await SharedRealm.shared
        let result = try await AuthCheck.run(
            ["environment", "--format", "json", "--timeout", "60s", "--host", "localhost"],
            environment: realm.realm.environment(cache: realm.annCache, clientKeytab: realm.annKeytab))
        try JSONSchema("authcheck.environment").check(result.stdout)
    }
}
