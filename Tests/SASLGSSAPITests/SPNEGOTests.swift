import GSSCore
import SASL
import SASLGSSAPI
import Testing

/// GSS-SPNEGO in both roles, over scripted contexts: what the flags of a context stand for, and what is refused.
@Suite struct SPNEGOTests {
    private static let sealed: GSSContextFlags = [
        .mutualAuthentication, .integrity, .confidentiality, .sequenceDetection, .replayDetection,
    ]

    private func client(
        _ provider: FakeProvider, policy: Policy = SPNEGOMechanism.defaultPolicy, binding: SaslChannelBinding? = nil
    ) throws -> SaslSession {
        try SaslSession(
            SPNEGOMechanism(
                provider: provider, target: Fixture.target, securityLayer: policy, channelBinding: binding))
    }

    // MARK: - Client

    /// The last token is the server's, and comes with success.
    @Test func aClientIsDoneWithTheServersToken() throws {
        let binding = SaslChannelBinding(.tlsServerEndPoint, data: [1, 2])
        let provider = FakeProvider(script: .kerberos)
        let log = provider.log
        var session = try client(provider, binding: binding)
        #expect(try session.step(nil) == .respond(Array("AP-REQ".utf8)))
        #expect(session.isComplete == false)
        #expect(try session.step(Fixture.serverToken) == .done)
        #expect(session.isComplete == true)
        #expect(try session.makeSecurityLayer().protection == .confidentiality)
        #expect(log.entries.mechanisms == [.spnego] && log.entries.flags == [Self.sealed])
        let expected = GSSChannelBindings(applicationData: Array("tls-server-end-point:".utf8) + [1, 2])
        #expect(log.entries.bindings == [expected])
        // A server that cannot send data with success sends an empty challenge after it, and nothing else.
        #expect(try session.step([]) == .done)
        let error = #expect(throws: SaslError.self) { try session.step([1]) }
        #expect(error?.code == .unexpectedChallenge)
        #expect(session.isComplete == false)
    }

    /// SPNEGO may have a last token of its own, a checksum over the list of mechanisms.
    @Test func aClientMaySendTheLastToken() throws {
        var script = FakeScript.kerberos
        script.progress[1] = .success(.init(token: [7], isComplete: true))
        var session = try client(FakeProvider(script: script))
        _ = try session.step(nil)
        #expect(try session.step(Fixture.serverToken) == .respond([7]))
        #expect(session.isComplete == true)
    }

    @Test(
        arguments: [
            (Policy.required, sealed, SaslSecurityLayers.confidentiality),
            (Policy.required, sealed.subtracting(.confidentiality), .integrity),
            (Policy(preference: [.integrity]), sealed, .integrity),
            (Policy(preference: [.integrity, .none]), [.mutualAuthentication], .none), (Policy.none, sealed, .none),
        ] as [(Policy, GSSContextFlags, SaslSecurityLayers)])
    func theFlagsAreTheLayer(policy: Policy, granted: GSSContextFlags, layer: SaslSecurityLayers) throws {
        var script = FakeScript.kerberos
        script.granted = granted
        let provider = FakeProvider(script: script)
        let log = provider.log
        var session = try client(provider, policy: policy)
        _ = try session.step(nil)
        _ = try session.step(Fixture.serverToken)
        #expect(try session.makeSecurityLayer().protection == layer)
        #expect(log.entries.flags[0].contains(.confidentiality) == (policy == .required))
    }

    @Test(
        arguments: [
            (Policy.required, sealed.subtracting(.mutualAuthentication), SaslError.Code.serverNotProven),
            (.requiredConfidentiality, sealed.subtracting(.confidentiality), .securityLayer),
            (.required, [.mutualAuthentication], .securityLayer),
            (.required, sealed.subtracting(.sequenceDetection), .securityLayer),
        ] as [(Policy, GSSContextFlags, SaslError.Code)])
    func aClientRefuses(policy: Policy, granted: GSSContextFlags, code: SaslError.Code) throws {
        var script = FakeScript.kerberos
        script.granted = granted
        let provider = FakeProvider(script: script)
        let log = provider.log
        var session = try client(provider, policy: policy)
        _ = try session.step(nil)
        let error = #expect(throws: SaslError.self) { try session.step(Fixture.serverToken) }
        #expect(error?.code == code)
        #expect(session.isComplete == false)
        #expect(log.entries.released == log.entries.made)
    }

