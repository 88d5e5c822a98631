import GSSCore
import SASL
import SASLGSSAPI
import Testing

@Suite struct GSSAPIMechanismTests {
    private func mechanism(
        _ policy: Policy = .none, as identity: AuthorizationIdentity = .derived, log: (FakeLog) -> Void = { _ in }
    ) -> GSSAPIMechanism {
        let provider = FakeProvider(script: .kerberos)
        log(provider.log)
        return GSSAPIMechanism(
            provider: provider, target: Fixture.target, authorizationIdentity: identity, securityLayer: policy)
    }

    private static let layersOfPolicies: [(Policy, SaslSecurityLayers)] = [
        (.none, .none), (.allowed, .all), (.required, [.integrity, .confidentiality]),
        (.requiredConfidentiality, .confidentiality),
    ]

    @Test(arguments: layersOfPolicies)
    func traits(policy: Policy, layers: SaslSecurityLayers) {
        #expect(mechanism(policy).name == .gssapi)
        #expect(
            mechanism(policy).traits
                == SaslMechanismTraits(authenticatesServer: true, mayBlock: true, securityLayers: layers))
    }

    @Test func nothingHappensBeforeTheFirstStep() throws {
        var entries: FakeLog?
        let exchange = try mechanism(log: { entries = $0 }).makeExchange()
        #expect(entries?.entries.targets.isEmpty == true)
        _ = try exchange.step(nil)
        #expect(entries?.entries.targets == [Fixture.target])
    }

    @Test func everyExchangeHasAContextOfItsOwn() throws {
        var entries: FakeLog?
        let shared = mechanism(log: { entries = $0 })
        for _ in 0..<3 { _ = try shared.makeExchange().step(nil) }
        #expect(entries?.entries.made == 3)
        #expect(entries?.entries.released == 3)
    }

    struct Unusable: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var policy = Policy.none
        var identity = AuthorizationIdentity.derived
        var message: String
    }

    private static let unusable: [Unusable] = [
        Unusable(testDescription: "NUL", identity: .text("ann\0@R"), message: "NUL"),
        Unusable(testDescription: "no layer", policy: Policy(preference: []), message: "at least one"),
        Unusable(
            testDescription: "two layers in one element", policy: Policy(preference: [[.none, .integrity]]),
            message: "single layers"),
        Unusable(
            testDescription: "an empty element", policy: Policy(preference: [.none, []]), message: "single layers"),
        Unusable(
            testDescription: "an unknown bit", policy: Policy(preference: [.init(rawValue: 8)]),
            message: "single layers"),
        Unusable(
            testDescription: "25 bits", policy: Policy(preference: [.integrity], maximumReceiveLength: 1 << 24),
            message: "24 bits"),
    ]

    @Test(arguments: unusable)
    func unusableConfigurationsMakeNoExchange(_ unusable: Unusable) {
        let error = #expect(throws: SaslError.self) {
            try mechanism(unusable.policy, as: unusable.identity).makeExchange()
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(unusable.message) == true)
    }
}
