import GSSCore
import KerberosCredentials
import MongoAuth
import MongoTransport
import SASL
import Testing

@testable import AuthCheckKit

extension CheckReport.Failure {
    /// A failure without any other evidence.
    init(_ error: any Error, phase: CheckPhase?, host: String, _ change: (inout Evidence) -> Void = { _ in }) {
        var evidence = Evidence()
        evidence.phase = phase
        evidence.names.host = host.split(separator: ":").first.map(String.init)
        change(&evidence)
        self.init(error, host: host, evidence: evidence)
    }
}

@Suite struct FailureTests {
    /// The contract's table: class, exit status.
    @Test(arguments: [
        ("internal", 1), ("dns", 10), ("connect", 11), ("tls", 12), ("protocol", 13), ("no-credentials", 20),
        ("kdc-unreachable", 21), ("credentials-rejected", 22), ("service-unknown", 23), ("clock-skew", 24),
        ("kerberos", 25), ("refused", 30), ("mechanism-unavailable", 31), ("server-not-proven", 32),
        ("security-layer", 33), ("deadline", 40), ("usage", 64),
    ])
    func everyClassHasTheExitStatusOfTheContract(name: String, status: Int) throws {
        #expect(FailureClass(rawValue: name)?.exitStatus == Int32(status))
        #expect(FailureClass.allCases.count == 17)
    }

    @Test(arguments: [
        (TransportError.Code.nameResolution, FailureClass.dns), (.connect, .connect), (.tls, .tls),
        (.closed, .protocol), (.protocolViolation, .protocol), (.deadlineExceeded, .deadline),
    ])
    func transportErrors(code: TransportError.Code, expected: FailureClass) {
        let failure = CheckReport.Failure(TransportError(code, phase: .command, "text"), phase: .hello, host: "db:1")
        #expect(failure.class == expected)
        #expect(failure.message == "text")
        #expect(failure.phase == "hello")
        #expect(failure.host == "db:1")
        #expect(failure.hint != nil)
    }

    /// The library's guess, with the option that corrects it.
    @Test func aServerThatMayDemandTLS() {
        var guess = TransportError(.closed, phase: .command, "the server closed the connection")
        guess.mayDemandTLS = true
        let failure = CheckReport.Failure(guess, phase: .hello, host: "db:1")
        #expect(failure.class == .protocol)
        #expect(failure.diagnosis?.steps.first?.text == "set tls=true in the connection string")
        #expect(failure.diagnosis?.culprit == .connectionString)
    }

    @Test(arguments: [
        (MongoAuthError.Code.invalidCredential, FailureClass.usage), (.refused, .refused),
        (.mechanismUnavailable, .mechanismUnavailable), (.malformedReply, .protocol),
        (.conversationMismatch, .protocol), (.tooManySteps, .protocol), (.serverNotProven, .serverNotProven),
        (.kerberos, .kerberos), (.noWorker, .internal), (.deadlineExceeded, .deadline),
    ])
    func authenticationErrors(code: MongoAuthError.Code, expected: FailureClass) {
        #expect(CheckReport.Failure(MongoAuthError(code, "text"), phase: .sasl, host: "").class == expected)
    }

    @Test(arguments: [
        (SaslError.Code.securityLayer, FailureClass.securityLayer), (.invalidConfiguration, .usage),
        (.malformedChallenge, .protocol), (.unexpectedChallenge, .protocol), (.missingChallenge, .protocol),
        (.tooLarge, .protocol), (.mechanismFailure, .kerberos), (.poisoned, .internal),
    ])
    func saslErrors(code: SaslError.Code, expected: FailureClass) {
        let error = MongoAuthError(.sasl, "text", underlying: SaslError(code, "beneath"))
        #expect(CheckReport.Failure(error, phase: .sasl, host: "").class == expected)
    }