    @Test(arguments: [[], [[.integrity, .confidentiality]]] as [[SaslSecurityLayers]])
    func policiesThatCannotBe(preference: [SaslSecurityLayers]) {
        let error = #expect(throws: SaslError.self) {
            _ = try client(FakeProvider(script: .kerberos), policy: Policy(preference: preference))
        }
        #expect(error?.code == .invalidConfiguration)
    }

    // MARK: - Server

    private func server(
        _ provider: FakeAcceptor, layers: SaslSecurityLayers = [.integrity, .confidentiality],
        binding: GSSAPIServerMechanism.ChannelBinding = .none
    ) throws -> SaslServerSession {
        try SaslServerSession(SPNEGOServerMechanism(provider: provider, layers: layers, channelBinding: binding))
    }

    private static var acceptor: FakeAcceptor { FakeAcceptor(script: GSSAPIServerTests.Server.script) }

    @Test func aServerSucceedsWithItsToken() throws {
        let provider = Self.acceptor
        let log = provider.log
        var session = try server(provider)
        guard case .success(let identity, let data) = try session.step([1]) else {
            Issue.record("no success")
            return
        }
        #expect(identity.authenticationIdentity == "ann@EXAMPLE.COM" && data == Array("AP-REP".utf8))
        #expect(try session.makeSecurityLayer().protection == .confidentiality)
        #expect(log.entries.bindings == [nil])
    }

    @Test(
        arguments: [
            (sealed, SaslSecurityLayers.none, SaslError.Code.securityLayer),
            (sealed.subtracting([.integrity, .confidentiality]), .confidentiality, .securityLayer),
            (sealed.subtracting(.sequenceDetection), .confidentiality, .securityLayer),
        ] as [(GSSContextFlags, SaslSecurityLayers, SaslError.Code)])
    func aServerRefuses(granted: GSSContextFlags, layers: SaslSecurityLayers, code: SaslError.Code) throws {
        var script = GSSAPIServerTests.Server.script
        script.granted = granted
        let provider = FakeAcceptor(script: script)
        let log = provider.log
        var session = try server(provider, layers: layers)
        let error = #expect(throws: SaslError.self) { try session.step([1]) }
        #expect(error?.code == code)
        #expect(session.identity == nil)
        #expect(log.entries.released == log.entries.made)
    }

    @Test func aServerThatDemandsBindingsLooksForThem() throws {
        let binding = SaslChannelBinding(.tlsServerEndPoint, data: [1])
        var session = try server(Self.acceptor, binding: .required(binding))
        let error = #expect(throws: SaslError.self) { try session.step([1]) }
        #expect(error?.code == .channelBinding)
        var script = GSSAPIServerTests.Server.script
        script.granted = Self.sealed.union(.channelBound)
        session = try server(FakeAcceptor(script: script), binding: .required(binding))
        guard case .success = try session.step([1]) else {
            Issue.record("no success")
            return
        }
    }

    @Test func aNameThatIsNotThereAndAClientThatGoesOn() throws {
        var script = GSSAPIServerTests.Server.script
        script.initiator = ""
        var session = try server(FakeAcceptor(script: script))
        let error = #expect(throws: SaslError.self) { try session.step([1]) }
        #expect(error?.code == .credentialsRejected)
        session = try server(Self.acceptor)
        _ = try session.step([1])
        #expect(throws: SaslError.self) { try session.step([1]) }
        #expect(session.identity == nil)
    }
}
