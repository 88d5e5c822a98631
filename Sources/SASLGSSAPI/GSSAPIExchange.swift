public import GSSCore
public import SASL

/// One GSSAPI authentication (RFC 4752 section 3.1).
///
///     initial ─→ establishing ─→ awaitingOffer ─→ answered
///                  └──↺──┘
///
/// Besides ``SASL/SaslExchange`` it tells what was agreed on: ``contextInfo`` and ``offer``.
public final class GSSAPIExchange: SaslExchange {
    private enum State: ~Copyable {
        case initial
        case establishing(GSSPendingContext)
        case awaitingOffer(GSSEstablishedContext)
        /// The client's part is done. The context lives on where a layer needs it.
        case answered(GSSEstablishedContext?, layer: SaslSecurityLayers)
        case poisoned
    }

    private let provider: any GSSInitiatorProvider
    private let target: GSSName
    private let authorizationIdentity: GSSAPIMechanism.AuthorizationIdentity
    private let policy: GSSAPIMechanism.SecurityLayerPolicy
    private var state = State.initial

    /// What both sides agreed on, once the context is established.
    public private(set) var contextInfo: GSSContextInfo?
    /// The server's offer, once it has been understood.
    public private(set) var offer: GSSAPISecurityLayerOffer?
    /// Whether the client has sent its last message: the context is established with mutual authentication, and the
    /// offer of layers, which only the holder of the session key can make, was checked and answered.
    public private(set) var isComplete = false

    init(
        provider: any GSSInitiatorProvider,
        target: GSSName,
        authorizationIdentity: GSSAPIMechanism.AuthorizationIdentity,
        policy: GSSAPIMechanism.SecurityLayerPolicy
    ) {
        self.provider = provider
        self.target = target
        self.authorizationIdentity = authorizationIdentity
        self.policy = policy
    }

