import GSSKerberos
import KerberosCredentials
import MongoAuth
import MongoConnect
import MongoTransport
import SaslConnectionString

// The code of the article "Errors and what to do about them" of MongoConnect.

/// What an application does about an error.
enum Remedy: Equatable {
    case tryAgain
    case newTicket
    case correctSettings
    case callAdministrator
    case distrust
}

func remedy(for error: any Error) -> Remedy {
    switch error {
    case let error as ConnectionStringError:
        print(error.message)
        return .correctSettings
    case let error as SeedlistError:
        return error.code == .lookUpFailed || error.code == .deadlineExceeded ? .tryAgain : .correctSettings
    case let error as TransportError:
        return error.code == .tls ? .callAdministrator : .tryAgain
    case let error as MongoAuthError:
        return remedy(for: error)
    default:
        return .tryAgain
    }
}

private func remedy(for error: MongoAuthError) -> Remedy {
    switch error.code {
    case .invalidCredential, .unsupportedMechanism:
        return .correctSettings
    case .kerberos:
        let code = (error.underlying as? KerberosCredentialError)?.code
        return code == .noCredentials || code == .rejected ? .newTicket : .callAdministrator
    case .serverNotProven:
        // Somebody answered in the server's place, or the server's keytab is wrong. Send it nothing more.
        return .distrust
    case .refused, .mechanismUnavailable:
        return .callAdministrator
    case .deadlineExceeded, .noWorker:
        return .tryAgain
    default:
        return .callAdministrator
    }
}

/// The name by which the web knows a Kerberos error, such as `KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN`.
func kerberosName(of error: any Error) -> String? {
    KerberosFailure(error)?.symbolicName
}