    /// Codes of MIT Kerberos, as `krb5.h` numbers them.
    @Test(arguments: [
        (-1_765_328_189, FailureClass.noCredentials, "kinit"),
        (-1_765_328_243, .noCredentials, "klist -A"),
        (-1_765_328_228, .kdcUnreachable, "krb5.conf"),
        (-1_765_328_230, .kdcUnreachable, "spelling"),
        (-1_765_328_378, .credentialsRejected, "principal"),
        (-1_765_328_352, .credentialsRejected, "kinit"),
        (-1_765_328_377, .serviceUnknown, "mongodb@db.example.com"),
        (-1_765_328_347, .clockSkew, "synchronize"),
        (12345, .kerberos, "--trace"), (-1_765_328_340, .kerberos, "kinit"),
    ])
    func kerberosErrors(minor: Int, expected: FailureClass, hint: String) {
        let gss = GSSError(
            call: "gss_init_sec_context", major: GSSMajorStatus(.failure), minor: UInt32(bitPattern: Int32(minor)),
            subject: "mongodb@db.example.com")
        for underlying: any Error in [gss, SaslError(.mechanismFailure, "", underlying: gss)] {
            let failure = CheckReport.Failure(
                MongoAuthError(.kerberos, "text", underlying: underlying), phase: .kerberos, host: "")
            #expect(failure.class == expected)
            #expect(failure.hint?.contains(hint) == true, "\(failure.hint ?? "no hint")")
        }
    }

    /// Without a Kerberos error.
    @Test(arguments: [
        (KerberosCredentialError.Code.noCredentials, FailureClass.noCredentials), (.wrongUser, .noCredentials),
        (.rejected, .credentialsRejected), (.kdcTimeout, .kdcUnreachable), (.deadlineExceeded, .deadline),
        (.invalidService, .usage), (.noWorker, .internal), (.kerberos, .kerberos),
    ])
    func credentialErrors(code: KerberosCredentialError.Code, expected: FailureClass) {
        let error = MongoAuthError(.kerberos, "text", underlying: KerberosCredentialError(code, "beneath"))
        let failure = CheckReport.Failure(error, phase: .kerberos, host: "")
        #expect(failure.class == expected)
        #expect(failure.message == "text" && failure.kerberos == nil)
    }

    /// A server that answers with a Kerberos error has proven nothing: not even that its clock is wrong.
    @Test(arguments: [-1_765_328_347, -1_765_328_340, -1_765_328_339])
    func whatAServerSaysThatProvesNothing(minor: Int) {
        let gss = GSSError(
            call: "gss_init_sec_context", major: GSSMajorStatus(.failure), minor: UInt32(bitPattern: Int32(minor)))
        let error = MongoAuthError(.serverNotProven, "text", underlying: gss)
        let failure = CheckReport.Failure(error, phase: .sasl, host: "") {
            $0.measured.serverClockOffset = .seconds(86_400)
        }
        #expect(failure.class == .serverNotProven && failure.clockOffsetSeconds == nil)
        #expect(failure.hint?.contains("do not send data") == true, "\(failure.hint ?? "")")
        #expect(failure.hint?.contains("It claims, without proof,") == true, "\(failure.hint ?? "")")
        // The KDC's clock, however, is measured.
        let measured = CheckReport.Failure(error, phase: .sasl, host: "") {
            $0.measured.serverClockOffset = .seconds(86_400)
            $0.measured.kdcClockOffset = .seconds(86_400)
        }
        #expect(measured.class == (minor == -1_765_328_347 ? .clockSkew : .serverNotProven))
    }

    /// A KDC's answer, before any server is contacted.
    @Test(arguments: [-1_765_328_340, -1_765_328_339])
    func aKDCWithAnotherKeyIsNoRefusal(minor: Int) {
        let gss = GSSError(
            call: "krb5_get_credentials", major: GSSMajorStatus(.failure), minor: UInt32(bitPattern: Int32(minor)))
        let failure = CheckReport.Failure(
            MongoAuthError(.kerberos, "text", underlying: gss), phase: .kerberos, host: "")
        #expect(failure.class == .kerberos)
        #expect(failure.hint?.contains("the KDC's own key") == true, "\(failure.hint ?? "")")
    }

    @Test func anErrorThatNobodyKnowsIsADefectOfOurs() {
        struct Surprise: Error {}
        #expect(CheckReport.Failure(Surprise(), phase: nil, host: "").class == .internal)
    }
}
