import Foundation
import Glibc
import TestSupport
import Testing

/// `testrealm demo --break`: a failure, its verdict and its fix.
@Suite struct DemoBreakTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        /// The class that authcheck gives it; `nil` for a success.
        var failureClass: String?
        var status: Int32
        /// What the demo says of it.
        var how: String
        /// What authcheck says of it.
        var advice: String

        var testDescription: String { name }

        init(_ name: String, _ failureClass: String?, _ status: Int32, how: String, advice: String) {
            (self.name, self.failureClass, self.status) = (name, failureClass, status)
            (self.how, self.advice) = (how, advice)
        }
    }

    private func demo(_ arguments: [String], environment: [String: String] = [:]) async throws -> Child.Result {
        try await Child.run(
            BuiltExecutable.url(named: "testrealm"), ["demo"] + arguments, environment: environment,
            timeout: .seconds(300))
    }

    /// All cases but that of the clock, which needs a test of its own: sanitizers do not work with faketime.
    private static let rows = [
        Row("no-ticket", "no-credentials", 20, how: "    kdestroy\n", advice: "kinit ann@EXAMPLE.TEST"),
        Row("expired-ticket", "credentials-rejected", 22, how: "kinit -l 1s ann", advice: "has expired"),
        Row(
            "unknown-service", "service-unknown", 23, how: "delete_principal -force mongodb/localhost",
            advice: "does not know mongodb/localhost"),
        Row(
            "wrong-host", "service-unknown", 23, how: "@127.0.0.1:", advice: "does not know mongodb/127.0.0.1"),
        Row("wrong-realm", "service-unknown", 23, how: "localhost = OTHER.TEST", advice: "no trust path to OTHER.TEST"),
        Row(
            "wrong-key", "refused", 30, how: "change_password -randkey mongodb/localhost",
            advice: "its keytab lacks the key of mongodb/localhost@EXAMPLE.TEST"),
        Row("stale-ticket", nil, 0, how: "kvno mongodb/localhost", advice: "a new one: the first was refused"),
        Row("kdc-silent", "kdc-unreachable", 21, how: "kill -STOP ", advice: "KDC"),
        Row("kdc-down", "kdc-unreachable", 21, how: "kill -KILL ", advice: "KDC"),
        Row("refused-user", "refused", 30, how: "kinit bob", advice: #"createUser({user: "bob@EXAMPLE.TEST""#),
        Row("untrusted-certificate", "tls", 12, how: "openssl req -x509", advice: "tlsCAFile="),
    ]

    @Test("Each case fails as it should, and can be fixed", arguments: rows)
    func eachCase(_ row: Row) async throws {
        try await check(row)
    }

    @Test func aWrongClock() async throws {
        try await check(
            Row("clock-skew", "clock-skew", 24, how: "now: faketime ", advice: "this machine's clock is 1 h behind"))
    }

    private func check(_ row: Row) async throws {
        let result = try await demo(["--break", row.name, "--format", "json"])
        #expect(result.status == 0, "\(result)")
        #expect(result.stderr.contains("=== \(row.name): "), "\(result)")
        #expect(result.stderr.contains(row.how), "\(result)")
        #expect(
            result.stderr.contains("as expected: \(row.failureClass ?? "ok"), exit status \(row.status)\n"),
            "\(result)"
        )
        #expect(result.stderr.contains("fixed: OK\n"), "\(result)")
        let lines = result.stdout.split(separator: "\n").map(String.init)
        try #require(lines.count == 2, "\(result)")
        for line in lines { try JSONSchema("authcheck.check").check(line) }
        let broken = try JSONDecoder().decode(CheckJSON.self, from: Data(lines[0].utf8))
        #expect(broken.failure?.class == row.failureClass && broken.exitStatus == row.status, "\(result)")
        let details = broken.hosts.flatMap(\.phases).compactMap(\.detail)
        let advice = [broken.failure?.message, broken.failure?.hint].compactMap(\.self) + details
        #expect(advice.contains { $0.contains(row.advice) }, "\(result)")
        let fixed = try JSONDecoder().decode(CheckJSON.self, from: Data(lines[1].utf8))
        #expect(fixed.result == "ok" && fixed.hosts.first?.identity?.user.hasSuffix("@EXAMPLE.TEST") == true)
    }

    /// A newcomer's view: the commands, the unchanged report, and that the fix worked.
    @Test func theTextHasTheReport() async throws {
        let result = try await demo(["--break", "no-ticket"])
        #expect(result.status == 0, "\(result)")
        let lines = result.stdout.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let order = [
            "=== no-ticket: the user has no ticket", "broken by:", "    kdestroy",
            "FAILED: no-credentials in phase kerberos, exit status 20", "as expected: no-credentials, exit status 20",
            "fixed by:", "    echo secret | kinit ann", "fixed: OK: authenticated as ann@EXAMPLE.TEST on $external",
        ]
        #expect(lines.filter(order.contains) == order, "\(result)")
        #expect(lines.contains { $0.hasPrefix("now: authcheck 'mongodb://ann%40EXAMPLE.TEST@localhost:") }, "\(result)")
    }

    /// Where a program is missing the tour says so, goes on, and does not end as if all had been shown.
    @Test func theTourEndsWithATable() async throws {
        let result = try await demo(["--break", "all"], environment: ["PATH": "/nonexistent"])
        #expect(result.status == 125, "\(result)")
        let table = result.stdout.split(separator: "\n").drop { !$0.hasPrefix("case ") }.dropFirst()
        let names = try await demo(["--break", "list"]).stdout.split(separator: "\n").compactMap {
            $0.split(separator: " ").first
        }
        #expect(names.dropLast() == table.compactMap { $0.split(separator: " ").first }[...], "\(result)")
        for row in table {
            if row.hasPrefix("clock-skew ") {
                #expect(row.hasSuffix("(apt-get install faketime)"), "\(row)")
            } else if row.hasPrefix("untrusted-certificate ") {
                #expect(row.hasSuffix("(apt-get install openssl)"), "\(row)")
            } else {
                #expect(row.hasSuffix(" OK") && !row.contains("NOT"), "\(row)")
            }
        }
    }

    @Test func aMissingProgramIsNamed() async throws {
        let result = try await demo(["--break", "clock-skew"], environment: ["PATH": "/nonexistent"])
        #expect(result.status == 125 && result.stdout.isEmpty, "\(result)")
        #expect(result.stderr.contains("(apt-get install faketime)"), "\(result)")
    }

    @Test func theCasesAreListed() async throws {
        let result = try await demo(["--break", "list"])
        #expect(result.status == 0 && result.stderr.isEmpty, "\(result)")
        let bad = try await demo(["--break", "no-such-case"])
        #expect(bad.status == 64 && bad.stdout.isEmpty, "\(bad)")
        for line in result.stdout.split(separator: "\n") {
            // A name and what it means.
            #expect(line.split(separator: " ").count > 2, "\(line)")
            #expect(bad.stderr.contains(line), "\(bad)")
        }
        #expect(result.stdout.contains("\n  expired-ticket "), "\(result)")
    }

    /// The table of the documentation has every case, with the verdict of the tour.
    @Test func theDocumentHasEveryCase() async throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/demo.md")
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `") }
        let listed = try await demo(["--break", "list"]).stdout.split(separator: "\n").dropLast()
        #expect(rows.count == listed.count)
        for (row, line) in zip(rows, listed) {
            let name = line.split(separator: " ").first ?? ""
            #expect(row.hasPrefix("| `\(name)` | "), "\(row)")
            if let known = Self.rows.first(where: { $0.name == name }) {
                #expect(row.contains(" | `\(known.failureClass ?? "ok")`, \(known.status) | "), "\(row)")
            } else {
                #expect(name == "clock-skew" && row.contains(" | `clock-skew`, 24 | "), "\(row)")
            }
        }
    }

    /// The check waits for a KDC that does not answer: it does not wait for the end of that.
    @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
    func aSignalEndsAll(number: Int32) async throws {
        try await withFolder { folder in
            let script = """
                mkdir "$folder/tmp"
                TMPDIR="$folder/tmp" "$1" demo --break kdc-silent >"$folder/output" & own=$!
                while ! grep -q '^now: ' "$folder/output"; do sleep 0.02; done
                kdc=$(sed -n 's/^ *kill -STOP //p' "$folder/output")
                kill -$number $own
                wait $own
                echo "status $?"
                kill -0 "$kdc" 2>/dev/null && echo "left behind"
                ls "$folder/tmp"
                """
            let result = try await Child.run(
                BuiltExecutable.system("bash", package: "bash"),
                ["-c", script, "sh", BuiltExecutable.url(named: "testrealm").path],
                environment: ["folder": folder.path, "number": "\(number)"])
            #expect(result.stdout == "status \(128 + number)\n", "\(result)")
        }
    }
}