    /// Takes the server's challenge and gives what to do next. The first step may block for long.
    ///
    /// - Throws: ``SASL/SaslError`` with ``SASL/SaslError/underlying`` a ``GSSCore/GSSError`` where a GSS call failed.
    public func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        // Every way out but the good ones leaves the exchange poisoned, and its context released.
        var current = State.poisoned
        swap(&current, &state)
        let wasComplete = isComplete
        isComplete = false
        try SaslLimits.check(challenge: challenge)
        switch consume current {
        case .initial:
            return try start(challenge)
        case .establishing(let context):
            return try establish(context, challenge)
        case .awaitingOffer(let context):
            return try answerOffer(context, challenge)
        case .answered(let context, let layer):
            guard challenge?.isEmpty ?? true else {
                throw SaslError(
                    .unexpectedChallenge,
                    "the server sent \(challenge?.count ?? 0) bytes after the last message of GSSAPI, which has none")
            }
            state = .answered(context, layer: layer)
            isComplete = wasComplete
            return .done
        case .poisoned:
            throw SaslError(.poisoned, "this GSSAPI exchange failed before and takes no more steps")
        }
    }

    /// The negotiated layer.
    ///
    /// - Throws: ``SASL/SaslError/Code/incomplete`` before ``isComplete``; ``SASL/SaslError/Code/securityLayer`` when the
    ///   server's maximum size leaves no room for any message.
    public func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer {
        var current = State.poisoned
        swap(&current, &state)
        switch consume current {
        case .answered(let context, let layer):
            state = .answered(context, layer: layer)
            guard let context, let offer else { return NoSecurityLayer() }
            return try GSSAPISecurityLayer(
                context: context, protection: layer,
                peerMaximum: offer.maximumLength, ownMaximum: policy.maximumReceiveLength)
        case .initial:
            state = .initial
        case .establishing(let context):
            state = .establishing(context)
        case .awaitingOffer(let context):
            state = .awaitingOffer(context)
        case .poisoned:
            break
        }
        throw SaslError(.incomplete, "a security layer exists only after the exchange is complete")
    }

    // MARK: - The steps

    private func start(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        // A protocol without initial responses has the server open with an empty challenge.
        guard challenge?.isEmpty ?? true else {
            throw SaslError(
                .unexpectedChallenge, "the server sent \(challenge?.count ?? 0) bytes before the client's first token")
        }
        let context: GSSPendingContext
        do {
            context = try provider.makeInitiator(target: target, flags: requestedFlags)
        } catch {
            throw SaslError(
                .mechanismFailure, "cannot start a context with \(target): \(error.message)", underlying: error)
        }
        return try advance(context, nil) { error in
            SaslError(.mechanismFailure, "cannot get a ticket for \(self.target): \(error.message)", underlying: error)
        }
    }

    private func establish(_ context: consuming GSSPendingContext, _ challenge: [UInt8]?) throws(SaslError) -> SaslStep
    {
        guard let challenge else {
            throw SaslError(.missingChallenge, "the server sent no token, but the context is not established")
        }
        return try advance(context, challenge) { error in
            SaslError(
                .serverNotProven,
                "the server's token does not prove that it holds the key of \(self.target): \(error.message)",
                underlying: error)
        }
    }

    private func advance(
        _ context: consuming GSSPendingContext, _ token: [UInt8]?, _ failure: (GSSError) -> SaslError
    ) throws(SaslError) -> SaslStep {
        let next: GSSContextStep
        do {
            next = try context.step(token)
        } catch {
            throw failure(error)
        }
        switch consume next {
        case .pending(let context, let send):
            guard let send else {
                throw SaslError(.mechanismFailure, "the context waits for another token but has none to send")
            }
            try checkSize(of: send)
            state = .establishing(context)
            return .respond(send)
        case .established(let context, let send):
            try check(context.info)
            try checkSize(of: send ?? [])
            contextInfo = context.info
            state = .awaitingOffer(context)
            // RFC 4752: a context that is complete with nothing to send is answered by an empty response.
            return .respond(send ?? [])
        }
    }

    private func answerOffer(_ context: GSSEstablishedContext, _ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        guard let challenge else {
            throw SaslError(.missingChallenge, "the server sent no offer of security layers")
        }
        let offer = try GSSAPISecurityLayerOffer(wrapped: challenge, context: context, policy: policy)
        let layer = try choose(from: offer, context.info)
        let size = layer == .none ? 0 : policy.maximumReceiveLength
        var answer = [
            layer.rawValue, UInt8(truncatingIfNeeded: size >> 16), UInt8(truncatingIfNeeded: size >> 8),
            UInt8(truncatingIfNeeded: size),
        ]
        answer.append(contentsOf: authorizationIdentityText(context.info).utf8)
        let wrapped: GSSWrappedMessage
        do {
            wrapped = try context.wrap(answer, confidential: false)
        } catch {
            throw SaslError(
                .mechanismFailure, "cannot wrap the answer to the offer of layers: \(error.message)", underlying: error)
        }
        guard !wrapped.isConfidential else {
            throw SaslError(.mechanismFailure, "the context encrypted the answer, which RFC 4752 has in clear text")
        }
        let response = wrapped.bytes
        try checkSize(of: response)
        self.offer = offer
        state = .answered(layer == .none ? nil : context, layer: layer)
        isComplete = true
        return .respond(response)
    }

    // MARK: - The rules

    private var requestedFlags: GSSContextFlags {
        var flags: GSSContextFlags = [.mutualAuthentication, .integrity]
        if policy.acceptable != .none { flags.formUnion([.sequenceDetection, .replayDetection]) }
        if policy.acceptable.contains(.confidentiality) { flags.insert(.confidentiality) }
        return flags
    }

    private func check(_ info: GSSContextInfo) throws(SaslError) {
        guard info.flags.contains(.mutualAuthentication) else {
            throw SaslError(
                .serverNotProven,
                "the context was established without mutual authentication (granted: \(info.flags)), so nothing shows "
                    + "that the server is \(target)")
        }
        guard info.flags.contains(.integrity) else {
            throw SaslError(
                .securityLayer,
                "the context has no integrity protection (granted: \(info.flags)), so no layer can be negotiated")
        }
    }

    private func choose(
        from offer: GSSAPISecurityLayerOffer, _ info: GSSContextInfo
    ) throws(SaslError) -> SaslSecurityLayers {
        let possible = policy.preference.filter { layer in
            offer.layers.contains(layer) && (layer != .confidentiality || info.flags.contains(.confidentiality))
        }
        guard let chosen = possible.first else {
            throw SaslError(
                .securityLayer,
                "the server offers the security layers \(offer.layers); this client accepts \(policy.acceptable)")
        }
        return chosen
    }

    private func authorizationIdentityText(_ info: GSSContextInfo) -> String {
        switch authorizationIdentity {
        case .text(let text): text
        case .authenticatedName: info.initiatorName
        case .derived: ""
        }
    }

    private func checkSize(of token: [UInt8]) throws(SaslError) {
        guard token.count <= SaslLimits.maximumTokenLength else {
            throw SaslError(
                .tooLarge, "a token of \(token.count) bytes exceeds the limit of \(SaslLimits.maximumTokenLength)")
        }
    }
}
