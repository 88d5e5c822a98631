internal import Logging
public import SASL

#if Kerberos
public import KerberosCredentials
#endif

/// An event of an authentication, reported when and where it happens.
@nonexhaustive
public enum AuthenticationEvent: Sendable {
    /// Hello is sent.
    case helloBegan
    /// The server has described itself.
    case helloEnded(ServerDescription)
    #if Kerberos
    /// The search for a ticket for this service begins.
    case ticketBegan(ServicePrincipal)
    /// An event of that search: a cache is read, a KDC is asked or has answered.
    case kerberos(KerberosEvent)
    /// The ticket is available.
    case ticketEnded(ServiceCredential)
    /// The server refused the ticket, and the KDC has issued a newer one: the conversation starts again.
    case ticketReplaced(ServiceCredential)
    #endif
    /// The conversation begins.
    case saslBegan(SaslMechanismName)
    /// A command with this many bytes, its token included, is sent; `nil` if the length would reveal something about a
    /// password.
    case saslSent(length: Int?)
    /// A reply with this many bytes has come.
    case saslReceived(length: Int)
    /// Both sides agree that the authentication has succeeded.
    case saslEnded(AuthenticationDetails)
    /// The server is asked for the authenticated user.
    case identityBegan
    /// The server has reported the authenticated user.
    case identityEnded(AuthenticatedIdentity)
}

/// Receives events. It is called where they happen, perhaps on an event loop, and must be quick.
public typealias AuthenticationObserver = @Sendable (AuthenticationEvent) -> Void

extension AuthenticationEvent {
    /// Writes events to a log; of tokens at most the length.
    func log(to logger: Logger) {
        switch self {
        #if Kerberos
        case .ticketEnded(let ticket), .ticketReplaced(let ticket):
            logger.debug(
                "kerberos ticket ready",
                metadata: ["gss.target": "\(ticket.servicePrincipal)", "gss.initiator": "\(ticket.clientPrincipal)"])
        #endif
        case .saslBegan(let mechanism):
            logger.debug("sasl begins", metadata: ["sasl.mechanism": "\(mechanism)"])
        case .saslSent(let length):
            logger.trace("sasl command sent", metadata: ["sasl.length": "\(length.map { "\($0)" } ?? "secret")"])
        case .saslReceived(let length):
            logger.trace("sasl reply received", metadata: ["sasl.length": "\(length)"])
        case .saslEnded(let details):
            logger.debug("sasl succeeded", metadata: ["sasl.mechanism": "\(details.mechanism)"])
        default: break
        }
    }
}
