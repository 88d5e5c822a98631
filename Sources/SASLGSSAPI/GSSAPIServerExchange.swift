public import GSSCore
public import SASL

/// One GSSAPI authentication on the server's side (RFC 4752 section 3.1).
///
///     initial ─→ establishing ─→ established ─→ offered ─→ authenticated
///                  └──↺──┘      (if the last token is ours)
public final class GSSAPIServerExchange: SaslServerExchange {
    private enum State: ~Copyable {
        case initial
        case establishing(GSSPendingContext)
        /// The last token was ours; the client acknowledges it with an empty response.
        case established(GSSEstablishedContext)
        case offered(GSSEstablishedContext, SaslSecurityLayers)
        case authenticated(GSSEstablishedContext, GSSAPISecurityLayer?)
    }

    private let mechanism: GSSAPIServerMechanism
    /// A step takes it out, and only a successful one puts another in its place.
    private var state: State? = .initial

    /// The services of the context, once it is established.
    public private(set) var grantedFlags: GSSContextFlags?

    init(_ mechanism: GSSAPIServerMechanism) {
        self.mechanism = mechanism
    }

    private var authenticated: (context: GSSEstablishedContext, layer: GSSAPISecurityLayer?)? {
        switch state {
        case .authenticated(let context, let layer): (context, layer)
        default: nil
        }
    }

    /// The state of the established context; `nil` before the client is authenticated. Asks the provider each time.
    public func contextInfo() throws(GSSError) -> GSSContextInfo? {
        try authenticated?.context.info()
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
            let context = try SaslError.converting(
                mechanism.provider.makeAcceptor(
                    GSSAcceptorRequest(
                        mechanism: .kerberos5,
                        channelBindings: mechanism.channelBinding.binding.map(GSSChannelBindings.init))),
                .mechanismFailure, "cannot start to accept a context")
            return try advance(context, response)
        case .establishing(let context):
            return try advance(context, response)
        case .established(let context):
            guard response.isEmpty else {
                throw SaslError(
                    .unexpectedResponse,
                    "the client sent \(response.count) bytes where RFC 4752 requires an empty response to the last token"
                )
            }
            return try offer(context)
        case .offered(let context, let layers):
            return try finish(context, layers, response)
        case .authenticated:
            throw SaslError(.unexpectedResponse, "the client continues after the last message of GSSAPI")
        }
    }

    /// The negotiated layer.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer {
        authenticated?.layer ?? NoSecurityLayer()
    }

    // MARK: - The steps

    private func advance(
        _ context: consuming GSSPendingContext, _ token: [UInt8]
    ) throws(SaslError) -> SaslServerExchangeStep {
        switch try ContextProgress.of(context, token, bindingTo: mechanism.channelBinding) {
        case .pending(let context, let send):
            state = .establishing(context)
            return .challenge(send)
        case .established(let context, let send):
            grantedFlags = context.flags
            guard let send else { return try offer(context) }
            state = .established(context)
            return .challenge(send)
        }
    }

    private func offer(_ context: GSSEstablishedContext) throws(SaslError) -> SaslServerExchangeStep {
        var layers = mechanism.layers
        if !context.flags.contains([.integrity, .sequenceDetection]) { layers.formIntersection(.none) }
        if !context.flags.contains(.confidentiality) { layers.remove(.confidentiality) }
        guard !layers.isEmpty else {
            throw SaslError(
                .securityLayer,
                "the client's context (\(context.flags)) allows none of the security layers \(mechanism.layers)")
        }
        let size = layers == .none ? 0 : mechanism.maximumReceiveLength
        let wrapped = try SaslError.converting(
            context.wrap(GSSAPILayerChoice.octets(layers, size), confidential: false), .mechanismFailure,
            "cannot wrap the offer of layers")
        guard !wrapped.isConfidential else {
            throw SaslError(.mechanismFailure, "the context encrypted the offer, which RFC 4752 requires in clear text")
        }
        state = .offered(context, layers)
        return .challenge(wrapped.bytes)
    }

    private func finish(
        _ context: GSSEstablishedContext, _ offered: SaslSecurityLayers, _ response: [UInt8]
    ) throws(SaslError) -> SaslServerExchangeStep {
        let choice = try GSSAPILayerChoice(wrapped: response, context: context, offered: offered)
        let name = try SaslError.converting(
            context.initiatorName(), .mechanismFailure, "cannot read the name that authenticated")
        // Without a name there is no identity to report.
        guard !name.isEmpty else {
            throw SaslError(.credentialsRejected, "the client has proven no name")
        }
        // A size that leaves no room for any message is refused here.
        let layer: GSSAPISecurityLayer? =
            if choice.layer == .none {
                nil
            } else {
                try GSSAPISecurityLayer(
                    context: context, protection: choice.layer, peerMaximum: choice.maximumLength,
                    ownMaximum: mechanism.maximumReceiveLength)
            }
        state = .authenticated(context, layer)
        return .authenticated(
            SaslAuthentication(authenticationIdentity: name, authorizationIdentity: choice.authorizationIdentity),
            data: nil)
    }
}
