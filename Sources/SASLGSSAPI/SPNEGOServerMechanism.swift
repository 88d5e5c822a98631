public import GSSCore
public import SASL

/// The mechanism GSS-SPNEGO, server side; see ``SPNEGOMechanism``.
///
/// The authentication identity is the initiator's full name, for Kerberos `user@REALM`.
public struct SPNEGOServerMechanism: SaslServerMechanism {
    let provider: any GSSAcceptorProvider
    let layers: SaslSecurityLayers
    let maximumReceiveLength: UInt32
    let maximumSendLength: UInt32
    let channelBinding: GSSAPIServerMechanism.ChannelBinding

    /// Creates the mechanism.
    ///
    /// - Parameters:
    ///   - provider: Makes the contexts, with the service's keys.
    ///   - layers: What is acceptable: the client decides.
    ///   - maximumReceiveLength: The longest protected message that this side receives, in bytes, at most 2^24 - 1. The
    ///     client cannot know it.
    ///   - maximumSendLength: The longest protected message that is sent; the client's limit is unknown.
    ///   - channelBinding: The bindings of the context to the TLS connection that carries it.
    public init(
        provider: any GSSAcceptorProvider, layers: SaslSecurityLayers = [.integrity, .confidentiality],
        maximumReceiveLength: UInt32 = (1 << 24) - 1, maximumSendLength: UInt32 = 65_536,
        channelBinding: GSSAPIServerMechanism.ChannelBinding = .none
    ) {
        self.provider = provider
        self.layers = layers
        self.maximumReceiveLength = maximumReceiveLength
        self.maximumSendLength = maximumSendLength
        self.channelBinding = channelBinding
    }

    /// `GSS-SPNEGO`.
    public var name: SaslMechanismName { .gssSPNEGO }

    /// The client speaks first. A step reads the keytab and the replay cache, so it may block.
    public var traits: SaslMechanismTraits {
        SaslMechanismTraits(authenticatesServer: true, mayBlock: true, securityLayers: layers)
    }

    /// Begins an authentication.
    ///
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for a set of layers that is empty or has unknown bits,
    ///   and for a size of more than 24 bits.
    public func makeExchange() throws(SaslError) -> SPNEGOServerExchange {
        guard !layers.isEmpty, layers.isSubset(of: .all), maximumReceiveLength < 1 << 24 else {
            throw SaslError(
                .invalidConfiguration,
                "the security layers \(layers), or messages of \(maximumReceiveLength) bytes, are not possible")
        }
        return SPNEGOServerExchange(self)
    }
}

/// One authentication with GSS-SPNEGO on the server's side.
public final class SPNEGOServerExchange: SaslServerExchange {
    private enum State: ~Copyable {
        case initial
        case establishing(GSSPendingContext)
        case authenticated(GSSEstablishedContext, any SaslSecurityLayer)
    }

    private let mechanism: SPNEGOServerMechanism
    /// A step takes it out, and only a successful one puts another in its place.
    private var state: State? = .initial

    init(_ mechanism: SPNEGOServerMechanism) {
        self.mechanism = mechanism
    }

    private var authenticated: (context: GSSEstablishedContext, layer: any SaslSecurityLayer)? {
        switch state {
        case .authenticated(let context, let layer): (context, layer)
        default: nil
        }
    }

    /// The credential that the client delegated, if it did, once the client is authenticated.
    public var delegatedCredential: (any GSSDelegatedCredential)? { authenticated?.context.delegatedCredential }

    /// Processes the client's response and returns what to send.
    ///
    /// - Throws: ``/SASL/SaslError`` with ``/SASL/SaslError/underlying`` a ``/GSSCore/GSSError`` if a GSS call failed.
    public func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep {
        guard let current = state.take() else {
            throw SaslError(.poisoned, "the context of this exchange is gone, as a step of it failed")
        }
        guard let response else { throw SaslError(.missingResponse, "the client sent no token") }
        switch consume current {
        case .initial:
            let request = GSSAcceptorRequest(
                mechanism: .spnego, channelBindings: mechanism.channelBinding.binding.map(GSSChannelBindings.init))
            let context = try SaslError.converting(
                mechanism.provider.makeAcceptor(request), .mechanismFailure, "cannot start to accept a context")
            return try advance(context, response)
        case .establishing(let context):
            return try advance(context, response)
        case .authenticated:
            throw SaslError(.unexpectedResponse, "the client continues after the last message of GSS-SPNEGO")
        }
    }

    /// The layer that the context's flags provide.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer {
        authenticated?.layer ?? NoSecurityLayer()
    }

    private func advance(
        _ context: consuming GSSPendingContext, _ token: [UInt8]
    ) throws(SaslError) -> SaslServerExchangeStep {
        switch try ContextProgress.of(context, token, bindingTo: mechanism.channelBinding) {
        case .pending(let context, let send):
            state = .establishing(context)
            return .challenge(send)
        case .established(let context, let send):
            let name = try SaslError.converting(
                context.initiatorName(), .mechanismFailure, "cannot read the name that authenticated")
            guard !name.isEmpty else { throw SaslError(.credentialsRejected, "the client has proven no name") }
            let layer = try SPNEGOLayer.of(
                context, acceptable: mechanism.layers, peerMaximum: mechanism.maximumSendLength,
                ownMaximum: mechanism.maximumReceiveLength)
            state = .authenticated(context, layer)
            return .authenticated(SaslAuthentication(authenticationIdentity: name), data: send)
        }
    }
}
