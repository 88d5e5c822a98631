import Foundation
import KerberosTestKit
import TestSupport

/// Starts `scripted-acceptor`.
enum ScriptedServer {
    static func start(
        _ misbehaviour: String, in realm: SharedRealm, listen family: Family = .ipv4, record: String? = nil,
        arbiter: String? = nil
    ) async throws -> ServerProcess {
        let recording = (record.map { ["--record", $0] } ?? []) + (arbiter.map { ["--arbiter", $0] } ?? [])
        return try await ServerProcess(
            BuiltExecutable.url(named: "scripted-acceptor"),
            ["--misbehaviour", misbehaviour, "--keytab", realm.serviceKeytab, "--listen", family.rawValue] + recording,
            environment: realm.realm.environment(keytab: realm.serviceKeytab))
    }

    /// Every misbehaviour that the program has.
    static func names() async throws -> [String] {
        let result = try await Child.run(BuiltExecutable.url(named: "scripted-acceptor"), ["--list"])
        guard result.status == 0 else { throw TestSupportError("scripted-acceptor --list: \(result)") }
        return result.stdout.split(separator: "\n").map(String.init)
    }
}
