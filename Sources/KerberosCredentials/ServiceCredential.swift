public import GSSCore

/// A user's credential for one service, for any number of contexts with that service, on any thread.
///
/// One with a ``ticket`` holds that ticket and nothing to get another one with: creating a context and its steps only
/// compute, and ask no KDC. libkrb5 checks whether krb5.conf has changed (`access` and `stat`, once for each context),
/// and reads it again if so. After the ticket has expired a step is an error.
public final class ServiceCredential: Sendable, GSSInitiatorProvider {
    /// What the manager was asked with.
    public let identity: KerberosIdentity
    /// The requested service.
    public let service: ServicePrincipal
    /// The principal that the KDC issued the ticket to, which the server will see.
    public let clientPrincipal: String
    /// Whether that differs from the named user: a KDC may rename the client (`canonicalize = true` and an alias).
    public let isClientRenamed: Bool
    /// The service's principal, with its realm if there is a ticket.
    public let servicePrincipal: String
    /// The target name for a context.
    public let target: GSSName
    /// The ticket; `nil` if GSS-API looks for one itself.
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

    /// Whether a context's step may read files or ask a KDC, so that it needs a thread: for an identity that only
    /// GSS-API itself can use.
    public var mayBlock: Bool { ticket == nil }

    /// When the ticket expires; `nil` without one.
    var end: ContinuousClock.Instant? { credential.end }

    /// Whether the ticket is valid long enough to be used.
    var isValid: Bool { credential.timeLeft.map(KerberosTicket.isUsable) ?? true }

    /// Begins a context. With a ``ticket`` and the ``target`` it imports nothing. The first step reads krb5.conf only
    /// if that has changed.
    public func makeInitiator(_ request: GSSInitiatorRequest) throws(GSSError) -> GSSPendingContext {
        try KerberosProvider(credential: credential).makeInitiator(request)
    }
}
