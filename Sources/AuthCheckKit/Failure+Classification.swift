internal import MongoAuth
internal import MongoConnect
internal import MongoTransport

extension CheckReport.Failure {
    /// Reads an error: its class, its message and what to do about it.
    init(_ error: any Error, phase: CheckPhase?, host: String, surroundings: FailureSurroundings = .init()) {
        let verdict = Verdict(error, surroundings)
        self.init(
            class: verdict.class, phase: phase?.rawValue, host: host,
            message: Self.message(of: error) + verdict.addition,
            hint: Self.hintOfAtlas(for: error, host: host) ?? verdict.hint ?? Self.generalHint(verdict.class),
            kerberos: verdict.kerberos,
            clockOffsetSeconds: verdict.clockOffset.map { $0 / .milliseconds(1) / 1000 })
    }

    private static func message(of error: any Error) -> String {
        switch error {
        case let error as TransportError: error.message
        case let error as MongoAuthError: error.message
        case let error as SeedlistError: "\(error.name): \(error.message)"
        case is CancellationError: "the check was cancelled"
        default: "\(error)"
        }
    }

    private static func generalHint(_ failureClass: FailureClass) -> String? {
        switch failureClass {
        case .dns: "check the spelling of the host, and what `getent hosts` says to it on this machine"
        case .connect: "check that the server runs, listens on that port, and that no firewall is in between"
        case .tls: "check the server's certificate and the tls options of the connection string"
        case .protocol: "check that a MongoDB server listens there; the port may be that of something else"
        case .noCredentials: "run `kinit` for the user, or name as the user whoever `klist -A` shows tickets of"
        case .kerberos: "run with --trace FILE to see what Kerberos does"
        case .refused:
            "the server's log has the reason. Frequent ones: the user is not created on $external with exactly this "
                + "principal, or the server's keytab does not hold the current key of its principal"
        case .mechanismUnavailable:
            "enable the mechanism with the server's parameter authenticationMechanisms, or name another one"
        case .serverNotProven:
            "do not send data to this server: it does not prove that it is the one that was asked for"
        case .securityLayer: "the server's SASL library or its configuration departs from RFC 4752; see its log"
        case .deadline:
            "give more time with --timeout, or with the option of the connection string that the message names, and see the "
                + "named phase for what is slow"
        default: nil
        }
    }
}

extension CheckReport.Failure {
    /// What to do about a server that speaks the protocol and refuses to be spoken to. The general hint is for others.
    static func hint(forRefusedHello failure: CommandFailure?) -> String? {
        switch failure?.code {
        case .loadBalancerSupportMismatch?:
            "the server is behind a load balancer: write loadBalanced=true"
        case .shutdownInProgress?:
            "the server is shutting down or starting: try again"
        case .apiVersionError?, .apiStrictError?, .apiVersionRequired?:
            "the server demands that clients declare a version of its API (requireApiVersion), which this client does not: "
                + "drivers do it with the option serverApi"
        default:
            "the server has said why; its log may say more"
        }
    }

    /// What to do about records of the DNS: the record that was asked for is the one to look at.
    static func hint(for error: SeedlistError) -> String? {
        let type = error.recordType.map { "\($0)" } ?? "SRV"
        let look = "see what `dig \(type) \(KerberosHintWords.principal(error.name))` says on this machine"
        return switch error.code {
        case .invalidTXTRecord:
            "the record may have authSource, replicaSet and loadBalanced, and nothing else: have it mended, or where it is there for "
                + "something else (SPF), give the seedlist a name of its own. \(look)"
        case .foreignHost:
            "have the records lead to hosts in that domain, or name the hosts themselves in a string of mongodb://. The option "
                + "srvAllowedHostsSuffix, which some drivers have, is none of this client. \(look)"
        case .conflictingOptions: nil
        default: look
        }
    }
}
