import GSSCore
import GSSKerberos
import KerberosTestKit
import SASL
import SASLGSSAPI
import TestSupport
import Testing

/// Channel bindings, SPNEGO, and delegated credentials.
@Suite struct BindingTests {
    /// The tokens of both sides until both are established.
    static func establish(
        _ initiator: GSSInitiatorRequest, _ acceptor: GSSAcceptorRequest, _ fixture: RealmFixture,
        as credential: KerberosCredential? = nil, accepting: KerberosCredential? = nil
    ) throws(GSSError) -> (initiator: GSSEstablishedContext, acceptor: GSSEstablishedContext) {
        let store = KerberosCredentialStore(keytab: fixture.keytab, replayCache: "none:")
        let server = if let accepting { accepting } else { try KerberosCredential(usage: .accept, store: store) }
        var pending: GSSPendingContext? = try KerberosProvider(credential: credential).makeInitiator(initiator)
        var accepted: GSSPendingContext? = try KerberosProvider(credential: server).makeAcceptor(acceptor)
        var (client, service): (GSSEstablishedContext?, GSSEstablishedContext?)
        var token: [UInt8]?
        for _ in 0..<6 {
            if let context = pending.take() {
                switch try context.step(token) {
                case .pending(let next, let send):
                    pending = consume next
                    token = send
                case .established(let context, let send): (client, token) = (context, send)
                }
            }
            if let context = accepted.take() {
                switch try context.step(token) {
                case .pending(let next, let send):
                    accepted = consume next
                    token = send
                case .established(let context, let send): (service, token) = (context, send)
                }
            }
            if let client, let service { return (client, service) }
        }
        throw GSSError(call: "test", major: GSSMajorStatus(.failure), majorMessages: ["no context in six rounds"])
    }

    private static let target = GSSName.service("mongodb", host: "localhost")
    private static let flags: GSSContextFlags = [.mutualAuthentication, .integrity, .confidentiality]

    private static func bindings(_ text: String?) -> GSSChannelBindings? {
        text.map { GSSChannelBindings(applicationData: Array($0.utf8)) }
    }

