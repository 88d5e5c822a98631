import Foundation
import SaslConnectionString
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
        .init(class: failureClass, phase: "kerberos", host: host, message: "it broke", hint: "mend it")
    }

    private func object(_ report: CheckReport) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(report.json().utf8)) as? [String: Any])
    }

    @Test func jsonOfASuccessHasTheKeysOfTheContract() throws {
        let report = CheckReport(hosts: [Self.host("db")], warnings: [])
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
            hosts: [Self.host("db", failure: Self.failure(.serviceUnknown, host: "db:27017"))], warnings: ["w: x"])
        let json = try object(report)
        #expect(json["exitStatus"] as? Int == 23)
        #expect(json["warnings"] as? [String] == ["w: x"])
        let failure = try #require(json["failure"] as? [String: Any])
        #expect(Set(failure.keys) == ["class", "phase", "host", "message", "hint", "kerberos", "clockOffsetSeconds"])
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
            ], warnings: [])
        #expect(report.exitStatus == 24)
        #expect(report.failure?.host == "b:27017")
    }

    @Test func textOfASuccess() {
        let text = CheckReport(hosts: [Self.host("db")], warnings: []).description
        #expect(
            text == """
                db:27017
                  ✓ dns           1.3 ms  about dns
                  ✓ tcp           1.3 ms  about tcp
                  - tls                   not used
                  ✓ hello         1.3 ms  about hello
                  ✓ kerberos      1.3 ms  about kerberos
                  ✓ sasl          1.3 ms  about sasl
                  ✓ identity      1.3 ms  about identity
                OK: authenticated as ann@EXAMPLE.TEST on $external
                """)
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
        let json = try object(CheckReport(hosts: [host], warnings: []))
        let attempts = try #require((json["hosts"] as? [[String: Any]])?.first?["attempts"] as? [[String: Any]])
        #expect(attempts.map { $0["address"] as? String } == ["fd00::1", "192.0.2.1"])
        #expect(attempts.map { $0["family"] as? String } == ["ipv6", "ipv4"])
        #expect(attempts.map { $0["startMilliseconds"] as? Double } == [1.25, 251.25])
        #expect(attempts.map { $0["endMilliseconds"] as? Double } == [251.5, 251.75])
        #expect(attempts.map { $0["outcome"] as? String } == ["cancelled", "failed"])
        #expect(attempts[0]["reason"] is NSNull && attempts[1]["reason"] as? String == "refused")
    }

    @Test func textHasTheAttemptsBeneathTheirPhase() throws {
        var host = Self.host("db")
        host.attempts = Self.attempts
        let lines = CheckReport(hosts: [host], warnings: []).description.split(separator: "\n")
        #expect(
            lines[2...4] == [
                "  ✓ tcp           1.3 ms  about tcp", "      fd00::1 at 1.3 to 251.5 ms: given up",
                "      192.0.2.1 at 251.3 to 251.8 ms: failed: refused",
            ])
        // One that succeeded at once says nothing more than its phase.
        host.attempts = [Self.attempts[0]]
        #expect(!CheckReport(hosts: [host], warnings: []).description.contains("fd00::1"))
    }

    @Test func textOfAFailureShowsWhatToDoBeneathTheFailedPhaseAndNothingAfterIt() {
        let failure = Self.failure(.noCredentials, host: "db:27017")
        let text = CheckReport(hosts: [Self.host("::1", failure: failure)], warnings: []).description
        #expect(
            text == """
                [::1]:27017
                  ✓ dns           1.3 ms  about dns
                  ✓ tcp           1.3 ms  about tcp
                  - tls                   not used
                  ✓ hello         1.3 ms  about hello
                  ✗ kerberos      1.3 ms  about kerberos
                      -> mend it
                FAILED: no-credentials in phase kerberos, exit status 20
                """)
    }

    @Test func whatAServerChoosesCannotSteerTheTerminal() {
        var host = Self.host("db")
        host.phases[3].detail = "\u{1b}[2Jgone\r\u{7}"
        let text = CheckReport(hosts: [host], warnings: []).description
        #expect(text.contains("\\u{1b}[2Jgone\\u{d}\\u{7}"))
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    }

    @Test func aMalformedConnectionStringIsUsageAndKeepsThePasswordToItself() throws {
        let text = "mongodb://ann:hunter2@db:notaport/"
        let error = #expect(throws: ConnectionStringError.self) { try MongoConnectionString(parsing: text) }
        let report = CheckReport(try #require(error))
        #expect(report.exitStatus == 64)
        #expect(report.failure?.hint?.contains("mongodb://") == true)
        #expect(!(try report.json()).contains("hunter2"))
        #expect(!report.description.contains("hunter2"))
    }
}
