public import GSSCore

/// MIT Kerberos as a provider of GSS-API contexts, for one identity.
///
/// A value may be used from any thread; each context that it makes belongs to one.
public struct KerberosProvider: GSSInitiatorProvider, GSSAcceptorProvider {
    private let credential: KerberosCredential?

    /// Makes a provider.
    ///
    /// - Parameter credential: The identity; `nil` is the library's default.
    public init(credential: KerberosCredential? = nil) {
        self.credential = credential
    }

    /// Whether making an initiator or its steps may read files or ask a KDC: true except for a credential
    /// with only a ``KerberosCredential/ticket``.
    public var mayBlock: Bool { credential?.ticket == nil }

    /// Begins a context with a service. Imports the service's name, unless it is that of the credential's ticket.
    public func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(try KerberosContext(request, credential: credential))
    }

    /// Begins a context with any initiator.
    public func makeAcceptor(_ request: GSSAcceptorRequest) throws(GSSError) -> GSSPendingContext {
        GSSPendingContext(try KerberosContext(request, credential: credential))
    }
}
