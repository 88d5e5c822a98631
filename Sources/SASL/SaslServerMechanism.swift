/// A configured authentication mechanism on the server's side (RFC 4422): its users, and its rules.
///
/// The counterpart of ``SaslMechanism``. A mechanism is a description that can be shared; each authentication
/// has its own ``SaslServerSession``.
public protocol SaslServerMechanism: Sendable {
    /// The type that runs one authentication.
    associatedtype Exchange: SaslServerExchange

    /// The mechanism's name as it goes over the wire (RFC 4422 section 3.1).
    var name: SaslMechanismName { get }

    /// What the mechanism does, as for a client. ``SaslMechanismTraits/mayBlock``: a look-up of a user or the check of
    /// a password may take long, so do not take such a step on an event loop.
    var traits: SaslMechanismTraits { get }

    /// Makes the exchange that a ``SaslServerSession`` runs.
    ///
    /// - Throws: ``SaslError`` when the configuration cannot be used. Must not block.
    func makeExchange() throws(SaslError) -> Exchange
}

/// A mechanism's part of one authentication on the server's side, with no input or output of its own.
///
/// A ``SaslServerSession`` owns it and enforces order, limits, poisoning and authorization. The exchange enforces what
/// only the mechanism knows: that each response is well-formed and proves who the client is.
public protocol SaslServerExchange: AnyObject {
    /// Processes the client's response and returns what to send.
    ///
    /// - Parameter response: The client's bytes, at most ``SaslLimits/maximumTokenLength``. `nil` only at the first
    ///   step of a mechanism whose server speaks first.
    /// - Throws: ``SaslError``. It is for the server's log; tell a client only that the authentication failed.
    func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep

    /// Whether the next step may take long, if this is its response. An exchange need not implement it: then every
    /// step may, if the traits say so.
    func mayBlock(on response: [UInt8]?) -> Bool

    /// The layer that protects everything after the exchange. Called only after
    /// ``SaslServerExchangeStep/authenticated(_:data:)``.
    func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer
}

extension SaslServerExchange {
    /// True: the mechanism's trait applies to every step.
    public func mayBlock(on response: [UInt8]?) -> Bool { true }

    /// For mechanisms that negotiate no layer: ``NoSecurityLayer``.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer { NoSecurityLayer() }
}

/// The result of an exchange's step.
@frozen public enum SaslServerExchangeStep: Sendable, Hashable {
    /// Send this challenge, which may be empty, and pass the client's response to the next step.
    case challenge([UInt8])
    /// The client is authenticated. `data` is what the mechanism sends along with success; `nil` is no data.
    case authenticated(SaslAuthentication, data: [UInt8]?)
}

/// The identity that a client has proven, and the one that it wants to act as (RFC 4422 section 2); the two need not be
/// of the same kind.
public struct SaslAuthentication: Sendable, Hashable {
    /// The authentication identity, in the form of the mechanism: a user's name, or for Kerberos `user@REALM`.
    public var authenticationIdentity: String
    /// The authorization identity that the client asks for; `nil` if it leaves that to the server.
    public var authorizationIdentity: String?

    /// Creates a result. An empty authorization identity is none (RFC 4422 section 3.4.1).
    public init(authenticationIdentity: String, authorizationIdentity: String? = nil) {
        self.authenticationIdentity = authenticationIdentity
        self.authorizationIdentity = authorizationIdentity?.isEmpty == true ? nil : authorizationIdentity
    }
}

/// Decides which identity an authenticated client may act as.
///
/// Called on the thread that takes the step. Returns the authorization identity that is in force, or `nil` to refuse.
public typealias SaslAuthorizer = @Sendable (SaslAuthentication) throws(SaslError) -> String?

extension SaslAuthentication {
    /// The default rule: clients may act only as themselves, compared byte for byte.
    public static let onlyAsOneself: SaslAuthorizer = { authentication in
        guard let wanted = authentication.authorizationIdentity else { return authentication.authenticationIdentity }
        return wanted.utf8.elementsEqual(authentication.authenticationIdentity.utf8) ? wanted : nil
    }
}
