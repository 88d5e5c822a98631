import GSSCore
import SASL
import SASLGSSAPI
import Testing

/// What follows a complete exchange (RFC 4752 section 3.3).
@Suite struct GSSAPISecurityLayerTests {
    private static let serverMaximum: UInt32 = 1_000
    private static let clientMaximum: UInt32 = 500
    private static let protecting: [SaslSecurityLayers] = [.integrity, .confidentiality]

    /// A complete exchange with one layer.
    private func complete(
        _ protection: SaslSecurityLayers, script: FakeScript = .kerberos, serverMaximum: UInt32 = Self.serverMaximum
    ) throws -> Fixture {
        var fixture = try Fixture(
            script, policy: Policy(preference: [protection], maximumReceiveLength: Self.clientMaximum))
        try fixture.establish()
        _ = try fixture.answer(to: fixture.offer(protection, size: serverMaximum))
        return fixture
    }

    @Test(arguments: protecting)
    func messagesGoBothWays(_ protection: SaslSecurityLayers) throws {
        var fixture = try complete(protection)
        let layer = try fixture.session.makeSecurityLayer()
        #expect(layer.protection == protection)
        for message in [[], [1], Array("hello, world".utf8)] as [[UInt8]] {
            let received = try fixture.server.unwrap(layer.wrap(message))
            #expect(received.bytes == message)
            #expect(received.isConfidential == (protection == .confidentiality))
            #expect(received.information.isEmpty)
            let answer = fixture.wrapped(message, confidential: protection == .confidentiality)
            #expect(try layer.unwrap(answer) == message)
        }
    }

    /// The layer, not the exchange, is what the context belongs to now.
    @Test func theLayerOutlivesItsExchange() throws {
        let log: FakeLog
        do {
            let layer: any SaslSecurityLayer
            do {
                var fixture = try complete(.integrity)
                log = fixture.log
                layer = try fixture.session.makeSecurityLayer()
            }
            #expect(log.entries.released == 0)
            #expect(try layer.wrap([1]).count == 1 + FakeProtection.overhead)
        }
        #expect(log.entries.released == 1)
    }

    /// Its keys are no longer needed. Until then it can be inspected.
    @Test func withoutALayerTheContextIsReleasedAtOnce() throws {
        var fixture = try Fixture()
        try fixture.establish()
        #expect(try fixture.gssapi?.contextInfo()?.initiatorName == "ann@EXAMPLE.COM")
        #expect(fixture.log.entries.released == 0)
        _ = try fixture.answer(to: fixture.offer(.none))
        #expect(fixture.log.entries.released == 1)
        #expect(try fixture.gssapi?.contextInfo() == nil)
        #expect(try fixture.session.makeSecurityLayer() is NoSecurityLayer)
    }

    @Test(arguments: 0...2)
    func thereIsNoLayerBeforeTheEnd(stepsBefore: Int) throws {
        var fixture = try Fixture(policy: .required)
        if stepsBefore > 0 { _ = try fixture.session.step(nil) }
        if stepsBefore > 1 { _ = try fixture.session.step(Fixture.serverToken) }
        let error = #expect(throws: SaslError.self) { try fixture.session.makeSecurityLayer() }
        #expect(error?.code == .incomplete)
        // A call too early has no effect.
        if stepsBefore < 1 { _ = try fixture.session.step(nil) }
        if stepsBefore < 2 { _ = try fixture.session.step(Fixture.serverToken) }
        #expect(try fixture.answer(to: fixture.offer(.integrity, size: 100)).bytes.first == 2)
    }

    // MARK: - Sizes

    @Test(arguments: protecting)
    func nothingLongerThanThePeerReceivesIsSent(_ protection: SaslSecurityLayers) throws {
        var fixture = try complete(protection)
        let layer = try fixture.session.makeSecurityLayer()
        let maximum = Int(Self.serverMaximum) - FakeProtection.overhead
        #expect(layer.maximumPlaintextLength == maximum)
        #expect(try layer.wrap(Array(repeating: 1, count: maximum)).count == Int(Self.serverMaximum))
        let error = #expect(throws: SaslError.self) { try layer.wrap(Array(repeating: 1, count: maximum + 1)) }
        #expect(error?.code == .tooLarge)
    }

    @Test(arguments: protecting)
    func nothingLongerThanWeAnnouncedIsTaken(_ protection: SaslSecurityLayers) throws {
        var fixture = try complete(protection)
        let layer = try fixture.session.makeSecurityLayer()
        let maximum = Int(Self.clientMaximum)
        #expect(layer.maximumCiphertextLength == maximum)
        let isConfidential = protection == .confidentiality
        let longest = Array(repeating: UInt8(1), count: maximum - FakeProtection.overhead)
        #expect(try layer.unwrap(fixture.wrapped(longest, confidential: isConfidential)) == longest)
        let tooLong = fixture.wrapped(longest + [1], confidential: isConfidential)
        let error = #expect(throws: SaslError.self) { try layer.unwrap(tooLong) }
        #expect(error?.code == .tooLarge)
    }

