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
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appendingPathComponent("docs/schemas/authcheck.environment.schema.json")
        let schema = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let document = try JSONSerialization.jsonObject(with: Data(result.stdout.utf8))
        let faults = SchemaCheck(definitions: schema["$defs"] as? [String: Any] ?? [:]).faults(document, schema, "$")
        #expect(faults.isEmpty, "\(faults)")
        // The check itself finds what is wrong.
        let other = SchemaCheck(definitions: [:]).faults(
            ["a": 1], ["required": ["b"], "properties": ["b": ["type": "string"]]], "$")
        #expect(other.count == 2)
    }
}
