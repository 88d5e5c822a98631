internal import Logging
public import SASL

#if Kerberos
public import KerberosCredentials
#endif

/// What happens in an authentication, told when and where it happens.
@nonexhaustive
public enum AuthenticationEvent: Sendable {
    /// Hello is sent.
    case helloBegan
    /// The server has described itself.
    case helloEnded(ServerDescription)
    #if Kerberos
    /// A ticket for this service is looked for.
    case ticketBegan(ServicePrincipal)
    /// Something on the way to that ticket: a cache is read, a KDC is asked or has answered.
    case kerberos(KerberosEvent)
    /// The ticket is at hand.
    case ticketEnded(ServiceCredential)
    /// The server refused the ticket, and the KDC has given a newer one: the conversation begins once more.
    case ticketReplaced(ServiceCredential)
    #endif
    /// The conversation begins.
    case saslBegan(SaslMechanismName)
    /// A command of so many bytes, its token among them, is sent; `nil` where the length would tell something of a password.
    case saslSent(length: Int?)
    /// A reply of so many bytes has come.
    case saslReceived(length: Int)
    /// Both sides agree that the authentication has succeeded.
    case saslEnded(AuthenticationDetails)
    /// The server is asked who we are.
    case identityBegan
    /// The server has said who we are.
    case identityEnded(AuthenticatedIdentity)
}

/// Takes events. It is called where they happen, an event loop perhaps, and must be quick.
public typealias AuthenticationObserver = @Sendable (AuthenticationEvent) -> Void

extension AuthenticationEvent {
    /// Writes the events that a log has: of tokens the length at most.
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
