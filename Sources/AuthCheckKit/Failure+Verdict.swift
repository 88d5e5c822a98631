internal import GSSCore
internal import GSSKerberos
internal import MongoAuth

extension CheckReport.Failure {
    /// Evaluates an error: its class, its message, and its cause from all evidence.
    ///
    /// - Parameter problem: Why there are no tickets on this machine, if that is more precise than the error.
    init(_ error: any Error, host: String, evidence given: Evidence = Evidence(), problem: KerberosFailure? = nil) {
        var evidence = given
        evidence.take(error)
        evidence.codes = given.codes + evidence.codes
        var verdict = Verdict(evidence)
        var addition = ""
        let isKerberos = (error as? MongoAuthError)?.code == .kerberos
        if isKerberos, let problem, verdict.class == .noCredentials || problem.error.call == "krb5_init_context" {
            evidence.take(problem)
            verdict = Verdict(evidence)
            if !evidence.message.contains(problem.error.message) { addition = "; \(problem.error.message)" }
        }
        self.init(
            class: verdict.class, phase: evidence.phase?.rawValue, host: host, message: evidence.message + addition,
            hint: verdict.diagnosis.hint, kerberos: evidence.kerberos.map(CheckReport.KerberosError.init),
            clockOffsetSeconds: verdict.class == .clockSkew || verdict.diagnosis.rule == "refused-with-other-clock"
                ? evidence.clock.map { $0.offset / .milliseconds(1) / 1000 } : nil,
            serverError: evidence.server.map { .init(code: $0.code?.rawValue, codeName: $0.codeName) },
            stage: evidence.phase == .sasl || evidence.phase == .identity ? evidence.stage.name : nil,
            diagnosis: verdict.diagnosis)
    }
}
