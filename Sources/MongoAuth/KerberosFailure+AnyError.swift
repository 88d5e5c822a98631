#if Kerberos
internal import GSSCore
public import GSSKerberos
internal import KerberosCredentials
internal import SASL

extension KerberosFailure {
    /// The underlying Kerberos error of an error of this package, at any depth; `nil` if there is none.
    public init?(_ error: any Error) {
        switch error {
        case let error as GSSError: self.init(error)
        case let error as KerberosCredentialError:
            guard let beneath = error.underlying else { return nil }
            self.init(beneath)
        case let error as SaslError:
            guard let beneath = error.underlying else { return nil }
            self.init(beneath as any Error)
        case let error as MongoAuthError:
            guard let beneath = error.underlying else { return nil }
            self.init(beneath as any Error)
        default: return nil
        }
    }
}
#endif