    @Test(arguments: [0, 1, UInt32(FakeProtection.overhead)])
    func aPeerThatReceivesNothingIsAnError(serverMaximum: UInt32) throws {
        var fixture = try Fixture(policy: Policy(preference: [.integrity], maximumReceiveLength: Self.clientMaximum))
        try fixture.establish()
        let error = fixture.expectFailure(.securityLayer, of: fixture.offer(.integrity, size: serverMaximum))
        #expect(error?.message.contains("\(serverMaximum) bytes") == true)
    }

    /// So is a client that announces a size into which nothing fits.
    @Test(arguments: [0, 1, UInt32(FakeProtection.overhead)])
    func aSizeOfOursThatTakesNothing(clientMaximum: UInt32) throws {
        var fixture = try Fixture(policy: Policy(preference: [.integrity], maximumReceiveLength: clientMaximum))
        try fixture.establish()
        let error = fixture.expectFailure(.invalidConfiguration, of: fixture.offer(.integrity, size: 500))
        #expect(error?.message.contains("\(clientMaximum) bytes") == true)
    }

    // MARK: - Violations

    enum Violation: CaseIterable, Sendable {
        case replay, gap, anotherKey, changed, notWrapped, empty, reflected

        func bytes(_ fixture: inout Fixture, _ layer: any SaslSecurityLayer, _ isConfidential: Bool) throws -> [UInt8] {
            switch self {
            case .replay:
                let message = fixture.wrapped([1], confidential: isConfidential)
                #expect(try layer.unwrap(message) == [1])
                return message
            case .gap:
                _ = fixture.wrapped([1], confidential: isConfidential)
                return fixture.wrapped([2], confidential: isConfidential)
            case .anotherKey:
                fixture.server.key ^= 1
                return fixture.wrapped([1], confidential: isConfidential)
            case .changed:
                var message = fixture.wrapped([1, 2, 3], confidential: isConfidential)
                message[message.count - 1] ^= 1
                return message
            case .notWrapped: return Array("plain text, long enough for a header".utf8)
            case .empty: return []
            case .reflected: return try layer.wrap([1])
            }
        }
    }

    @Test(arguments: protecting, Violation.allCases)
    func aMessageThatIsNotGenuineIsRefused(_ protection: SaslSecurityLayers, _ violation: Violation) throws {
        var fixture = try complete(protection)
        let layer = try fixture.session.makeSecurityLayer()
        let message = try violation.bytes(&fixture, layer, protection == .confidentiality)
        let error = #expect(throws: SaslError.self) { try layer.unwrap(message) }
        #expect(error?.code == .securityLayer)
    }

    @Test func anUnencryptedMessageInAnEncryptedLayerIsRefused() throws {
        var fixture = try complete(.confidentiality)
        let layer = try fixture.session.makeSecurityLayer()
        let message = fixture.wrapped([1])
        let error = #expect(throws: SaslError.self) { try layer.unwrap(message) }
        #expect(error?.code == .securityLayer)
        #expect(error?.message.contains("without encryption") == true)
    }

    /// More protection than agreed is no violation.
    @Test func anEncryptedMessageInAnIntegrityLayerIsTaken() throws {
        var fixture = try complete(.integrity)
        let layer = try fixture.session.makeSecurityLayer()
        #expect(try layer.unwrap(fixture.wrapped([1], confidential: true)) == [1])
    }

    /// The context claims encryption and then does not do it: the message must not leave.
    @Test func aMessageThatWasNotEncryptedIsNotSent() throws {
        var script = FakeScript.kerberos
        script.canEncrypt = false
        var fixture = try complete(.confidentiality, script: script)
        let layer = try fixture.session.makeSecurityLayer()
        let error = #expect(throws: SaslError.self) { try layer.wrap([1]) }
        #expect(error?.code == .securityLayer)
    }

    @Test func theGSSErrorOfTheSizeLimitIsKept() throws {
        var script = FakeScript.kerberos
        let gssError = GSSError(call: "gss_wrap_size_limit", major: GSSMajorStatus(.contextExpired))
        script.sizeLimitError = gssError
        var fixture = try Fixture(script, policy: Policy(preference: [.integrity], maximumReceiveLength: 500))
        try fixture.establish()
        let error = fixture.expectFailure(.mechanismFailure, of: fixture.offer(.integrity, size: 500))
        #expect(error?.underlying as? GSSError == gssError)
    }
}
