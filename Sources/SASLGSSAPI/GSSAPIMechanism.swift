public import GSSCore
public import SASL

/// The mechanism GSSAPI: Kerberos V5 (RFC 4752), client side.
///
/// It requests mutual authentication and checks that it was granted; delegation and channel bindings are used only
/// on request. Any ``/GSSCore/GSSInitiatorProvider`` carries it.
///
/// ```swift
/// let mechanism = GSSAPIMechanism(
///     provider: KerberosProvider(),
///     target: try .kerberosService("mongodb", exactHost: "db.example.com"),
///     authorizationIdentity: .text("ann@EXAMPLE.COM"))
/// ```
public struct GSSAPIMechanism: SaslMechanism {
    /// The authorization identity (RFC 4752 section 3.1).
    @nonexhaustive
    public enum AuthorizationIdentity: Sendable, Hashable {
        /// This name, sent as UTF-8. Must not hold a NUL character.
        case text(String)
        /// The full name that authenticated, for Kerberos `user@REALM`, as the context reports it.
        case authenticatedName
        /// None: the server derives one from the authenticated name.
        case derived
    }

    /// Rules for the negotiation of the security layer (RFC 4752 section 3.1).
    public struct SecurityLayerPolicy: Sendable, Hashable {
        /// The acceptable layers, the most preferred first. Each element is one bit.
        public var preference: [SaslSecurityLayers]
        /// The longest protected message that this side receives, in bytes, at most 2^24 - 1. Only used with a layer.
        public var maximumReceiveLength: UInt32
        /// Tolerates a server that states a maximum size although it offers no layer.
        ///
        /// RFC 4752 requires the client to check that this size is 0. The servers of Dovecot and of GNU SASL send 2^24
        /// - 1.
        public var toleratesSizeWithoutLayer: Bool

        /// Creates a policy.
        public init(
            preference: [SaslSecurityLayers],
            maximumReceiveLength: UInt32 = 65_536,
            toleratesSizeWithoutLayer: Bool = false
        ) {
            self.preference = preference
            self.maximumReceiveLength = maximumReceiveLength
            self.toleratesSizeWithoutLayer = toleratesSizeWithoutLayer
        }

        /// No layer: MongoDB's choice, which protects connections only with TLS.
        public static let none = SecurityLayerPolicy(preference: [.none])
        /// The strongest layer that the server offers, which may be none.
        public static let allowed = SecurityLayerPolicy(preference: [.confidentiality, .integrity, .none])
        /// Encryption, or else integrity protection; without either the authentication fails.
        public static let required = SecurityLayerPolicy(preference: [.confidentiality, .integrity])
        /// Encryption; without it the authentication fails.
        public static let requiredConfidentiality = SecurityLayerPolicy(preference: [.confidentiality])

        /// The most preferred layer.
        ///
        /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration``.
        @discardableResult
        func checked() throws(SaslError) -> SaslSecurityLayers {
            let known: Set<SaslSecurityLayers> = [.none, .integrity, .confidentiality]
            guard let first = preference.first, known.isSuperset(of: preference) else {
                throw SaslError(
                    .invalidConfiguration,
                    "the security layer policy must list single layers, at least one; it has \(preference)")
            }
            guard maximumReceiveLength < 1 << 24 else {
                throw SaslError(
                    .invalidConfiguration, "the maximum size \(maximumReceiveLength) does not fit into 24 bits")
            }
            return first
        }

        var acceptable: SaslSecurityLayers { preference.reduce(into: []) { $0.formUnion($1) } }
    }

    let provider: any GSSInitiatorProvider
    let target: GSSName
    let authorizationIdentity: AuthorizationIdentity
    let securityLayer: SecurityLayerPolicy
    let channelBinding: SaslChannelBinding?
    let delegatesCredential: Bool

    /// Creates the mechanism for one identity and one service.
    ///
    /// - Parameters:
    ///   - provider: Makes the contexts, with the identity to use.
    ///   - target: The service. A host-based name lets the provider choose the host through the DNS; for MIT Kerberos
    ///     `GSSName.kerberosService(_:exactHost:realm:)` does not.
    ///   - authorizationIdentity: The identity to act as; the default leaves it to the server. Some servers, such as
    ///     slapd, refuse a Kerberos name here.
    ///   - securityLayer: Which layers are acceptable.
    ///   - channelBinding: Binds the context to the TLS connection that carries it. RFC 4752 does not define this;
    ///     Active Directory and slapd (`sasl-cbinding`) accept bindings in the context itself, of the kind `tls-server-end-point`.
    ///   - delegatesCredential: Delegates the user's credential to the server, which can then act as the user anywhere.
    ///     It needs a provider with the user's own, forwardable tickets: one with only a service's ticket has nothing to delegate.
    ///     If nothing was delegated, the authentication fails.
    public init(
        provider: any GSSInitiatorProvider,
        target: GSSName,
        authorizationIdentity: AuthorizationIdentity = .derived,
        securityLayer: SecurityLayerPolicy = .none,
        channelBinding: SaslChannelBinding? = nil,
        delegatesCredential: Bool = false
    ) {
        self.provider = provider
        self.target = target
        self.authorizationIdentity = authorizationIdentity
        self.securityLayer = securityLayer
        self.channelBinding = channelBinding
        self.delegatesCredential = delegatesCredential
    }

    /// `GSSAPI`.
    public var name: SaslMechanismName { .gssapi }

    /// The client speaks first, the server proves its identity, and a step may block if the provider says so.
    public var traits: SaslMechanismTraits {
        SaslMechanismTraits(
            authenticatesServer: true, mayBlock: provider.mayBlock, securityLayers: securityLayer.acceptable)
    }

    /// Begins an authentication. The provider is asked for a context at the first step, not here.
    ///
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for an authorization identity with a NUL character, for
    ///   a policy that accepts no layer or names several in one element, or for a size of more than 24 bits.
    public func makeExchange() throws(SaslError) -> GSSAPIExchange {
        if case .text(let text) = authorizationIdentity, text.utf8.contains(0) {
            throw SaslError(.invalidConfiguration, "the authorization identity holds a NUL character")
        }
        try securityLayer.checked()
        return GSSAPIExchange(self)
    }
}
