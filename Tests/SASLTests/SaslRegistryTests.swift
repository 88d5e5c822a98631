import SASL
import Testing

/// A mechanism of any name and traits, complete after one message.
struct StubMechanism: SaslMechanism {
    let name: SaslMechanismName
    var traits: SaslMechanismTraits
    var tag = 0

    init(_ name: SaslMechanismName, _ traits: SaslMechanismTraits = .init(), tag: Int = 0) {
        self.name = name
        self.traits = traits
        self.tag = tag
    }

    func makeExchange() -> ScriptedExchange {
        ScriptedExchange([.success(.respond([2]))])
    }
}

@Suite struct SaslRegistryTests {
    /// Ordered by preference: one that proves the server and has layers, one that proves it, one that sends a password.
    private static let registry: SaslRegistry = {
        var registry = SaslRegistry()
        registry.register(StubMechanism(.gssapi, .init(authenticatesServer: true, securityLayers: .all)))
        registry.register(StubMechanism(.scramSHA256, .init(authenticatesServer: true)))
        registry.register(StubMechanism(.plain, .init(sendsPlaintextSecret: true)))
        return registry
    }()

    @Test func namesStandInTheOrderOfRegistration() {
        #expect(SaslRegistry().names.isEmpty)
        #expect(Self.registry.names == [.gssapi, .scramSHA256, .plain])
    }

    @Test func registeringANameAgainReplacesItInItsPlace() throws {
        var registry = Self.registry
        registry.register(StubMechanism(.gssapi, tag: 7))
        #expect(registry.names == [.gssapi, .scramSHA256, .plain])
        #expect(try (registry.mechanism(named: .gssapi) as? StubMechanism)?.tag == 7)
        #expect(try (Self.registry.mechanism(named: .gssapi) as? StubMechanism)?.tag == 0)
    }

    @Test(arguments: [
        (SaslRegistry(), "no mechanism EXTERNAL is registered; registered: (none)"),
        (registry, "no mechanism EXTERNAL is registered; registered: GSSAPI, SCRAM-SHA-256, PLAIN"),
    ])
    func aMissingMechanismIsNamedWithThoseThatAreThere(registry: SaslRegistry, message: String) {
        let error = #expect(throws: SaslError.self) { try registry.mechanism(named: .external) }
        #expect(error?.code == .mechanismUnavailable)
        #expect(error?.message == message)
    }

    struct Selection: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var offered: [String]
        var policy = SaslSelectionPolicy()
        var chosen: SaslMechanismName
    }

    @Test(arguments: [
        Selection(
            testDescription: "the client's preference decides, not the server's order",
            offered: ["PLAIN", "SCRAM-SHA-256", "GSSAPI"], chosen: .gssapi),
        Selection(
            testDescription: "what only one side has is passed over", offered: ["EXTERNAL", "SCRAM-SHA-256"],
            chosen: .scramSHA256),
        Selection(
            testDescription: "malformed and repeated offers are passed over",
            offered: ["", "gssapi", "GSSAPI ", "SCRAM-SHA-256", "SCRAM-SHA-256", String(repeating: "A", count: 100)],
            chosen: .scramSHA256),
        Selection(
            testDescription: "plain text where it is allowed", offered: ["PLAIN"],
            policy: .init(allowPlaintextSecrets: true), chosen: .plain),
        Selection(
            testDescription: "a forbidden one gives way to a lesser one", offered: ["GSSAPI", "SCRAM-SHA-256"],
            policy: .init(requireServerAuthentication: true, securityLayers: .none), chosen: .gssapi),
        Selection(
            testDescription: "a required layer", offered: ["SCRAM-SHA-256", "GSSAPI"],
            policy: .init(securityLayers: [.integrity, .confidentiality]), chosen: .gssapi),
    ])
    func selects(_ selection: Selection) throws {
        let mechanism = try Self.registry.select(offered: selection.offered, policy: selection.policy)
        #expect(mechanism.name == selection.chosen)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var offered: [String]
        var policy = SaslSelectionPolicy()
        var message: String
    }

    @Test(arguments: [
        Refusal(
            testDescription: "nothing offered", offered: [],
            message: "the server offers (none); registered here: GSSAPI, SCRAM-SHA-256, PLAIN"),
        Refusal(
            testDescription: "nothing in common", offered: ["OAUTHBEARER", "EXTERNAL", "x"],
            message: "the server offers EXTERNAL, OAUTHBEARER; registered here: GSSAPI, SCRAM-SHA-256, PLAIN"),
        Refusal(
            testDescription: "plain text without TLS", offered: ["PLAIN", "EXTERNAL"],
            message: "the policy forbids every mechanism in common (PLAIN): "
                + "plain-text secrets are not allowed on this connection"),
        Refusal(
            testDescription: "several reasons", offered: ["PLAIN", "SCRAM-SHA-256"],
            policy: .init(requireServerAuthentication: true, securityLayers: .confidentiality),
            message: "the policy forbids every mechanism in common (SCRAM-SHA-256, PLAIN): "
                + "plain-text secrets are not allowed on this connection; the server must prove its identity; "
                + "a security layer of confidentiality is required"),
    ])
    func refusesAndSaysWhy(_ refusal: Refusal) {
        let error = #expect(throws: SaslError.self) {
            try Self.registry.select(offered: refusal.offered, policy: refusal.policy)
        }
        #expect(error?.code == .mechanismUnavailable)
        #expect(error?.message == refusal.message)
    }

    /// The forbidden one stands first in the order of preference.
    @Test func aForbiddenFavouriteDoesNotHideWhatIsAllowed() throws {
        var registry = SaslRegistry()
        registry.register(StubMechanism(.plain, .init(sendsPlaintextSecret: true)))
        registry.register(StubMechanism(.external))
        #expect(try registry.select(offered: ["PLAIN", "EXTERNAL"]).name == .external)
    }
}

@Suite struct SaslSelectionPolicyTests {
    private static let cases: [(SaslSelectionPolicy, SaslMechanismTraits, Bool)] = [
        (.init(), .init(), true),
        (.init(), .init(sendsPlaintextSecret: true), false),
        (.init(allowPlaintextSecrets: true), .init(sendsPlaintextSecret: true), true),
        (.init(requireServerAuthentication: true), .init(), false),
        (.init(requireServerAuthentication: true), .init(authenticatesServer: true), true),
        (.init(securityLayers: .none), .init(), true),
        (.init(securityLayers: .integrity), .init(), false),
        (.init(securityLayers: .integrity), .init(securityLayers: .all), true),
        (.init(securityLayers: [.integrity, .confidentiality]), .init(securityLayers: .confidentiality), true),
        (.init(securityLayers: .none), .init(securityLayers: .confidentiality), false),
        (.init(securityLayers: []), .init(securityLayers: .all), false),
    ]

    @Test(arguments: cases)
    func allows(policy: SaslSelectionPolicy, traits: SaslMechanismTraits, isAllowed: Bool) {
        #expect(policy.allows(traits) == isAllowed)
    }

    /// What a caller that sets nothing gets.
    @Test func theDefaultsAreTheCarefulOnes() {
        #expect(!SaslSelectionPolicy().allowPlaintextSecrets)
        #expect(SaslMechanismTraits().firstSpeaker == .client)
        #expect(!SaslMechanismTraits().authenticatesServer)
        #expect(SaslMechanismTraits().securityLayers == .none)
    }
}
