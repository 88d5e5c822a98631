import Foundation
import TestSupport
import Testing

/// What the README shows: an authentication from nothing.
@Suite struct DemoTests {
    @Test func theDemoEndsWithTheIdentity() async throws {
        let result = try await AuthCheck.run(["demo"])
        #expect(result.status == 0, "\(result)")
        let lines = result.stdout.split(separator: "\n")
        #expect(lines.last == "OK: authenticated as ann@EXAMPLE.TEST on $external", "\(result)")
    }

    @Test func theDemoHasAReportForProgramsToo() async throws {
        let result = try await AuthCheck.run(["demo", "--format", "json"])
        #expect(result.status == 0, "\(result)")
        let report = try JSONDecoder().decode(CheckJSON.self, from: Data(result.stdout.utf8))
        #expect(report.hosts.first?.identity?.user == "ann@EXAMPLE.TEST")
    }
}
