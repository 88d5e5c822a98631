import MongoTransport
import Testing

@testable import AuthCheckKit

@Suite struct TLSFailureReportTests {
    private static let failures: [(TLSFailure, says: String)] = [
        (.notTrusted, "tlsCAFile"), (.expired, "renew"), (.notYetValid, "clock"), (.revoked, "new certificate"),
        (.revocationLists, "tlsCRLFile"), (.wrongHostname, "alternative names"),
        (.notTLS, "tls=true"), (.certificateRequired, "tlsCertificateKeyFile"), (.certificateRejected, "log"),
        (.protocolVersion, "TLS 1.2"), (.handshake, "log"), (.authoritiesFile, "tlsCAFile"),
        (.certificateKeyFile, "tlsCertificateKeyFile"), (.certificateKeyPassword, "tlsCertificateKeyFilePassword"),
    ]

    private static func report(_ failure: TLSFailure?) -> CheckReport.Failure {
        CheckReport.Failure(
            TransportError(.tls, phase: .tls, "text", tlsFailure: failure), phase: .tls, host: "db:27017")
    }

    @Test(arguments: failures)
    func everyReasonHasItsOwnHint(failure: TLSFailure, says: String) {
        let report = Self.report(failure)
        #expect(report.class == .tls)
        #expect(report.class.exitStatus == 12)
        #expect(report.phase == "tls")
        #expect(report.message == "text")
        #expect(report.hint?.contains(says) == true, "\(report.hint ?? "no hint")")
    }

    @Test(arguments: [
        ("a.b.mongodb.net:27017", "internal_error", true), ("a.b.mongodb.net:27017", "handshake_failure", false),
        ("mongodb.net.example:27017", "internal_error", false),
    ])
    func atlasRefusesAddressesByAnAlert(host: String, alert: String, isAtlas: Bool) {
        let report = CheckReport.Failure(
            TransportError(
                .tls, phase: .tls, "\(host) refused the TLS handshake: \(alert)", tlsFailure: .handshake), phase: .tls,
            host: host)
        #expect(report.hint?.contains("IP access list") == isAtlas, "\(report)")
    }

    @Test func noTwoReasonsHaveTheSameHint() {
        #expect(Set(Self.failures.map { Self.report($0.0).hint }).count == Self.failures.count)
        #expect(Self.report(nil).hint == Self.report(.handshake).hint)
    }
}
