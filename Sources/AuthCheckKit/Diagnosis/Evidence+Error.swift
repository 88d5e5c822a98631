internal import GSSCore
internal import GSSKerberos
internal import KerberosCredentials
internal import MongoAuth
internal import MongoConnect
internal import MongoTransport
internal import NameResolution
internal import SASL

extension Evidence {
    /// Extracts the codes of an error, from the most specific to the most general.
    mutating func take(_ error: any Error) {
        switch error {
        case let error as TransportError: take(error)
        case let error as MongoAuthError: take(error)
        case let error as SeedlistError:
            message = "\(error.name): \(error.message)"
            record = .init(type: error.recordType.map { "\($0)" } ?? "SRV", name: error.name)
            codes = ["seedlist.\(error.code)"]
        case is CancellationError:
            message = "the check was cancelled"
            codes = ["cancelled"]
        default:
            message = "\(error)"
        }
    }

    private mutating func take(_ error: TransportError) {
        message = error.message
        codes = ["transport.\(error.code)"]
        switch error.code {
        case .nameResolution:
            if let cause = error.underlying as? NameResolutionError { codes.insert("dns.\(cause.code)", at: 0) }
        case .tls:
            codes.insert("tls.\(error.tlsFailure ?? .handshake)", at: 0)
            if isAtlas, error.tlsFailure == .handshake, error.message.hasSuffix("internal_error") {
                codes.insert("tls.atlas", at: 0)
            }
        case .closed where error.mayDemandTLS: codes.insert("closed.before-reply", at: 0)
        case .deadlineExceeded: codes.insert("deadline.\(error.phase)", at: 0)
        default: break
        }
        if let failure = error.proxyFailure { codes.insert("proxy.\(failure)", at: 0) }
    }

    /// Atlas aborts the TLS handshake of unknown addresses with a misleading alert.
    var isAtlas: Bool { names.host?.utf8.suffix(12).elementsEqual(".mongodb.net".utf8) == true }

    private mutating func take(_ error: MongoAuthError) {
        message = error.message
        codes = ["auth.\(error.code)"]
        switch error.code {
        case .serverNotProven:
            asked = .host
            guard let failure = KerberosFailure(error) else { return }
            // The words of an unauthenticated server are not proven: they are not treated as Kerberos' own.
            kerberos = failure
            if failure.error.major.routineError == .contextExpired {
                codes.insert("unproven.gss.context-expired", at: 0)
            }
            if let name = failure.symbolicName { codes.insert("unproven.\(name)", at: 0) }
        case .helloRefused, .refused, .mechanismUnavailable:
            asked = .host
            if let failure = error.underlying as? CommandFailure {
                server = failure
                let prefix = error.code == .helloRefused ? "hello" : "server"
                if let code = failure.code { codes.insert("\(prefix).\(code)", at: 0) }
            }
        case .kerberos:
            if let failure = KerberosFailure(error) {
                take(failure)
            } else if let cause = error.underlying as? KerberosCredentialError {
                codes.insert("credentials.\(cause.code)", at: 0)
            }
        case .sasl: (error.underlying as? SaslError).map { codes.insert("sasl.\($0.code)", at: 0) }
        case .deadlineExceeded: takeDeadline(error.underlying as? KerberosCredentialError)
        default: break
        }
    }

    /// Takes a Kerberos error that is not a server's claim.
    mutating func take(_ failure: KerberosFailure) {
        kerberos = failure
        let major: String? =
            switch failure.error.major.routineError {
            case .noCredential: "gss.no-credential"
            case .defectiveCredential: "gss.defective-credential"
            case .credentialsExpired: "gss.credentials-expired"
            case .contextExpired: "gss.context-expired"
            case .defectiveToken: "gss.defective-token"
            case .badSignature: "gss.bad-signature"
            default: nil
            }
        let name = failure.symbolicName ?? "code.\(failure.code)"
        codes = ["kerberos.\(name)"] + [major].compactMap(\.self) + ["kerberos", "auth.kerberos"]
        purpose = isAbout(.firstTicket) ? .firstTicket : isTrustMissing ? .crossRealmTicket : .serviceTicket
    }

    /// Depends on what was waited for: a KDC, a name server, or a file.
    private mutating func takeDeadline(_ cause: KerberosCredentialError?) {
        if cause?.nameResolution != nil {
            codes.insert("deadline.names", at: 0)
        } else if cause?.code == .threadsBusy {
            codes.insert("credentials.threads-busy", at: 0)
        } else if cause?.code == .kdcTimeout {
            codes.insert("credentials.kdc-timeout", at: 0)
        } else if case .kdc = asked {
            codes.insert("deadline.kdc", at: 0)
        } else if phase == .kerberos, cause != nil {
            codes.insert("deadline.file", at: 0)
        } else if phase != .kerberos {
            codes.insert("deadline.command", at: 0)
        }
    }
}
