import GSSCore
import SASL
import SASLGSSAPI
import Testing

/// The server's offer of security layers and the client's answer (RFC 4752 section 3.1, second half).
@Suite struct GSSAPIOfferTests {
    @Test(arguments: [0, 1, 2, 3, 5, 8, 4096])
    func anOfferHasFourOctets(length: Int) throws {
        var fixture = try Fixture(policy: .allowed)
        try fixture.establish()
        let offer = fixture.wrapped(
            Array([1, 0, 0, 0, 0].prefix(length)) + Array(repeating: 0, count: max(0, length - 5)))
        let gssapi = fixture.gssapi
        let error = fixture.expectFailure(.securityLayer, of: offer)
        #expect(error?.message.contains("has \(length) octets instead of 4") == true)
        #expect(gssapi?.grantedFlags != nil)
        #expect(gssapi?.offer == nil)
    }

    @Test(
        arguments: [0, 2, 4, 6, 8, 0x80, 0xfe] as [UInt8],
        [Policy.none, Policy(preference: [.none], toleratesSizeWithoutLayer: true)])
    func withoutTheBitForNoneThereIsNoneToChoose(mask: UInt8, policy: Policy) throws {
        var fixture = try Fixture(policy: policy)
        try fixture.establish()
        let layers = SaslSecurityLayers(rawValue: mask)
        let error = fixture.expectFailure(.securityLayer, of: fixture.offer(layers))
        #expect(
            error?.message == "the server offers the security layers \(layers); this client accepts none")
    }

    /// A client must not fail over bits that it does not know.
    @Test(arguments: [0x09, 0x81, 0xf9, 0xff] as [UInt8])
    func unknownBitsArePassedOver(mask: UInt8) throws {
        var fixture = try Fixture()
        try fixture.establish()
        #expect(try fixture.answer(to: fixture.offer(.init(rawValue: mask))).bytes.prefix(4) == [1, 0, 0, 0])
        #expect(fixture.gssapi?.offer?.layers.rawValue == mask)
    }

    /// RFC 4752 has 0 where no layer is offered; some servers send all ones.
    @Test(
        arguments: [1, 0x100, 0x1_0000, 0xff_ffff] as [UInt32], [SaslSecurityLayers.none, [.none, .init(rawValue: 8)]])
    func aSizeWithoutALayer(size: UInt32, layers: SaslSecurityLayers) throws {
        var strict = try Fixture()
        try strict.establish()
        let error = strict.expectFailure(.sizeWithoutLayer, of: strict.offer(layers, size: size))
        #expect(error?.message.contains("\(size) bytes") == true)
        #expect(error?.message.contains("toleratesSizeWithoutLayer") == true)

        var tolerant = try Fixture(policy: Policy(preference: [.none], toleratesSizeWithoutLayer: true))
        try tolerant.establish()
        // The size is never echoed.
        #expect(try tolerant.answer(to: tolerant.offer(layers, size: size)).bytes.prefix(4) == [1, 0, 0, 0])
        #expect(tolerant.gssapi?.offer?.maximumLength == size)
    }

    /// With a layer on offer a size is allowed, and still not echoed by a client that takes none.
    @Test(arguments: [[.none, .integrity], [.none, .confidentiality], .all] as [SaslSecurityLayers])
    func aSizeWithALayerThatIsNotTaken(layers: SaslSecurityLayers) throws {
        var fixture = try Fixture()
        try fixture.establish()
        #expect(try fixture.answer(to: fixture.offer(layers, size: 0x01_02_03)).bytes.prefix(4) == [1, 0, 0, 0])
        #expect(fixture.gssapi?.offer?.maximumLength == 0x01_02_03)
    }

    // MARK: - Protection of the offer

    @Test func anEncryptedOfferIsRefused() throws {
        var fixture = try Fixture(policy: .allowed)
        try fixture.establish()
        let error = fixture.expectFailure(.securityLayer, of: fixture.wrapped([1, 0, 0, 0], confidential: true))
        #expect(error?.message.contains("encrypted") == true)
    }

    enum Forgery: CaseIterable, Sendable {
        case anotherKey, notWrapped, empty, changedMask, changedChecksum, cutShort, reflected

        func bytes(_ fixture: inout Fixture) -> [UInt8] {
            switch self {
            case .anotherKey:
                fixture.server.key ^= 1
                return fixture.offer(.none)
            case .notWrapped: return [1, 0, 0, 0]
            case .empty: return []
            case .changedMask:
                var offer = fixture.offer([.integrity, .confidentiality])
                offer[FakeProtection.overhead] = 1
                return offer
            case .changedChecksum:
                var offer = fixture.offer(.none)
                offer[6] ^= 0x10
                return offer
            case .cutShort: return fixture.offer(.none).dropLast()
            case .reflected:
                // As the client itself would wrap it.
                var client = FakeProtection(key: fixture.server.key, isInitiator: true)
                return client.wrap([1, 0, 0, 0], confidential: false).bytes
            }
        }
    }

    @Test(arguments: Forgery.allCases)
    func aForgedOfferIsRefused(_ forgery: Forgery) throws {
        var fixture = try Fixture()
        try fixture.establish()
        let error = fixture.expectFailure(.securityLayer, of: forgery.bytes(&fixture))
        #expect((error?.underlying as? GSSError)?.call == "fake_unwrap")
    }

    @Test func anOfferOutOfSequenceIsRefused() throws {
        var fixture = try Fixture()
        try fixture.establish()
        _ = fixture.offer(.none)
        let error = fixture.expectFailure(.securityLayer, of: fixture.offer(.none))
        #expect(error?.message.contains("out of order") == true)
    }

    // MARK: - The answer

    @Test(
        arguments: [
            (.text("ann@EXAMPLE.COM"), "ann@EXAMPLE.COM"), (.text("zoë@BEISPIEL.DE"), "zoë@BEISPIEL.DE"),
            (.text(""), ""), (.authenticatedName, "ann@EXAMPLE.COM"), (.derived, ""),
        ] as [(AuthorizationIdentity, String)])
    func theAnswerEndsInTheAuthorizationIdentity(identity: AuthorizationIdentity, text: String) throws {
        var fixture = try Fixture(as: identity)
        try fixture.establish()
        let answer = try fixture.answer(to: fixture.offer(.none))
        #expect(answer.bytes == [1, 0, 0, 0] + Array(text.utf8))
        #expect(!answer.isConfidential)
        #expect(answer.information.isEmpty)
    }

    struct Choice: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var policy: Policy
        var offered: SaslSecurityLayers
        /// `nil` is a refusal.
        var chosen: SaslSecurityLayers?
        /// Whether the context has encryption.
        var hasConfidentiality = true
    }

    private static let choices: [Choice] = [
        Choice(testDescription: "the strongest of all", policy: .allowed, offered: .all, chosen: .confidentiality),
        Choice(
            testDescription: "no encryption on offer", policy: .allowed, offered: [.none, .integrity],
            chosen: .integrity),
        Choice(testDescription: "nothing on offer", policy: .allowed, offered: .none, chosen: SaslSecurityLayers.none),
        Choice(
            testDescription: "no encryption in the context", policy: .allowed, offered: .all, chosen: .integrity,
            hasConfidentiality: false),
        Choice(
            testDescription: "only an encryption that the context lacks", policy: .allowed, offered: .confidentiality,
            chosen: nil, hasConfidentiality: false),
        Choice(testDescription: "required", policy: .required, offered: .all, chosen: .confidentiality),
        Choice(
            testDescription: "required, integrity is enough", policy: .required, offered: [.none, .integrity],
            chosen: .integrity),
        Choice(testDescription: "required but not offered", policy: .required, offered: .none, chosen: nil),
        Choice(
            testDescription: "encryption required, integrity offered", policy: .requiredConfidentiality,
            offered: [.none, .integrity], chosen: nil),
        Choice(
            testDescription: "encryption required but not in the context", policy: .requiredConfidentiality,
            offered: .all, chosen: nil, hasConfidentiality: false),
        Choice(
            testDescription: "the preference decides, not the strength",
            policy: Policy(preference: [.none, .confidentiality]), offered: .all, chosen: SaslSecurityLayers.none),
        Choice(
            testDescription: "the second preference", policy: Policy(preference: [.integrity, .confidentiality]),
            offered: [.none, .confidentiality], chosen: .confidentiality),
        Choice(
            testDescription: "a layer that is not acceptable", policy: Policy(preference: [.integrity]),
            offered: [.none, .confidentiality], chosen: nil),
    ]

    @Test(arguments: choices)
    func chooses(_ choice: Choice) throws {
        var script = FakeScript.kerberos
        script.granted = [.mutualAuthentication, .integrity]
        if choice.hasConfidentiality { script.granted?.insert(.confidentiality) }
        var fixture = try Fixture(script, policy: choice.policy)
        try fixture.establish()
        let hasLayer = !choice.offered.isDisjoint(with: [.integrity, .confidentiality])
        let offer = fixture.offer(choice.offered, size: hasLayer ? 0x1000 : 0)
        guard let chosen = choice.chosen else {
            fixture.expectFailure(.securityLayer, of: offer)
            return
        }
        let answer = try fixture.answer(to: offer)
        let size: [UInt8] = chosen == .none ? [0, 0, 0] : [0x01, 0x00, 0x00]
        #expect(answer.bytes == [chosen.rawValue] + size + Array(Fixture.authorizationIdentity.utf8))
        // The answer is never encrypted, whatever layer follows.
        #expect(!answer.isConfidential)
        #expect(try fixture.session.makeSecurityLayer().protection == chosen)
    }

    @Test(
        arguments: [
            (14, [0, 0, 14]), (0xff, [0, 0, 0xff]), (0x01_02_03, [1, 2, 3]), (0xff_ffff, [0xff, 0xff, 0xff]),
        ] as [(UInt32, [UInt8])])
    func theOwnMaximumHasTwentyFourBits(size: UInt32, octets: [UInt8]) throws {
        var fixture = try Fixture(policy: Policy(preference: [.integrity], maximumReceiveLength: size))
        try fixture.establish()
        let answer = try fixture.answer(to: fixture.offer(.integrity, size: 0xff_ffff))
        #expect(answer.bytes == [2] + octets + Array(Fixture.authorizationIdentity.utf8))
        #expect(try fixture.session.makeSecurityLayer().maximumCiphertextLength == Int(size))
    }
}
