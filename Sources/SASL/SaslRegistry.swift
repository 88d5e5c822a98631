/// The mechanisms that a client accepts, in its order of preference.
///
/// ```swift
/// var registry = SaslRegistry()
/// registry.register(GSSAPIMechanism(…))
/// registry.register(PlainMechanism(…))
/// let mechanism = try registry.select(offered: ["PLAIN", "GSSAPI"], policy: .init(allowPlaintextSecrets: tls))
/// ```
public struct SaslRegistry: Sendable {
    private var mechanisms: [any SaslMechanism] = []

    /// Creates an empty registry.
    public init() {}

    /// Adds a mechanism after those registered before it. One of the same name is replaced, at its position.
    public mutating func register(_ mechanism: any SaslMechanism) {
        if let index = mechanisms.firstIndex(where: { $0.name == mechanism.name }) {
            mechanisms[index] = mechanism
        } else {
            mechanisms.append(mechanism)
        }
    }

    /// The registered names, most preferred first.
    public var names: [SaslMechanismName] { mechanisms.map(\.name) }

    /// The mechanism of that name.
    ///
    /// - Throws: ``SaslError/Code/mechanismUnavailable``, which lists the registered ones.
    public func mechanism(named name: SaslMechanismName) throws(SaslError) -> any SaslMechanism {
        guard let mechanism = mechanisms.first(where: { $0.name == name }) else {
            throw SaslError(
                .mechanismUnavailable, "no mechanism \(name) is registered; registered: \(Self.list(names))")
        }
        return mechanism
    }

    /// The most preferred registered mechanism that the server offers and the policy allows.
    ///
    /// - Parameters:
    ///   - offered: The server's names as received. Malformed names are ignored.
    ///   - policy: What the mechanism must and must not do.
    /// - Throws: ``SaslError/Code/mechanismUnavailable``, which says what was offered and why it was not selected.
    public func select(
        offered: some Sequence<String>, policy: SaslSelectionPolicy = .init()
    ) throws(SaslError) -> any SaslMechanism {
        let names = Set(offered.compactMap(SaslMechanismName.init))
        let common = mechanisms.filter { names.contains($0.name) }
        if let chosen = common.first(where: { policy.allows($0.traits) }) { return chosen }
        let offeredList = Self.list(names.sorted { $0.rawValue < $1.rawValue })
        guard common.isEmpty else {
            throw SaslError(
                .mechanismUnavailable,
                "the policy forbids every mechanism in common (\(Self.list(common.map(\.name)))): "
                    + policy.reasons(against: common.map(\.traits)).joined(separator: "; "))
        }
        throw SaslError(
            .mechanismUnavailable,
            "the server offers \(offeredList); registered here: \(Self.list(self.names))")
    }

    private static func list(_ names: some Sequence<SaslMechanismName>) -> String {
        let text = names.map(\.rawValue).joined(separator: ", ")
        return text.isEmpty ? "(none)" : text
    }
}

/// The requirements for a mechanism to be selected.
public struct SaslSelectionPolicy: Sendable, Hashable {
    /// Whether a mechanism may give the server a secret that can be replayed. Set it when the connection is encrypted
    /// and the server's certificate was checked.
    public var allowPlaintextSecrets: Bool
    /// Whether the mechanism must prove the server's identity to the client.
    public var requireServerAuthentication: Bool
    /// The mechanism must be able to negotiate one of these layers.
    public var securityLayers: SaslSecurityLayers

    /// Creates a policy. The default allows no plain-text secrets and requires nothing else.
    public init(
        allowPlaintextSecrets: Bool = false,
        requireServerAuthentication: Bool = false,
        securityLayers: SaslSecurityLayers = .all
    ) {
        self.allowPlaintextSecrets = allowPlaintextSecrets
        self.requireServerAuthentication = requireServerAuthentication
        self.securityLayers = securityLayers
    }

    /// Whether a mechanism with these traits may be selected.
    public func allows(_ traits: SaslMechanismTraits) -> Bool {
        reasons(against: [traits]).isEmpty
    }

    func reasons(against traits: [SaslMechanismTraits]) -> [String] {
        var reasons: [String] = []
        if !allowPlaintextSecrets, traits.contains(where: \.sendsPlaintextSecret) {
            reasons.append("plain-text secrets are not allowed on this connection")
        }
        if requireServerAuthentication, traits.contains(where: { !$0.authenticatesServer }) {
            reasons.append("the server must prove its identity")
        }
        if traits.contains(where: { $0.securityLayers.isDisjoint(with: securityLayers) }) {
            reasons.append("a security layer of \(securityLayers) is required")
        }
        return reasons
    }
}
