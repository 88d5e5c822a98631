import Foundation
import Glibc
import TestSupport
import Testing

/// What the README shows: an authentication from scratch.
@Suite struct DemoTests {
    @Test func theDemoEndsWithTheIdentity() async throws {
        let result = try await Child.run(BuiltExecutable.url(named: "testrealm"), ["demo"])
        #expect(result.status == 0, "\(result)")
        #expect(result.stderr.contains("that demands GSSAPI; now: authcheck 'mongodb://ann%40EXAMPLE.TEST@localhost:"))
        let lines = result.stdout.split(separator: "\n")
        #expect(lines.first == "OK: authenticated as ann@EXAMPLE.TEST on $external", "\(result)")
    }

    @Test func theDemoHasAReportForProgramsToo() async throws {
        let result = try await Child.run(BuiltExecutable.url(named: "testrealm"), ["demo", "--format", "json"])
        #expect(result.status == 0, "\(result)")
        let report = try JSONDecoder().decode(CheckJSON.self, from: Data(result.stdout.utf8))
        #expect(report.hosts.first?.identity?.user == "ann@EXAMPLE.TEST")
    }

    /// Root may do what others may not: the demo needs nobody's permission for anything.
    @Test(.enabled(if: geteuid() == 0, "whoever is no root has shown it with the other tests"))
    func anOrdinaryUserCanRunIt() async throws {
        // The temporary folder of root may be closed to others.
        let folder = URL(fileURLWithPath: "/tmp/demo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
        for name in ["authcheck", "mongo-test-server", "testrealm"] {
            let copy = folder.appendingPathComponent(name)
            try FileManager.default.copyItem(at: BuiltExecutable.url(named: name), to: copy)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: copy.path)
        }
        let result = try await Child.run(
            BuiltExecutable.system("setpriv", package: "util-linux"),
            [
                "--reuid=65534", "--regid=65534", "--clear-groups", folder.appendingPathComponent("testrealm").path,
                "demo",
            ], environment: ["HOME": "/nonexistent", "TMPDIR": "/tmp"])
        #expect(result.status == 0, "\(result)")
        #expect(result.stdout.contains("OK: authenticated as ann@EXAMPLE.TEST"), "\(result)")
    }
}
