public import GSSCore
public import SASL

extension SaslMechanismName {
    /// SPNEGO as a SASL mechanism, as in Active Directory and Cyrus; no RFC describes it.
    public static let gssSPNEGO = SaslMechanismName(literal: "GSS-SPNEGO")
}

/// The mechanism GSS-SPNEGO, client side: a context of SPNEGO (RFC 4178), and nothing after it.
///
/// Layers are not negotiated: both sides protect messages according to the context's flags, so the
/// policy's first layer is requested. There is no authorization identity. Mutual authentication is required
/// and checked.
///
/// The provider's credential is one for Kerberos: nothing else is negotiated.
public struct SPNEGOMechanism: SaslMechanism {
    let provider: any GSSInitiatorProvider
    let target: GSSName
    let securityLayer: GSSAPIMechanism.SecurityLayerPolicy
    let channelBinding: SaslChannelBinding?
    let maximumSendLength: UInt32

    /// Encryption, or else integrity protection, and messages of any size: the other side cannot know how much this one
    /// receives, and slapd's are longer than 64 KiB.
    public static let defaultPolicy = GSSAPIMechanism.SecurityLayerPolicy(
        preference: [.confidentiality, .integrity], maximumReceiveLength: (1 << 24) - 1)

    /// Creates the mechanism for one identity and one service.
    ///
    /// - Parameters:
    ///   - provider: Makes the contexts, with the identity to use.
    ///   - target: The service.
    ///   - securityLayer: Which layers are acceptable.
    ///   - channelBinding: Binds the context to the TLS connection that carries it.
    ///   - maximumSendLength: The longest protected message that is sent, in bytes. The server's limit is unknown: a
    ///     slapd with a smaller `maxbufsize` drops the connection.
    public init(
        provider: any GSSInitiatorProvider, target: GSSName,
        securityLayer: GSSAPIMechanism.SecurityLayerPolicy = Self.defaultPolicy,
        channelBinding: SaslChannelBinding? = nil, maximumSendLength: UInt32 = 65_536
    ) {
        self.provider = provider
        self.target = target
        self.securityLayer = securityLayer
        self.channelBinding = channelBinding
        self.maximumSendLength = maximumSendLength
    }

    /// `GSS-SPNEGO`.
    public var name: SaslMechanismName { .gssSPNEGO }

    /// The client speaks first, the server proves its identity, and a step may block if the provider says so.
    public var traits: SaslMechanismTraits {
        SaslMechanismTraits(
            authenticatesServer: true, mayBlock: provider.mayBlock, securityLayers: securityLayer.acceptable)
    }

    /// Begins an authentication. The provider is asked for a context at the first step, not here.
    ///
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for a policy that accepts no layer or names several in
    ///   one element, and for a size of more than 24 bits.
    public func makeExchange() throws(SaslError) -> some SaslExchange {
        SPNEGOExchange(self, wants: try securityLayer.checked())
    }
}

/// One authentication with GSS-SPNEGO on the client's side.
private final class SPNEGOExchange: SaslExchange {
    private enum State: ~Copyable {
        case initial
        case establishing(GSSPendingContext)
        case established(any SaslSecurityLayer)
    }

    private let mechanism: SPNEGOMechanism
    private let wanted: SaslSecurityLayers
    /// A step takes it out, and only a successful one puts another in its place.
    private var state: State? = .initial

    init(_ mechanism: SPNEGOMechanism, wants layer: SaslSecurityLayers) {
        self.mechanism = mechanism
        wanted = layer
    }

    private var layer: (any SaslSecurityLayer)? {
        switch state {
        case .established(let layer): layer
        default: nil
        }
    }

    var isComplete: Bool { layer != nil }

    func step(_ challenge: [UInt8]?) throws(SaslError) -> SaslStep {
        guard let current = state.take() else {
            throw SaslError(.poisoned, "the context of this exchange is gone, as a step of it failed")
        }
        switch consume current {
        case .initial:
            var flags: GSSContextFlags = .mutualAuthentication
            if wanted != .none { flags.formUnion([.integrity, .sequenceDetection, .replayDetection]) }
            if wanted == .confidentiality { flags.insert(.confidentiality) }
            let request = GSSInitiatorRequest(
                target: mechanism.target, flags: flags, mechanism: .spnego,
                channelBindings: mechanism.channelBinding.map(GSSChannelBindings.init))
            let context = try SaslError.converting(
                mechanism.provider.makeInitiator(request), .mechanismFailure,
                "cannot start a context with \(mechanism.target)")
            return try advance(context, nil)
        case .establishing(let context):
            guard let challenge else {
                throw SaslError(.missingChallenge, "the server sent no token, but the context is not established")
            }
            return try advance(context, challenge)
        case .established(let layer):
            guard challenge?.isEmpty ?? true else {
                throw SaslError(
                    .unexpectedChallenge,
                    "the server sent \(challenge?.count ?? 0) bytes after the last message of GSS-SPNEGO")
            }
            state = .established(layer)
            return .done
        }
    }

    func makeSecurityLayer() throws(SaslError) -> any SaslSecurityLayer { layer ?? NoSecurityLayer() }

    private func advance(_ context: consuming GSSPendingContext, _ token: [UInt8]?) throws(SaslError) -> SaslStep {
        switch try ContextProgress.of(context, token, with: mechanism.target) {
        case .pending(let context, let send):
            state = .establishing(context)
            return .respond(send)
        case .established(let context, let send):
            let policy = mechanism.securityLayer
            state = .established(
                try SPNEGOLayer.of(
                    context, wanted, acceptable: policy.acceptable, peerMaximum: mechanism.maximumSendLength,
                    ownMaximum: policy.maximumReceiveLength))
            return if let send { .respond(send) } else { .done }
        }
    }
}

/// The layer that a context's flags provide.
enum SPNEGOLayer {
    /// - Parameter wanted: What this side requested; `nil` for an acceptor, which does not know the initiator's
    ///   request.
    static func of(
        _ context: GSSEstablishedContext, _ wanted: SaslSecurityLayers? = nil, acceptable: SaslSecurityLayers,
        peerMaximum: UInt32, ownMaximum: UInt32
    ) throws(SaslError) -> any SaslSecurityLayer {
        let flags = context.flags
        // Not stronger than requested, even if the library reports more.
        let possible: [SaslSecurityLayers] = [.confidentiality, .integrity].filter { layer in
            wanted.map { $0.rawValue >= layer.rawValue } ?? true
        }
        let layer =
            possible.first { flags.contains($0 == .integrity ? .integrity : .confidentiality) } ?? .none
        guard acceptable.contains(layer) else {
            throw SaslError(
                .securityLayer,
                "the context (\(flags)) provides the security layer \(layer); acceptable: \(acceptable)")
        }
        guard layer != .none else { return NoSecurityLayer() }
        // Without it messages could be replayed.
        guard flags.contains(.sequenceDetection) else {
            throw SaslError(.securityLayer, "the context (\(flags)) does not number its messages")
        }
        return try GSSAPISecurityLayer(
            context: context, protection: layer, peerMaximum: peerMaximum, ownMaximum: ownMaximum)
    }
}
