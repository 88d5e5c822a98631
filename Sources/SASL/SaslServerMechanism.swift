/// A configured authentication mechanism on the server's side (RFC 4422): whom it knows, and under which rules.
///
/// The counterpart of ``SaslMechanism``. A mechanism is a description that can be shared; each authentication is a
/// ``SaslServerSession`` of its own.
public protocol SaslServerMechanism: Sendable {
    /// What runs one authentication.
    associatedtype Exchange: SaslServerExchange

    /// The mechanism's name as it goes over the wire (RFC 4422 section 3.1).
    var name: SaslMechanismName { get }

    /// What the mechanism does, as for a client. ``SaslMechanismTraits/mayBlock``: a look-up of a user or the check of a
    /// password may take long, so do not take such a step on an event loop.
    var traits: SaslMechanismTraits { get }

    /// Makes what a ``SaslServerSession`` runs.
    ///
    /// - Throws: ``SaslError`` when the configuration cannot be used. Must not block.
    func makeExchange() throws(SaslError) -> Exchange
}

/// A mechanism's part of one authentication on the server's side, with no input or output of its own.
///
/// A ``SaslServerSession`` owns it and keeps order, limits, poison and authorization. The exchange keeps what only the
/// mechanism knows: that each response is well-formed and proves who the client is.
public protocol SaslServerExchange: AnyObject {
    /// Takes the client's response and gives what to send.
    ///
    /// - Parameter response: The client's bytes, at most ``SaslLimits/maximumTokenLength``. `nil` only at the first step of a
    ///   mechanism whose server speaks first.
    /// - Throws: ``SaslError``. It is for the server's log; a client is told that the authentication failed, and no more.
    func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep

    /// Whether the next step may take long, if this is its response. An exchange need not implement it: then each may,
    /// where the traits say so.
    func mayBlock(on response: [UInt8]?) -> Bool

    /// The layer that protects everything after the exchange. Called only after ``SaslServerExchangeStep/authenticated(_:data:)``.
    func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer
}

extension SaslServerExchange {
    /// True: what a mechanism says of its steps holds for each.
    public func mayBlock(on response: [UInt8]?) -> Bool { true }

    /// The layer of mechanisms that negotiate none: ``NoSecurityLayer``.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer { NoSecurityLayer() }
}

/// What came of an exchange's step.
@frozen public enum SaslServerExchangeStep: Sendable, Hashable {
    /// Send this challenge, which may be empty, and bring the client's response.
    case challenge([UInt8])
    /// The client has proven who it is. `data` is what the mechanism sends along with success; `nil` is nothing at all.
    case authenticated(SaslAuthentication, data: [UInt8]?)
}

/// Who a client has proven to be, and whom it wants to act as (RFC 4422 section 2): two identities that need not be of the
/// same kind.
public struct SaslAuthentication: Sendable, Hashable {
    /// The authentication identity, in the form of the mechanism: a user's name, or for Kerberos `user@REALM`.
    public var authenticationIdentity: String
    /// The authorization identity that the client asks for; `nil` where it leaves that to the server.
    public var authorizationIdentity: String?

    /// Creates a result. An empty authorization identity is none (RFC 4422 section 3.4.1).
    public init(authenticationIdentity: String, authorizationIdentity: String? = nil) {
        self.authenticationIdentity = authenticationIdentity
        self.authorizationIdentity = authorizationIdentity?.isEmpty == true ? nil : authorizationIdentity
    }
}

/// Decides whom a client may act as, once it has proven who it is.
///
/// Called on the thread that takes the step. Returns the authorization identity that is in force, or `nil` to refuse.
public typealias SaslAuthorizer = @Sendable (SaslAuthentication) throws(SaslError) -> String?

extension SaslAuthentication {
    /// The rule for servers without one of their own: everybody acts as who they are, compared byte for byte.
    public static let onlyAsOneself: SaslAuthorizer = { authentication in
        guard let wanted = authentication.authorizationIdentity else { return authentication.authenticationIdentity }
        return wanted.utf8.elementsEqual(authentication.authenticationIdentity.utf8) ? wanted : nil
    }
}
