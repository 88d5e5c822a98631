public import GSSCore

/// MIT Kerberos as a provider of GSS-API contexts, for one identity.
///
/// A value may be used from any thread; each context that it makes belongs to one. Nothing here may run on an event
/// loop: the first step of an initiator can talk to a KDC.
public struct KerberosProvider: GSSInitiatorProvider, GSSAcceptorProvider {
    private let credential: KerberosCredential?

    /// Makes a provider.
    ///
    /// - Parameter credential: The identity; `nil` is whatever the library takes by default.
    public init(credential: KerberosCredential? = nil) {
        self.credential = credential
    }

    /// Begins a context with a service. Imports the service's name, which may block.
    public func makeInitiator(target: GSSName, flags: GSSContextFlags) throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(try KerberosContext(target: target, flags: flags, credential: credential))
    }

    /// Begins a context with whoever comes.
    public func makeAcceptor() throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(KerberosContext(acceptorWith: credential))
    }
}
