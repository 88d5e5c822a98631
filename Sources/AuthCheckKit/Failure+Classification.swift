internal import GSSCore
internal import GSSKerberos
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import SASL

extension CheckReport.Failure {
    /// Reads an error: its class, its message and what to do about it.
    init(_ error: any Error, phase: ConnectPhase?, host: String) {
        let (failureClass, hint) = Self.classify(error)
        self.init(
            class: failureClass, phase: phase?.rawValue, host: host,
            message: Self.message(of: error), hint: hint ?? Self.generalHint(failureClass))
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

    private static func classify(_ error: any Error) -> (FailureClass, hint: String?) {
        switch error {
        case let error as TransportError:
            return (classify(error), hint(for: error.tlsFailure))
        case let error as MongoAuthError:
            return classify(error)
        case let error as SeedlistError:
            return (classify(error), "see what `dig SRV \(error.name)` says on this machine")
        case is CancellationError:
            return (.deadline, nil)
        default:
            return (.internal, nil)
        }
    }

    private static func classify(_ error: TransportError) -> FailureClass {
        switch error.code {
        case .nameResolution: .dns
        case .connect: .connect
        case .tls: .tls
        case .deadlineExceeded: .deadline
        // A connection that was open and is not any more: whoever is there does not speak as it should.
        default: .protocol
        }
    }

    private static func classify(_ error: MongoAuthError) -> (FailureClass, hint: String?) {
        switch error.code {
        case .invalidCredential: return (.usage, nil)
        case .refused: return (.refused, nil)
        case .mechanismUnavailable: return (.mechanismUnavailable, nil)
        case .malformedReply, .conversationMismatch, .tooManySteps: return (.protocol, nil)
        case .deadlineExceeded: return (.deadline, nil)
        case .serverNotProven:
            guard let gssError = gssError(beneath: error) else { return (.serverNotProven, nil) }
            let failure = KerberosFailure(gssError)
            // The server can answer with a Kerberos error of its own; its clock is what can be told from here.
            return failure.kind == .clockSkew ? (.clockSkew, failure.hint) : (.serverNotProven, nil)
        case .kerberos:
            guard let gssError = gssError(beneath: error) else { return (.kerberos, nil) }
            let failure = KerberosFailure(gssError)
            // No token has gone to the server yet: what does not decrypt is an answer of the KDC.
            guard failure.kind != .serverNotProven else {
                return (
                    .credentialsRejected,
                    "the KDC and the ticket cache do not share a key any more: get new tickets with `kinit`"
                )
            }
            return (FailureClass(rawValue: failure.kind.description) ?? .kerberos, failure.hint)
        case .sasl:
            return (classify(error.underlying as? SaslError), nil)
        default: return (.internal, nil)
        }
    }

    private static func classify(_ error: SeedlistError) -> FailureClass {
        switch error.code {
        case .deadlineExceeded: .deadline
        case .invalidTXTRecord, .conflictingOptions: .usage
        default: .dns
        }
    }

    private static func classify(_ error: SaslError?) -> FailureClass {
        switch error?.code {
        case .securityLayer?: .securityLayer
        case .invalidConfiguration?: .usage
        case .malformedChallenge?, .unexpectedChallenge?, .missingChallenge?, .tooLarge?: .protocol
        case .mechanismFailure?: .kerberos
        default: .internal
        }
    }

    private static func gssError(beneath error: MongoAuthError) -> GSSError? {
        if let error = error.underlying as? GSSError { return error }
        return (error.underlying as? SaslError)?.underlying as? GSSError
    }

    private static func generalHint(_ failureClass: FailureClass) -> String? {
        switch failureClass {
        case .dns: "check the spelling of the host, and what `getent hosts` says to it on this machine"
        case .connect: "check that the server runs, listens on that port, and that no firewall is in between"
        case .tls: "check the server's certificate and the tls options of the connection string"
        case .protocol: "check that a MongoDB server listens there; the port may be that of something else"
        case .kerberos: "run with the environment variable KRB5_TRACE=/dev/stderr to see what Kerberos does"
        case .refused:
            "the server's log has the reason. Frequent ones: the user is not created on $external with exactly this "
                + "principal, or the server's keytab does not hold the current key of its principal"
        case .mechanismUnavailable:
            "enable the mechanism with the server's parameter authenticationMechanisms, or name another one"
        case .serverNotProven:
            "do not send data to this server: it does not prove that it is the one that was asked for"
        case .securityLayer: "the server's SASL library or its configuration departs from RFC 4752; see its log"
        case .deadline: "give more time with --timeout, and see the named phase for what is slow"
        default: nil
        }
    }
}
