public import GSSCore

/// A user's credential for one service: what contexts with that service are made with, any number of them, on any thread.
///
/// One with a ``ticket`` holds that ticket and nothing to get another one with: making a context and its steps compute,
/// and ask no KDC. libkrb5 looks whether krb5.conf has changed (`access` and `stat`, once for each context), and reads it
/// again where it has. After the ticket's end a step is an error.
public final class ServiceCredential: Sendable, GSSInitiatorProvider {
    /// What the manager was asked with.
    public let identity: KerberosIdentity
    /// The service, as it was asked for.
    public let service: ServicePrincipal
    /// The principal that the KDC gave the ticket to: who the server will see.
    public let clientPrincipal: String
    /// Whether that is another one than the user who was named: a KDC may rename (`canonicalize = true` and an alias).
    public let isClientRenamed: Bool
    /// The service's principal, with its realm where there is a ticket.
    public let servicePrincipal: String
    /// The name to make a context with.
    public let target: GSSName
    /// The ticket; `nil` where GSS-API looks for one by itself.
    public let ticket: KerberosTicket?
    private let credential: KerberosCredential

    init(
        _ credential: KerberosCredential, of identity: KerberosIdentity, for service: ServicePrincipal, name: GSSName,
        principal: String, requested: String?
    ) {
        self.identity = identity
        self.service = service
        self.credential = credential
        ticket = credential.ticket
        let client = credential.ticket?.client ?? principal
        clientPrincipal = client
        isClientRenamed = requested.map { !isSameText($0, client) } ?? false
        target = credential.ticket.map { .principal($0.server) } ?? name
        servicePrincipal = target.description
    }

    /// Whether a context's step may read files or ask a KDC, so that it needs a thread: for an identity that only GSS-API
    /// itself can use.
    public var mayBlock: Bool { ticket == nil }

    /// When the ticket ends; `nil` without one.
    var end: ContinuousClock.Instant? { credential.end }

    /// Whether the ticket lasts long enough to be used.
    var isValid: Bool { credential.timeLeft.map(KerberosTicket.isUsable) ?? true }

    /// Begins a context. With a ``ticket`` and the ``target`` it imports nothing. The first step reads krb5.conf only where
    /// that has changed.
    public func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext {
        try KerberosProvider(credential: credential).makeInitiator(request)
    }
}
