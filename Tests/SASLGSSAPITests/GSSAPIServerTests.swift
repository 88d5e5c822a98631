import GSSCore
import SASL
import SASLGSSAPI
import Testing

/// RFC 4752's server, with clients that keep the rules and clients that break each of them.
@Suite struct GSSAPIServerTests {
    /// A server's session over a scripted context, and the client at its other end.
    struct Server: ~Copyable {
        let log: FakeLog
        var session: SaslServerSession
        var client: FakeProtection

        /// The last token is the server's, as with Kerberos and mutual authentication.
        static let script = FakeScript(progress: [.success(.init(token: Array("AP-REP".utf8), isComplete: true))])

        init(
            _ script: FakeScript = Self.script, layers: SaslSecurityLayers = .none, maximum: UInt32 = 500,
            error: GSSError? = nil,
            authorize: @escaping SaslAuthorizer = SaslAuthentication.onlyAsOneself
        ) throws {
            let provider = FakeAcceptor(script: script, error: error)
            log = provider.log
            session = try SaslServerSession(
                GSSAPIServerMechanism(provider: provider, layers: layers, maximumReceiveLength: maximum),
                authorize: authorize)
            client = FakeProtection(key: script.key, isInitiator: true)
        }

        /// Brings the exchange to its offer, and gives what that says.
        mutating func offer() throws -> GSSUnwrappedMessage {
            #expect(try session.step(Array("AP-REQ".utf8)) == .challenge(Array("AP-REP".utf8)))
            guard case .challenge(let offer) = try session.step([]) else {
                Issue.record("no offer")
                return GSSUnwrappedMessage(bytes: [], isConfidential: false)
            }
            return try client.unwrap(offer)
        }

        mutating func choice(
            _ layer: UInt8, size: UInt32 = 0, _ identity: [UInt8] = [], confidential: Bool = false
        ) -> [UInt8] {
            let octets = [
                layer, UInt8(truncatingIfNeeded: size >> 16), UInt8(truncatingIfNeeded: size >> 8),
                UInt8(truncatingIfNeeded: size),
            ]
            return client.wrap(octets + identity, confidential: confidential).bytes
        }

        /// A step fails as expected, and leaves nothing behind.
        mutating func expectFailure(
            _ code: SaslError.Code, _ response: [UInt8]?, sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let error = #expect(throws: SaslError.self, sourceLocation: sourceLocation) { try session.step(response) }
            #expect(error?.code == code, "\(String(describing: error))", sourceLocation: sourceLocation)
            let later = #expect(throws: SaslError.self, sourceLocation: sourceLocation) { try session.step([]) }
            #expect(later?.code == .poisoned, sourceLocation: sourceLocation)
            #expect(session.identity == nil, sourceLocation: sourceLocation)
            let entries = log.entries
            #expect(entries.released == entries.made, "the context is still held", sourceLocation: sourceLocation)
        }
    }

    @Test func theWholeWay() throws {
        var server = try Server()
        #expect(try server.session.step(nil) == .challenge([]))
        let offer = try server.offer()
        #expect(offer.bytes == [1, 0, 0, 0] && !offer.isConfidential)
        #expect(server.session.identity == nil)
        let choice = server.choice(1, Array("ann@EXAMPLE.COM".utf8))
        guard case .success(let identity, data: nil) = try server.session.step(choice) else {
            Issue.record("no success")
            return
        }
        #expect(identity.authenticationIdentity == "ann@EXAMPLE.COM")
        #expect(identity.authorizationIdentity == "ann@EXAMPLE.COM")
        #expect(try server.session.makeSecurityLayer() is NoSecurityLayer)
        #expect(server.log.entries.tokens == [Array("AP-REQ".utf8)])
    }

