import Foundation
import SaslConnectionString
import TestSupport
import Testing

@testable import AuthCheckKit

@Suite struct CheckReportTests {
    private static let names = ["dns", "tcp", "tls", "hello", "kerberos", "sasl", "identity"]

    private static func phases(failedAt failed: Int? = nil) -> [CheckReport.Phase] {
        names.enumerated().map { index, name in
            if let failed, index > failed {
                return .init(name: name, result: .skipped, milliseconds: nil, detail: "not reached")
            }
            if index == 2 { return .init(name: name, result: .skipped, milliseconds: nil, detail: "not used") }
            return .init(
                name: name, result: index == failed ? .failed : .ok, milliseconds: 1.25, detail: "about \(name)")
        }
    }

    private static func host(_ name: String, failure: CheckReport.Failure? = nil) -> CheckReport.Host {
        .init(
            host: name, port: 27017, result: failure == nil ? .ok : .failed,
            phases: phases(failedAt: failure == nil ? nil : 4),
            identity: failure == nil
                ? .init(user: "ann@EXAMPLE.TEST", database: "$external", roles: [.init(role: "read", database: "a")])
                : nil,
            warnings: [], failure: failure)
    }

    private static func failure(_ failureClass: FailureClass, host: String) -> CheckReport.Failure {
        .init(
            class: failureClass, phase: "kerberos", host: host, message: "it broke",
            Diagnosis(cause: "it is old", culprit: .user, steps: [.init("mend it", command: "mend --all")]))
    }

