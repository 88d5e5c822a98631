import GSSCore
import GSSKerberos
import SASL
import SASLGSSAPI
import TestSupport
import Testing

/// The mechanism GSSAPI over MIT Kerberos, against an acceptor of the same library: what MongoDB does not use of it.
@Suite struct GSSAPILayerTests {
    /// A complete exchange and its acceptor.
    private struct Conversation {
        var exchange: any SaslExchange
        var acceptor: GSSEstablishedContext
        /// The client's last message, unwrapped.
        var answer: [UInt8]

        /// - Parameter offer: Four octets: the layers, and how much the acceptor receives.
        init(_ fixture: RealmFixture, _ policy: GSSAPIMechanism.SecurityLayerPolicy, offer: [UInt8]) throws {
            let mechanism = GSSAPIMechanism(
                provider: KerberosProvider(), target: .service("mongodb", host: "localhost"),
                authorizationIdentity: .authenticatedName, securityLayer: policy)
            exchange = try mechanism.makeExchange()
            let proof: [UInt8]?
            (acceptor, proof) = try fixture.accept(Self.response(try exchange.step(nil)))
            #expect(try exchange.step(proof) == .respond([]))
            let wrapped = try acceptor.wrap(offer, confidential: false).bytes
            let last = try acceptor.unwrap(Self.response(try exchange.step(wrapped)))
            #expect(!last.isConfidential)
            answer = last.bytes
            #expect(exchange.isComplete)
            #expect(try exchange.step(nil) == .done)
        }

        private static func response(_ step: SaslStep) throws -> [UInt8] {
            guard case .respond(let response) = step else { throw TestSupportError("the client has nothing to send") }
            return response
        }
    }

    @Test(arguments: [SaslSecurityLayers.integrity.rawValue, SaslSecurityLayers.confidentiality.rawValue])
    func aLayerProtectsBothWays(mask: UInt8) async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture, mask = mask as UInt8] in
            fixture.enter()
            let protection = SaslSecurityLayers(rawValue: mask)
            let isConfidential = protection == .confidentiality
            let conversation = try Conversation(
                fixture, .init(preference: [protection], maximumReceiveLength: 0x01_0203), offer: [7, 0x00, 0x20, 0x00])
            #expect(conversation.answer == [mask, 1, 2, 3] + Array(fixture.ann.utf8))

            let layer = try conversation.exchange.makeSecurityLayer()
            #expect(layer.protection == protection)
            #expect(layer.maximumCiphertextLength == 0x01_0203)
            #expect((1..<0x2000).contains(layer.maximumPlaintextLength))

            for size in [0, 1, 1000, layer.maximumPlaintextLength] {
                let message = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
                let sent = try layer.wrap(message)
                #expect(sent.count <= 0x2000)
                let received = try conversation.acceptor.unwrap(sent)
                #expect(received.bytes == message)
                #expect(received.isConfidential == isConfidential)
                #expect(
                    try layer.unwrap(conversation.acceptor.wrap(message, confidential: isConfidential).bytes) == message
                )
            }
            let error = #expect(throws: SaslError.self) {
                try layer.wrap([UInt8](repeating: 0, count: layer.maximumPlaintextLength + 1))
            }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func aLayerRefusesWhatIsNotProtectedAsAgreed() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let conversation = try Conversation(fixture, .requiredConfidentiality, offer: [4, 0, 0xFF, 0xFF])
            let layer = try conversation.exchange.makeSecurityLayer()
            let acceptor = conversation.acceptor

            var changed = try acceptor.wrap([1, 2, 3], confidential: true).bytes
            changed[changed.count - 1] ^= 1
            let replayed = try acceptor.wrap([4], confidential: true).bytes
            _ = try? layer.unwrap(replayed)
            let readable = try acceptor.wrap([5], confidential: false).bytes
            for (name, bytes) in [("changed", changed), ("replayed", replayed), ("readable", readable), ("empty", [])] {
                let error = #expect(throws: SaslError.self, "\(name)") { try layer.unwrap(bytes) }
                #expect(error?.code == .securityLayer, "\(name)")
            }
            let error = #expect(throws: SaslError.self) {
                try layer.unwrap([UInt8](repeating: 0, count: layer.maximumCiphertextLength + 1))
            }
            #expect(error?.code == .tooLarge)
        }
    }

    /// By preference, out of what is offered.
    @Test func theStrongestLayerIsChosen() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            for (offered, chosen): (UInt8, UInt8) in [(7, 4), (3, 2), (6, 4), (2, 2), (5, 4)] {
                let conversation = try Conversation(fixture, .allowed, offer: [offered, 0, 0xFF, 0xFF])
                #expect(conversation.answer.first == chosen, "offered: \(offered)")
            }
            let none = try Conversation(fixture, .allowed, offer: [1, 0, 0, 0])
            #expect(none.answer == [1, 0, 0, 0] + Array(fixture.ann.utf8))
            #expect(try none.exchange.makeSecurityLayer().protection == .none)
        }
    }

    /// With no layer the answer names no size, whatever the server's.
    @Test func noLayerNamesNoSize() async throws {
        let fixture = try await RealmFixture.shared()
        await #expect(processExitsWith: .success) { [fixture = fixture as RealmFixture] in
            fixture.enter()
            let conversation = try Conversation(fixture, .none, offer: [7, 0xFF, 0xFF, 0xFF])
            #expect(conversation.answer == [1, 0, 0, 0] + Array(fixture.ann.utf8))

            let tolerant = GSSAPIMechanism.SecurityLayerPolicy(preference: [.none], toleratesSizeWithoutLayer: true)
            let tolerated = try Conversation(fixture, tolerant, offer: [1, 0xFF, 0xFF, 0xFF])
            #expect(tolerated.answer == [1, 0, 0, 0] + Array(fixture.ann.utf8))
        }
    }
}