    /// A context that is complete with nothing to send is followed by the offer at once; one with more rounds by each of them.
    @Test func whoeverHasTheLastToken() throws {
        var atOnce = try Server(FakeScript(progress: [.success(.init(token: nil, isComplete: true))]))
        guard case .challenge(let offer) = try atOnce.session.step([1]) else { return }
        #expect(try atOnce.client.unwrap(offer).bytes == [1, 0, 0, 0])
        var rounds = try Server(
            FakeScript(progress: [
                .success(.init(token: [1], isComplete: false)), .success(.init(token: [2], isComplete: true)),
            ]))
        #expect(try rounds.session.step([9]) == .challenge([1]))
        #expect(try rounds.session.step([8]) == .challenge([2]))
        guard case .challenge(let last) = try rounds.session.step([]) else { return }
        #expect(try rounds.client.unwrap(last).bytes == [1, 0, 0, 0])
    }

    @Test(arguments: [(.integrity, false), (.confidentiality, true)] as [(SaslSecurityLayers, Bool)])
    func layersGoBothWays(layer: SaslSecurityLayers, isConfidential: Bool) throws {
        var server = try Server(layers: .all)
        #expect(try server.offer().bytes == [7, 0, 1, 0xf4])
        _ = try server.session.step(server.choice(layer.rawValue, size: 1000))
        let own = try server.session.makeSecurityLayer()
        #expect(own.protection == layer && own.maximumPlaintextLength == 1000 - FakeProtection.overhead)
        #expect(own.maximumCiphertextLength == 500)
        let sent = try server.client.unwrap(own.wrap([1, 2, 3]))
        #expect(sent.bytes == [1, 2, 3] && sent.isConfidential == isConfidential)
        #expect(try own.unwrap(server.client.wrap([4], confidential: isConfidential).bytes) == [4])
    }

    static let granted: [(flags: GSSContextFlags, offered: UInt8)] = [
        (FakeAcceptor.allFlags, 7), (FakeAcceptor.allFlags.subtracting(.confidentiality), 3),
        (FakeAcceptor.allFlags.subtracting(.sequenceDetection), 1), ([.integrity], 1), ([], 1),
    ]

    @Test(arguments: granted)
    func onlyWhatTheContextAllowsIsOffered(flags: GSSContextFlags, offered: UInt8) throws {
        var script = Server.script
        script.granted = flags
        var server = try Server(script, layers: .all)
        let bytes = try server.offer().bytes
        #expect(bytes.first == offered && (offered != 1 || bytes == [1, 0, 0, 0]))
        var strict = try Server(script, layers: [.confidentiality])
        _ = try strict.session.step([1])
        if offered == 7 {
            #expect(throws: Never.self) { try strict.session.step([]) }
        } else {
            strict.expectFailure(.securityLayer, [])
        }
    }

    // MARK: - Hostile clients