    private func object(_ report: CheckReport) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
    }

    @Test func jsonOfASuccessHasTheKeysOfTheContract() throws {
        let report = CheckReport(hosts: [Self.host("db")])
        let json = try object(report)
        #expect(json["schema"] as? String == "authcheck.check/1")
        #expect(json["result"] as? String == "ok")
        #expect(json["exitStatus"] as? Int == 0)
        #expect(json["failure"] is NSNull)
        let host = try #require((json["hosts"] as? [[String: Any]])?.first)
        #expect(host["host"] as? String == "db")
        #expect(host["port"] as? Int == 27017)
        #expect(host["result"] as? String == "ok")
        let phases = try #require(host["phases"] as? [[String: Any]])
        #expect(phases.map { $0["name"] as? String } == Self.names)
        #expect(phases[0]["milliseconds"] as? Double == 1.25)
        #expect(phases[2]["milliseconds"] is NSNull)
        #expect(phases[0]["detail"] as? String == "about dns")
        let identity = try #require(host["identity"] as? [String: Any])
        #expect(identity["user"] as? String == "ann@EXAMPLE.TEST")
        #expect(identity["database"] as? String == "$external")
        #expect((identity["roles"] as? [[String: String]]) == [["role": "read", "database": "a"]])
    }

    @Test func jsonOfAFailureHasClassPhaseHostMessageAndHint() throws {
        let report = CheckReport(
            hosts: [Self.host("db", failure: Self.failure(.serviceUnknown, host: "db:27017"))],
            warnings: [.init("connection-string", "w: x")])
        let json = try object(report)
        #expect(json["exitStatus"] as? Int == 23)
        #expect(json["warnings"] as? [String] == ["w: x"])
        let failure = try #require(json["failure"] as? [String: Any])
        #expect(json["warningCodes"] as? [String] == ["connection-string"])
        #expect(
            Set(failure.keys) == [
                "class", "phase", "host", "message", "hint", "kerberos", "clockOffsetSeconds", "serverError", "stage",
                "diagnosis",
            ])
        let diagnosis = try #require(failure["diagnosis"] as? [String: Any])
        #expect(diagnosis["cause"] as? String == "it is old" && diagnosis["culprit"] as? String == "user")
        #expect(diagnosis["steps"] as? [[String: String]] == [["text": "mend it", "command": "mend --all"]])
        #expect(failure["hint"] as? String == "it is old; mend it: `mend --all`")
        #expect(failure["class"] as? String == "service-unknown")
        #expect(failure["host"] as? String == "db:27017")
        let host = try #require((json["hosts"] as? [[String: Any]])?.first)
        #expect(host["identity"] is NSNull)
    }

    @Test func theFirstHostThatFailedDecides() {
        let report = CheckReport(
            hosts: [
                Self.host("a"), Self.host("b", failure: Self.failure(.clockSkew, host: "b:27017")),
                Self.host("c", failure: Self.failure(.dns, host: "c:27017")),
            ])
        #expect(report.exitStatus == 24)
        #expect(report.failure?.host == "b:27017")
    }

    @Test func textOfASuccessIsAVerdictAndALineAHost() {
        #expect(
            CheckReport(hosts: [Self.host("db"), Self.host("::1")]).text(TextStyle()) == """
                OK: authenticated as ann@EXAMPLE.TEST on $external; 2 of 2 hosts
                ✓ db:27017         7.5 ms  read@a
                ✓ [::1]:27017      7.5 ms  read@a
                """)
    }

    @Test func detailsHaveThePhases() {
        let text = CheckReport(hosts: [Self.host("db")]).text(TextStyle(isASCII: true, hasDetails: true))
        #expect(
            text == """
                OK: authenticated as ann@EXAMPLE.TEST on $external
                [ok]   db:27017      7.5 ms  read@a

                db:27017
                  [ok]   dns           1.3 ms  about dns
                  [ok]   tcp           1.3 ms  about tcp
                  [-]    tls                   not used
                  [ok]   hello         1.3 ms  about hello
                  [ok]   kerberos      1.3 ms  about kerberos
                  [ok]   sasl          1.3 ms  about sasl
                  [ok]   identity      1.3 ms  about identity
                """)
    }

    /// 50 successful hosts fit on one screen, and the failed one is still visible.
    @Test func manyHostsAreToldTogether() {
        let hosts = (0..<50).map { Self.host("db\($0).example.com") }
        let text = CheckReport(hosts: hosts).text(TextStyle(width: 80))
        #expect(text.split(separator: "\n").count <= 24 && text.contains("db49.example.com:27017"), "\(text)")
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 })
        let one = CheckReport(hosts: hosts + [Self.host("bad", failure: Self.failure(.dns, host: "bad:27017"))])
        let lines = one.text(TextStyle(width: 80)).split(separator: "\n")
        #expect(lines.first == "FAILED: dns in phase kerberos, exit status 10; 1 of 51 hosts failed")
        #expect(lines.contains { $0.hasPrefix("✗ bad:27017 ") })
    }

    private static let attempts: [CheckReport.Attempt] = [
        .init(
            address: "fd00::1", family: "ipv6", startMilliseconds: 1.25, endMilliseconds: 251.5, outcome: .cancelled,
            reason: nil),
        .init(
            address: "192.0.2.1", family: "ipv4", startMilliseconds: 251.25, endMilliseconds: 251.75, outcome: .failed,
            reason: "refused"),
    ]

    @Test func jsonHasTheAttempts() throws {
        var host = Self.host("db")
        host.attempts = Self.attempts
        let json = try object(CheckReport(hosts: [host]))
        let attempts = try #require((json["hosts"] as? [[String: Any]])?.first?["attempts"] as? [[String: Any]])
        #expect(attempts.map { $0["address"] as? String } == ["fd00::1", "192.0.2.1"])
        #expect(attempts.map { $0["family"] as? String } == ["ipv6", "ipv4"])
        #expect(attempts.map { $0["startMilliseconds"] as? Double } == [1.25, 251.25])
        #expect(attempts.map { $0["endMilliseconds"] as? Double } == [251.5, 251.75])
        #expect(attempts.map { $0["outcome"] as? String } == ["cancelled", "failed"])
        #expect(attempts[0]["reason"] is NSNull && attempts[1]["reason"] as? String == "refused")
    }

    @Test func textHasTheAttemptsBeneathTheirPhase() {
        var host = Self.host("db")
        host.attempts = Self.attempts
        let style = TextStyle(hasDetails: true)
        let lines = CheckReport(hosts: [host]).text(style).split(separator: "\n")
        #expect(
            lines[4...6] == [
                "  ✓ tcp           1.3 ms  about tcp", "      fd00::1 at 1.3 to 251.5 ms: given up",
                "      192.0.2.1 at 251.3 to 251.8 ms: failed: refused",
            ])
        // A first attempt that succeeded adds nothing to its phase.
        host.attempts = [Self.attempts[0]]
        #expect(!CheckReport(hosts: [host]).text(style).contains("fd00::1"))
    }

    /// The verdict, the cause and the command come first; a command is never wrapped.
    @Test func textOfAFailureBeginsWithWhatToDo() {
        let failure = Self.failure(.noCredentials, host: "[::1]:27017")
        let text = CheckReport(hosts: [Self.host("::1", failure: failure)]).text(TextStyle(width: 60))
        #expect(
            text == """
                FAILED: no-credentials in phase kerberos, exit status 20
                  it broke

                Cause:          [::1]:27017: it is old
                What to do:     mend it:
                                    mend --all

                ✗ [::1]:27017      5.0 ms  no-credentials in kerberos

                [::1]:27017
                  ✓ dns           1.3 ms  about dns
                  ✓ tcp           1.3 ms  about tcp
                  - tls                   not used
                  ✓ hello         1.3 ms  about hello
                  ✗ kerberos      1.3 ms  about kerberos
                """)
    }

    @Test func colorsAndMarks() {
        let text = CheckReport(hosts: [Self.host("db")]).text(TextStyle(isColored: true))
        #expect(text.hasPrefix("\u{1B}[32mOK: authenticated as"))
        #expect(CheckReport(hosts: [Self.host("db")]).text(TextStyle(isASCII: true)).utf8.allSatisfy { $0 < 0x80 })
    }

    @Test(arguments: [
        ("a b c", 3, ["a b", "c"]), ("abcdefgh i", 4, ["abcdefgh", "i"]), ("", 4, [""]), ("a  b", 2, ["a ", "b"]),
        ("a b", nil, ["a b"]),
    ])
    func wrapping(text: String, width: Int?, lines: [String]) {
        #expect(TextPage.wrap(text, at: width) == lines)
    }

    // MARK: - Monitoring

    @Test func nagiosHasOneLineAndItsOwnStatuses() {
        var well = CheckReport(hosts: [Self.host("db")])
        well.totalMilliseconds = 12.5
        #expect(
            well.nagios == "AUTHCHECK OK - authenticated as ann@EXAMPLE.TEST on $external | time=0.013s hosts_failed=0")
        #expect(well.nagiosStatus == 0)
        well.warn(.init("x", "a | b"))
        #expect(well.nagios.hasPrefix("AUTHCHECK WARNING - a / b | ") && well.nagiosStatus == 1)
        let failed = CheckReport(hosts: [Self.host("db", failure: Self.failure(.dns, host: "db:27017"))])
        #expect(failed.nagios.hasPrefix("AUTHCHECK CRITICAL - dns: db:27017: it is old | ") && failed.nagiosStatus == 2)
        #expect(CheckReport.usage("no").nagiosStatus == 3)
    }

    @Test func prometheusHasEachMetricOnce() {
        var one = CheckReport(hosts: [Self.host("a\"\\")])
        one.uri = "mongodb://a/"
        var other = CheckReport(hosts: [Self.host("b", failure: Self.failure(.dns, host: "b:27017"))])
        other.uri = "mongodb://b/"
        let text = BatchReport([one, other]).prometheus
        #expect(text.ranges(of: "# TYPE authcheck_success gauge").count == 1)
        #expect(text.contains("authcheck_success{uri=\"mongodb://a/\"} 1\nauthcheck_success{uri=\"mongodb://b/\"} 0\n"))
        #expect(text.contains(#"host="a\"\\:27017",class=""} 1"#))
        #expect(text.contains(#"host="b:27017",class="dns"} 0"#))
    }

    @Test func aBatchIsTheFirstFailures() throws {
        let batch = BatchReport([
            CheckReport(hosts: [Self.host("a")]),
            CheckReport(hosts: [Self.host("b", failure: Self.failure(.clockSkew, host: "b:27017"))]),
            CheckReport.usage("no string"),
        ])
        #expect(batch.exitStatus == 24 && batch.failed == 2 && batch.nagiosStatus == 2)
        #expect(try batch.jsonLine().split(separator: "\n").count == 1)
        try JSONSchema("authcheck.batch").check(batch.json())
        let lines = batch.text(TextStyle()).split(separator: "\n")
        #expect(lines.first == "FAILED: 2 of 3 connection strings")
        #expect(lines.contains("✗ connection string 3"))
    }

    // MARK: - What was meant

    @Test(arguments: [
        ("db.example.com", "authcheck 'mongodb://USER%40REALM@db.example.com/?authMechanism=GSSAPI'"),
        ("chekc", "authcheck check"), ("explian", "authcheck explain"), ("environmnt", "authcheck environment"),
    ])
    func aGuess(text: String, command: String) throws {
        let error = try #require(
            #expect(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) })
        #expect(CheckReport(error, given: text).failure?.diagnosis?.steps.first?.command == command)
    }

    /// Nothing that may hold a password is repeated.
    @Test func noGuessRepeatsAPassword() throws {
        let text = "ann:hunter2@db"
        let error = try #require(
            #expect(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) })
        #expect(try !CheckReport(error, given: text).json().contains("hunter2"))
    }

    @Test func whatAServerChoosesCannotSteerTheTerminal() {
        var host = Self.host("db")
        host.phases[3].detail = "\u{1b}[2Jgone\r\u{7}"
        let text = CheckReport(hosts: [host]).text(TextStyle(hasDetails: true))
        #expect(text.contains("\\u{1b}[2Jgone\\u{d}\\u{7}"))
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }

    @Test func aMalformedConnectionStringIsUsageAndKeepsThePasswordToItself() throws {
        let text = "mongodb://ann:hunter2@db:notaport/"
        let error = #expect(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        let report = CheckReport(try #require(error))
        #expect(report.exitStatus == 64)
        #expect(!(try report.json()).contains("hunter2"))
        #expect(!report.text(TextStyle()).contains("hunter2"))
    }
}
