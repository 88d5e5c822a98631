import GSSCore
import SASL
import SASLGSSAPI
import Testing

@Suite struct GSSAPIMechanismTests {
    private func mechanism(
        _ policy: Policy = .none, as identity: AuthorizationIdentity = .derived, mayBlock: Bool = true,
        log: (FakeLog) -> Void = { _ in }
    ) -> GSSAPIMechanism {
        var provider = FakeProvider(script: .kerberos)
        provider.mayBlock = mayBlock
        log(provider.log)
        return GSSAPIMechanism(
            provider: provider, target: Fixture.target, authorizationIdentity: identity, securityLayer: policy)
    }

    private static let layersOfPolicies: [(Policy, SaslSecurityLayers)] = [
        (.none, .none), (.allowed, .all), (.required, [.integrity, .confidentiality]),
        (.requiredConfidentiality, .confidentiality),
    ]

    @Test(arguments: layersOfPolicies, [false, true])
    func traits(of policy: (Policy, layers: SaslSecurityLayers), mayBlock: Bool) {
        let mechanism = mechanism(policy.0, mayBlock: mayBlock)
        #expect(mechanism.name == .gssapi)
        #expect(
            mechanism.traits
                == SaslMechanismTraits(authenticatesServer: true, mayBlock: mayBlock, securityLayers: policy.layers))
    }

    /// Some servers refuse a Kerberos name where they have a rule of their own.
    @Test func theServerDerivesTheAuthorizationIdentityUnlessToldOtherwise() throws {
        let mechanism = GSSAPIMechanism(provider: FakeProvider(script: .kerberos), target: Fixture.target)
        var session = try SaslSession(mechanism)
        var server = FakeProtection(key: FakeScript.kerberos.key, isInitiator: false)
        _ = try session.step(nil)
        _ = try session.step(Fixture.serverToken)
        guard case .respond(let answer) = try session.step(server.wrap([1, 0, 0, 0], confidential: false).bytes) else {
            Issue.record("the offer was not answered")
            return
        }
        #expect(try server.unwrap(answer).bytes == [1, 0, 0, 0])
    }

    @Test func nothingHappensBeforeTheFirstStep() throws {
        var entries: FakeLog?
        var session = try SaslSession(mechanism(log: { entries = $0 }))
        #expect(entries?.entries.targets.isEmpty == true)
        _ = try session.step(nil)
        #expect(entries?.entries.targets == [Fixture.target])
    }

    @Test func everyExchangeHasAContextOfItsOwn() throws {
        var entries: FakeLog?
        let shared = mechanism(log: { entries = $0 })
        for _ in 0..<3 {
            var session = try SaslSession(shared)
            _ = try session.step(nil)
        }
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