    struct Choice: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var layer: UInt8 = 1
        var size: UInt32 = 0
        var identity: [UInt8] = []
        var confidential = false
        var code: SaslError.Code
    }

    static let choices: [Choice] = [
        Choice(testDescription: "a layer that is not offered", layer: 4, size: 100, code: .securityLayer),
        Choice(testDescription: "two layers", layer: 3, size: 100, code: .securityLayer),
        Choice(testDescription: "no layer at all", layer: 0, code: .securityLayer),
        Choice(testDescription: "an unknown layer", layer: 8, size: 100, code: .securityLayer),
        Choice(testDescription: "a size without a layer", size: 1, code: .sizeWithoutLayer),
        Choice(testDescription: "a layer without room", layer: 2, size: 3, code: .securityLayer),
        Choice(testDescription: "a layer and no size", layer: 2, size: 0, code: .securityLayer),
        Choice(testDescription: "an identity that is not UTF-8", identity: [0xff], code: .malformedResponse),
        Choice(testDescription: "an identity cut in a character", identity: [0x61, 0xc3], code: .malformedResponse),
        Choice(testDescription: "an identity with a NUL", identity: [0x61, 0, 0x62], code: .malformedResponse),
        Choice(testDescription: "an identity that ends with a NUL", identity: [0x61, 0], code: .malformedResponse),
        Choice(testDescription: "somebody else", identity: Array("eve".utf8), code: .notAuthorized),
        Choice(testDescription: "an encrypted choice", confidential: true, code: .securityLayer),
    ]

    @Test(arguments: choices)
    func aChoiceThatBreaksARule(_ choice: Choice) throws {
        var server = try Server(layers: [.none, .integrity])
        _ = try server.offer()
        server.expectFailure(
            choice.code,
            server.choice(choice.layer, size: choice.size, choice.identity, confidential: choice.confidential))
    }

    @Test func aChoiceThatIsNotGenuine() throws {
        var length = 0
        do {
            var server = try Server()
            _ = try server.offer()
            length = server.choice(1, Array("ann@EXAMPLE.COM".utf8)).count
        }
        // Each bit flipped; cut; longer; another key's; the server's own offer; sent twice.
        for bit in 0..<(length * 8) {
            var server = try Server()
            _ = try server.offer()
            var choice = server.choice(1, Array("ann@EXAMPLE.COM".utf8))
            choice[bit / 8] ^= 1 << UInt8(bit % 8)
            server.expectFailure(.securityLayer, choice)
        }
        for size in 0..<length {
            var server = try Server()
            _ = try server.offer()
            server.expectFailure(.securityLayer, Array(server.choice(1, Array("ann@EXAMPLE.COM".utf8)).prefix(size)))
        }
        var longer = try Server()
        _ = try longer.offer()
        longer.expectFailure(.securityLayer, longer.choice(1) + [0])
        var reflected = try Server()
        guard case .challenge = try reflected.session.step([1]),
            case .challenge(let offer) = try reflected.session.step([])
        else { return }
        reflected.expectFailure(.securityLayer, offer)
        var short = try Server()
        _ = try short.offer()
        short.expectFailure(.securityLayer, short.client.wrap([1, 0, 0], confidential: false).bytes)
        // A message that was there before is missing.
        var gap = try Server()
        _ = try gap.offer()
        _ = gap.choice(1)
        gap.expectFailure(.securityLayer, gap.choice(1))
    }

    @Test func theFirstMessageTwice() throws {
        var server = try Server()
        _ = try server.session.step(Array("AP-REQ".utf8))
        server.expectFailure(.unexpectedResponse, Array("AP-REQ".utf8))
    }

    @Test func theLastMessageTwice() throws {
        var server = try Server()
        _ = try server.offer()
        let choice = server.choice(1)
        _ = try server.session.step(choice)
        server.expectFailure(.unexpectedResponse, choice)
    }

    @Test func anEmptyOrMissingToken() throws {
        var empty = try Server()
        empty.expectFailure(.credentialsRejected, [])
        var missing = try Server()
        _ = try missing.session.step([1])
        missing.expectFailure(.missingResponse, nil)
    }

    @Test func errorsOfTheLibraryAreKept() throws {
        let error = GSSError(call: "gss_accept_sec_context", major: GSSMajorStatus(.noCredential))
        var none = try Server(error: error)
        none.expectFailure(.mechanismFailure, [1])
        var bad = try Server(FakeScript(progress: [.failure(error)]))
        let thrown = #expect(throws: SaslError.self) { try bad.session.step([1]) }
        #expect(thrown?.code == .credentialsRejected && thrown?.underlying as? GSSError == error)
        var script = Server.script
        script.nameError = error
        var nameless = try Server(script)
        _ = try nameless.offer()
        nameless.expectFailure(.mechanismFailure, nameless.choice(1))
        script.nameError = nil
        script.initiator = ""
        var anonymous = try Server(script)
        _ = try anonymous.offer()
        anonymous.expectFailure(.credentialsRejected, anonymous.choice(1))
    }

    @Test func whatCannotBeConfigured() {
        let provider = FakeAcceptor(script: Server.script)
        for mechanism in [
            GSSAPIServerMechanism(provider: provider, layers: []),
            GSSAPIServerMechanism(provider: provider, layers: SaslSecurityLayers(rawValue: 9)),
            GSSAPIServerMechanism(provider: provider, maximumReceiveLength: 1 << 24),
        ] {
            let error = #expect(throws: SaslError.self) { _ = try SaslServerSession(mechanism) }
            #expect(error?.code == .invalidConfiguration)
        }
    }
}