    /// An initiator without bindings is accepted, and that is visible; one with others is refused.
    @Test(arguments: [GSSObjectIdentifier.kerberos5, .spnego])
    func contextsAreTiedToAChannel(mechanism: GSSObjectIdentifier) async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, mechanism = mechanism.derContents as [UInt8]] in
            fixture.enter()
            let mechanism = GSSObjectIdentifier(derContents: mechanism)
            func run(_ client: String?, _ server: String?) throws -> GSSEstablishedContext {
                try BindingTests.establish(
                    GSSInitiatorRequest(
                        target: BindingTests.target, flags: BindingTests.flags, mechanism: mechanism,
                        channelBindings: BindingTests.bindings(client)),
                    GSSAcceptorRequest(channelBindings: BindingTests.bindings(server)), fixture,
                    accepting: try KerberosCredential(
                        usage: .accept, store: .init(keytab: fixture.keytab, replayCache: "none:"),
                        mechanisms: [mechanism])
                ).acceptor
            }
            let bound = try run("tls-server-end-point:x", "tls-server-end-point:x")
            #expect(bound.flags.contains(.channelBound))
            #expect(try !run(nil, "tls-server-end-point:x").flags.contains(.channelBound))
            #expect(try !run("tls-server-end-point:x", nil).flags.contains(.channelBound))
            for other in ["tls-server-end-point:y", "", "tls-exporter:x"] {
                let error = #expect(throws: GSSError.self) { try run(other, "tls-server-end-point:x") }
                #expect(error?.call == "gss_accept_sec_context", "\(error.map { "\($0)" } ?? "")")
            }
        }
    }

    /// SPNEGO with Kerberos inside, and an acceptor that is told which mechanism it must be.
    @Test func anAcceptorIsRestrictedToMechanisms() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            func run(_ client: GSSObjectIdentifier, _ server: GSSObjectIdentifier?) throws {
                let (initiator, acceptor) = try BindingTests.establish(
                    GSSInitiatorRequest(target: BindingTests.target, flags: BindingTests.flags, mechanism: client),
                    GSSAcceptorRequest(mechanism: server), fixture)
                #expect(try acceptor.initiatorName() == fixture.ann)
                let sealed = try initiator.wrap([1, 2, 3], confidential: true)
                #expect(try acceptor.unwrap(sealed.bytes).bytes == [1, 2, 3])
            }
            try run(.kerberos5, .kerberos5)
            try run(.spnego, .spnego)
            try run(.kerberos5, nil)
            // The credential of the fixture is one of Kerberos only.
            #expect(throws: GSSError.self) { try run(.spnego, nil) }
            #expect(throws: GSSError.self) { try run(.spnego, .kerberos5) }
        }
    }

    /// The first token says SPNEGO, and offers Kerberos only: no NTLM, whatever this machine has.
    @Test func spnegoOffersKerberosOnly() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let credential = try KerberosCredential(mechanisms: [.spnego])
            let context = try KerberosProvider(credential: credential).makeInitiator(
                GSSInitiatorRequest(target: BindingTests.target, flags: BindingTests.flags, mechanism: .spnego))
            guard case .pending(_, let token?) = try context.step(nil) else {
                Issue.record("no first token")
                return
            }
            func contains(_ identifier: [UInt8]) -> Bool {
                token.indices.contains { token[$0...].starts(with: identifier) }
            }
            #expect(contains([0x06, 6] + GSSObjectIdentifier.spnego.derContents))
            #expect(contains(GSSObjectIdentifier.kerberos5.derContents))
            // 1.3.6.1.4.1.311.2.2.10
            #expect(!contains([0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a]))
        }
    }

    /// A delegated credential lets the server act as the client elsewhere; without a request nothing is delegated.
    @Test func aCredentialIsHandedOver() async throws {
        let shared = try await SharedRealm.shared
        let cache = try await shared.realm.makeCache(shared.ann, keytab: shared.annKeytab, options: ["-f"])
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, cache = cache as String] in
            fixture.enter()
            let ann = try KerberosCredential(store: .init(cache: cache))
            func run(_ flags: GSSContextFlags, as credential: KerberosCredential) throws
                -> GSSEstablishedContext
            {
                try BindingTests.establish(
                    GSSInitiatorRequest(target: BindingTests.target, flags: flags), GSSAcceptorRequest(), fixture,
                    as: credential
                ).acceptor
            }
            #expect(try run(BindingTests.flags, as: ann).delegatedCredential == nil)
            // Not forwardable: the library silently omits it.
            let plain = try run(BindingTests.flags.union(.delegation), as: KerberosCredential())
            #expect(plain.delegatedCredential == nil && !plain.flags.contains(.delegation))

            let context = try run(BindingTests.flags.union(.delegation), as: ann)
            #expect(context.flags.contains(.delegation))
            let handed = try #require(context.delegatedCredential as? KerberosCredential)
            #expect(try handed.inquire().principal == fixture.ann)
            let onward = try run(BindingTests.flags, as: handed)
            #expect(try onward.initiatorName() == fixture.ann)
            try handed.copyTickets(to: "MEMORY:handed-over")
            let copy = try KerberosCredential(store: .init(cache: "MEMORY:handed-over"))
            #expect(try run(BindingTests.flags, as: copy).initiatorName() == fixture.ann)
        }
    }

    // MARK: - Through the mechanism of SASL

    @Test func theMechanismsHoldTheirBindingsAgainstEachOther() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let store = KerberosCredentialStore(keytab: fixture.keytab, replayCache: "none:")
            let service = KerberosProvider(credential: try KerberosCredential(usage: .accept, store: store))
            func run(_ client: SaslChannelBinding?, _ server: GSSAPIServerMechanism.ChannelBinding) throws
                -> String
            {
                var client = try SaslSession(
                    GSSAPIMechanism(
                        provider: KerberosProvider(), target: BindingTests.target,
                        authorizationIdentity: .authenticatedName, channelBinding: client))
                var server = try SaslServerSession(
                    GSSAPIServerMechanism(provider: service, channelBinding: server))
                var challenge: [UInt8]?
                for _ in 0..<4 {
                    guard case .respond(let response) = try client.step(challenge) else { return "" }
                    switch try server.step(response) {
                    case .challenge(let next): challenge = next
                    case .success(let identity, _): return identity.authorizationIdentity
                    }
                }
                return ""
            }
            let (right, wrong) = (
                SaslChannelBinding(.tlsServerEndPoint, data: [1]), SaslChannelBinding(.tlsServerEndPoint, data: [2])
            )
            for server: GSSAPIServerMechanism.ChannelBinding in [.accepted(right), .required(right)] {
                #expect(try run(right, server) == fixture.ann)
                let error = #expect(throws: SaslError.self) { try run(wrong, server) }
                #expect(error?.code == .credentialsRejected)
            }
            #expect(try run(nil, .accepted(right)) == fixture.ann)
            #expect(try run(right, .none) == fixture.ann)
            let error = #expect(throws: SaslError.self) { try run(nil, .required(right)) }
            #expect(error?.code == .channelBinding)
        }
    }

    @Test func theMechanismHandsOverOrFails() async throws {
        let shared = try await SharedRealm.shared
        let cache = try await shared.realm.makeCache(shared.ann, keytab: shared.annKeytab, options: ["-f"])
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, cache = cache as String] in
            fixture.enter()
            let store = KerberosCredentialStore(keytab: fixture.keytab, replayCache: "none:")
            let service = KerberosProvider(credential: try KerberosCredential(usage: .accept, store: store))
            func run(_ provider: KerberosProvider) throws -> (any GSSDelegatedCredential)? {
                var client = try SaslSession(
                    GSSAPIMechanism(provider: provider, target: BindingTests.target, delegatesCredential: true))
                let server = try GSSAPIServerMechanism(provider: service).makeExchange()
                var challenge: [UInt8]?
                for _ in 0..<4 {
                    guard case .respond(let response) = try client.step(challenge) else { return nil }
                    switch try server.step(response) {
                    case .challenge(let next): challenge = next
                    case .authenticated: return server.delegatedCredential
                    }
                }
                return nil
            }
            let forwardable = KerberosProvider(credential: try KerberosCredential(store: .init(cache: cache)))
            let handed = try run(forwardable) as? KerberosCredential
            #expect(try handed?.inquire().principal == fixture.ann)
            let error = #expect(throws: SaslError.self) { try run(KerberosProvider()) }
            #expect(error?.code == .mechanismFailure && error?.message.contains("forwardable") == true)
        }
    }

    /// GSS-SPNEGO from its first token to messages in both directions.
    @Test(arguments: [SaslSecurityLayers.none, .integrity, .confidentiality])
    func spnegoAsAMechanism(layer: SaslSecurityLayers) async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) {
            [fixture = fixture as RealmFixture, layer = layer.rawValue as UInt8] in
            fixture.enter()
            let layer = SaslSecurityLayers(rawValue: layer)
            let store = KerberosCredentialStore(keytab: fixture.keytab, replayCache: "none:")
            let service = KerberosProvider(credential: try KerberosCredential(usage: .accept, store: store))
            let binding = SaslChannelBinding(.tlsServerEndPoint, data: [1])
            var client = try SaslSession(
                SPNEGOMechanism(
                    provider: KerberosProvider(credential: try KerberosCredential()), target: BindingTests.target,
                    securityLayer: .init(preference: [layer]), channelBinding: binding))
            var server = try SaslServerSession(
                SPNEGOServerMechanism(provider: service, layers: .all, channelBinding: .required(binding)))
            var challenge: [UInt8]?
            var hasSucceeded = false
            while !(client.isComplete && hasSucceeded) {
                guard case .respond(let response) = try client.step(challenge) else { break }
                switch try server.step(response) {
                case .challenge(let next): challenge = next
                case .success(let identity, let data):
                    #expect(identity.authenticationIdentity == fixture.ann)
                    hasSucceeded = true
                    challenge = data
                }
            }
            let isComplete = client.isComplete
            #expect(isComplete && hasSucceeded)
            let (near, far) = (try client.makeSecurityLayer(), try server.makeSecurityLayer())
            #expect(near.protection == layer && far.protection == layer)
            for (one, other) in [(near, far), (far, near)] {
                for message in [[], [1], [UInt8](repeating: 7, count: 60_000)] as [[UInt8]] {
                    #expect(try other.unwrap(try one.wrap(message)) == message)
                }
            }
        }
    }
}
