public import GSSCore
public import SASL

/// One GSSAPI authentication (RFC 4752 section 3.1).
///
///     initial ─→ establishing ─→ established, no layer ─→ established, with the layer chosen
///                  └──↺──┘
///
/// Besides ``/SASL/SaslExchange`` it offers what was negotiated: ``grantedFlags``, ``offer`` and ``contextInfo()``.
public final class GSSAPIExchange: SaslExchange {
    private enum State: ~Copyable {
        case initial
        case establishing(GSSPendingContext)
        /// The layer exists once the offer is answered.
        case established(GSSEstablishedContext, layer: GSSAPISecurityLayer?)
        /// Without a layer the context is no longer needed: its keys are gone.
        case answered
    }

    private let mechanism: GSSAPIMechanism
    /// A step takes it out, and only a successful one puts another in its place.
    private var state: State? = .initial

    /// The services of the context, once it is established and satisfies the policy.
    public private(set) var grantedFlags: GSSContextFlags?
    /// The server's offer, once it has been parsed.
    public private(set) var offer: GSSAPISecurityLayerOffer?

    init(_ mechanism: GSSAPIMechanism) {
        self.mechanism = mechanism
    }

    private var established: (context: GSSEstablishedContext, layer: GSSAPISecurityLayer?)? {
        switch state {
        case .established(let context, let layer): (context, layer)
        default: nil
        }
    }

    /// The state of the established context. Asks the provider each time.
    ///
    /// - Returns: `nil` before the context is established, after a step that threw, and after the last message if
    ///   no layer was chosen: the context is released then.
    public func contextInfo() throws(GSSError) -> GSSContextInfo? {
        try established?.context.info()
    }

    /// Whether the client has sent its last message: the context is established with mutual authentication, and the
    /// offer of layers, which only the holder of the session key can make, was checked and answered.
    public var isComplete: Bool {
        switch state {
        case .answered: true
        case .established(_, let layer): layer != nil
        default: false
        }
    }

    /// Processes the server's challenge and returns what to do next. May block if the provider says so.
    ///
    /// - Throws: ``/SASL/SaslError`` with ``/SASL/SaslError/underlying`` a ``/GSSCore/GSSError`` if a GSS call failed.
    public func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        guard let current = state.take() else {
            throw SaslError(.poisoned, "the context of this exchange is gone, as a step of it failed")
        }
        switch consume current {
        case .initial:
            let context = try SaslError.converting(
                mechanism.provider.makeInitiator(
                    GSSInitiatorRequest(
                        target: mechanism.target, flags: requestedFlags,
                        channelBindings: mechanism.channelBinding.map(GSSChannelBindings.init))),
                .mechanismFailure, "cannot start a context with \(mechanism.target)")
            return try advance(context, nil)
        case .establishing(let context):
            guard let challenge else {
                throw SaslError(.missingChallenge, "the server sent no token, but the context is not established")
            }
            return try advance(context, challenge)
        case .established(let context, nil):
            return try answerOffer(context, challenge)
        case .established(let context, let layer):
            try refuseContent(challenge)
            state = .established(context, layer: layer)
            return .done
        case .answered:
            try refuseContent(challenge)
            state = .answered
            return .done
        }
    }

    private func refuseContent(_ challenge: [UInt8]?) throws(SaslError) {
        guard challenge?.isEmpty ?? true else {
            throw SaslError(
                .unexpectedChallenge,
                "the server sent \(challenge?.count ?? 0) bytes after the last message of GSSAPI, which has none")
        }
    }

    /// The negotiated layer.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer {
        established?.layer ?? NoSecurityLayer()
    }

    // MARK: - The steps

    private func advance(_ context: consuming GSSPendingContext, _ token: [UInt8]?) throws(SaslError) -> SaslStep {
        switch try ContextProgress.of(context, token, with: mechanism.target) {
        case .pending(let context, let send):
            state = .establishing(context)
            return .respond(send)
        case .established(let context, let send):
            try check(context.flags)
            grantedFlags = context.flags
            state = .established(context, layer: nil)
            // RFC 4752: a context that is complete with nothing to send is answered by an empty response.
            return .respond(send ?? [])
        }
    }

    private func answerOffer(_ context: GSSEstablishedContext, _ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        guard let challenge else {
            throw SaslError(.missingChallenge, "the server sent no offer of security layers")
        }
        let offer = try GSSAPISecurityLayerOffer(wrapped: challenge, context: context, policy: mechanism.securityLayer)
        let layer = try choose(from: offer, context.flags)
        // A size that leaves no room for any message is refused here, before the server assumes a layer.
        let protected: GSSAPISecurityLayer? =
            if layer == .none {
                nil
            } else {
                try GSSAPISecurityLayer(
                    context: context, protection: layer, peerMaximum: offer.maximumLength,
                    ownMaximum: mechanism.securityLayer.maximumReceiveLength)
            }
        let size = layer == .none ? 0 : mechanism.securityLayer.maximumReceiveLength
        var answer = GSSAPILayerChoice.octets(layer, size)
        answer.append(contentsOf: try authorizationIdentityText(context).utf8)
        let wrapped = try SaslError.converting(
            context.wrap(answer, confidential: false), .mechanismFailure,
            "cannot wrap the answer to the offer of layers")
        guard !wrapped.isConfidential else {
            throw SaslError(
                .mechanismFailure, "the context encrypted the answer, which RFC 4752 requires in clear text")
        }
        self.offer = offer
        state = protected == nil ? .answered : .established(context, layer: protected)
        return .respond(wrapped.bytes)
    }

    // MARK: - The rules

    private var requestedFlags: GSSContextFlags {
        var flags: GSSContextFlags = [.mutualAuthentication, .integrity]
        if mechanism.securityLayer.acceptable != .none { flags.formUnion([.sequenceDetection, .replayDetection]) }
        if mechanism.securityLayer.acceptable.contains(.confidentiality) { flags.insert(.confidentiality) }
        if mechanism.delegatesCredential { flags.insert(.delegation) }
        return flags
    }

    private func check(_ granted: GSSContextFlags) throws(SaslError) {
        guard granted.contains(.integrity) else {
            throw SaslError(
                .securityLayer,
                "the context has no integrity protection (granted: \(granted)), so no layer can be negotiated")
        }
        guard granted.contains(.delegation) || !mechanism.delegatesCredential else {
            throw SaslError(
                .mechanismFailure,
                "the credential was not delegated: this needs a forwardable ticket-granting ticket of the user")
        }
    }

    private func choose(
        from offer: GSSAPISecurityLayerOffer, _ granted: GSSContextFlags
    ) throws(SaslError) -> SaslSecurityLayers {
        let possible = mechanism.securityLayer.preference.filter { layer in
            offer.layers.contains(layer) && (layer != .confidentiality || granted.contains(.confidentiality))
        }
        guard let chosen = possible.first else {
            throw SaslError(
                .securityLayer,
                "the server offers the security layers \(offer.layers); this client accepts "
                    + "\(mechanism.securityLayer.acceptable)")
        }
        return chosen
    }

    private func authorizationIdentityText(_ context: GSSEstablishedContext) throws(SaslError) -> String {
        switch mechanism.authorizationIdentity {
        case .text(let text): text
        case .derived: ""
        case .authenticatedName:
            try SaslError.converting(
                context.initiatorName(), .mechanismFailure, "cannot read the name that authenticated")
        }
    }
}
