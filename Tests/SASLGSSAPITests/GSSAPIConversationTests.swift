import GSSCore
import SASL
import SASLGSSAPI
import Testing

/// The steps up to the established context (RFC 4752 section 3.1, first half).
@Suite struct GSSAPIConversationTests {
    @Test func theWholeWay() throws {
        var fixture = try Fixture()
        #expect(try fixture.session.step(nil) == .respond(Array("AP-REQ".utf8)))
        #expect(fixture.session.isComplete == false)
        #expect(fixture.gssapi?.grantedFlags == nil)
        #expect(try fixture.gssapi?.contextInfo() == nil)
        // The context is complete and has nothing to send: an empty response, which is not none.
        #expect(try fixture.session.step(Fixture.serverToken) == .respond([]))
        #expect(fixture.session.isComplete == false)
        #expect(fixture.gssapi?.grantedFlags == Self.withoutLayer)
        #expect(try fixture.gssapi?.contextInfo()?.acceptorName == "mongodb/db.example.com@EXAMPLE.COM")
        let answer = try fixture.answer(to: fixture.offer(.none))
        #expect(answer.bytes == [1, 0, 0, 0] + Array("ann@EXAMPLE.COM".utf8))
        #expect(!answer.isConfidential)
        #expect(fixture.session.isComplete == true)
        #expect(fixture.gssapi?.offer?.layers == SaslSecurityLayers.none)
        #expect(fixture.gssapi?.offer?.maximumLength == 0)
        #expect(try fixture.session.step([]) == .done)
        #expect(fixture.session.isComplete == true)
        #expect(fixture.log.entries.targets == [Fixture.target])
        #expect(fixture.log.entries.tokens == [nil, Fixture.serverToken])
    }

    /// The server opens with an empty challenge where the protocol has no initial response.
    @Test(arguments: [nil, []] as [[UInt8]?])
    func anEmptyOpeningIsNoToken(_ opening: [UInt8]?) throws {
        var fixture = try Fixture()
        #expect(try fixture.session.step(opening) == .respond(Array("AP-REQ".utf8)))
        #expect(fixture.log.entries.tokens == [nil])
    }

    struct Establishment: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What the context gives, step by step.
        var tokens: [[UInt8]?]
        /// What goes to the server.
        var responses: [[UInt8]]
    }

    private static let establishments: [Establishment] = [
        Establishment(testDescription: "complete at once, with a token", tokens: [[1]], responses: [[1]]),
        Establishment(testDescription: "complete at once, with nothing to send", tokens: [nil], responses: [[]]),
        Establishment(testDescription: "complete with an empty token", tokens: [[1], []], responses: [[1], []]),
        Establishment(testDescription: "the last token is the client's", tokens: [[1], [2]], responses: [[1], [2]]),
        Establishment(
            testDescription: "four rounds", tokens: [[1], [2], [3], nil], responses: [[1], [2], [3], []]),
    ]

    /// Whichever side has the last token: the offer comes only after the client's response to it.
    @Test(arguments: establishments)
    func theOfferFollowsTheLastToken(_ establishment: Establishment) throws {
        var script = FakeScript(progress: [])
        for (index, token) in establishment.tokens.enumerated() {
            script.progress.append(
                .success(.init(token: token, isComplete: index == establishment.tokens.count - 1)))
        }
        var fixture = try Fixture(script)
        var challenge: [UInt8]?
        for (index, response) in establishment.responses.enumerated() {
            #expect(try fixture.session.step(challenge) == .respond(response))
            challenge = [UInt8(index) + 100]
        }
        #expect(try fixture.answer(to: fixture.offer(.none)).bytes.prefix(4) == [1, 0, 0, 0])
        #expect(fixture.session.isComplete == true)
    }

    private static let withoutLayer: GSSContextFlags = [.mutualAuthentication, .integrity]
    private static let withIntegrity = withoutLayer.union([.sequenceDetection, .replayDetection])
    private static let withEncryption = withIntegrity.union(.confidentiality)
    private static let requests: [(Policy, GSSContextFlags)] = [
        (.none, withoutLayer), (Policy(preference: [.integrity]), withIntegrity),
        (Policy(preference: [.none, .integrity]), withIntegrity), (.allowed, withEncryption),
        (.required, withEncryption), (.requiredConfidentiality, withEncryption),
    ]

    @Test(arguments: requests)
    func asksForWhatThePolicyNeedsAndNeverForDelegation(policy: Policy, flags: GSSContextFlags) throws {
        var fixture = try Fixture(policy: policy)
        _ = try fixture.session.step(nil)
        #expect(fixture.log.entries.flags == [flags])
        #expect(!flags.contains(.delegation))
    }

    private static let insufficient: [(GSSContextFlags, SaslError.Code)] = [
        ([], .serverNotProven), (.integrity, .serverNotProven),
        ([.integrity, .confidentiality, .sequenceDetection, .delegation], .serverNotProven),
        (.mutualAuthentication, .securityLayer), ([.mutualAuthentication, .confidentiality], .securityLayer),
    ]

    @Test(arguments: insufficient)
    func aContextThatGrantsTooLittleIsRefused(granted: GSSContextFlags, code: SaslError.Code) throws {
        var script = FakeScript.kerberos
        script.granted = granted
        var fixture = try Fixture(script)
        _ = try fixture.session.step(nil)
        let gssapi = fixture.gssapi
        let error = fixture.expectFailure(code, of: Fixture.serverToken)
        #expect(error?.message.contains("\(granted)") == true)
        #expect(gssapi?.grantedFlags == nil)
        #expect(try gssapi?.contextInfo() == nil)
    }

    /// Also where the context is complete before the server has said a word.
    @Test func mutualAuthenticationIsCheckedOnTheFirstStepToo() throws {
        var script = FakeScript(progress: [.success(.init(token: [1], isComplete: true))])
        script.granted = .integrity
        var fixture = try Fixture(script)
        fixture.expectFailure(.serverNotProven, of: nil)
    }

    @Test func whatComesAfterTheLastMessageMustBeEmpty() throws {
        var fixture = try Fixture()
        try fixture.establish()
        _ = try fixture.answer(to: fixture.offer(.none))
        for outcome in [[], nil, []] as [[UInt8]?] {
            #expect(try fixture.session.step(outcome) == .done)
            #expect(fixture.session.isComplete == true)
        }
        let error = fixture.expectFailure(.unexpectedChallenge, of: [0])
        #expect(error?.message.contains("1 bytes") == true)
    }

    /// `gss_inquire_context` costs as much as a step: a conversation asks for the name only where it sends it.
    @Test(
        arguments: [(.derived, []), (.text("ann"), []), (.authenticatedName, ["name"])]
            as [(AuthorizationIdentity, [String])])
    func theContextIsAskedForWhatIsNeeded(identity: AuthorizationIdentity, inquiries: [String]) throws {
        var script = FakeScript.kerberos
        script.inquiryError = Self.gssError
        var fixture = try Fixture(script, as: identity)
        try fixture.establish()
        #expect(fixture.log.entries.inquiries == [])
        // The rest when somebody looks.
        #expect(throws: Self.gssError) { try fixture.gssapi?.contextInfo() }
        #expect(fixture.log.entries.inquiries == ["all"])
        _ = try fixture.answer(to: fixture.offer(.none))
        #expect(fixture.log.entries.inquiries == ["all"] + inquiries)
    }

    @Test func aTokenBeforeTheClientsIsRefused() throws {
        var fixture = try Fixture()
        fixture.expectFailure(.unexpectedChallenge, of: [1, 2])
        #expect(fixture.log.entries.made == 0)
    }

    @Test func noChallengeWhereAContextNeedsOne() throws {
        var establishing = try Fixture()
        _ = try establishing.session.step(nil)
        establishing.expectFailure(.missingChallenge, of: nil)
        #expect(establishing.log.entries.tokens == [nil])

        var awaitingOffer = try Fixture()
        try awaitingOffer.establish()
        awaitingOffer.expectFailure(.missingChallenge, of: nil)
    }

    /// An empty token would restart the context.
    @Test func anEmptyTokenIsNoProof() throws {
        var fixture = try Fixture()
        _ = try fixture.session.step(nil)
        let error = fixture.expectFailure(.serverNotProven, of: [])
        #expect((error?.underlying as? GSSError)?.major.routineError == .defectiveToken)
        #expect(fixture.log.entries.tokens == [nil])
    }

    @Test func aContextThatWaitsWithoutATokenToSend() throws {
        let script = FakeScript(progress: [.success(.init(token: nil, isComplete: false))])
        var fixture = try Fixture(script)
        fixture.expectFailure(.mechanismFailure, of: nil)
    }

    // MARK: - Failures beneath

    private static let gssError = GSSError(
        call: "gss_init_sec_context", major: GSSMajorStatus(.failure), minor: 42, minorMessages: ["a telling text"],
        subject: "mongodb@db")

    enum FailingCall: CaseIterable, Sendable {
        case makeInitiator, firstEstablish, laterEstablish, initiatorName, wrap

        var code: SaslError.Code { self == .laterEstablish ? .serverNotProven : .mechanismFailure }
    }

    @Test(arguments: FailingCall.allCases)
    func theGSSErrorIsKept(_ call: FailingCall) throws {
        var script = FakeScript.kerberos
        switch call {
        case .makeInitiator: break
        case .firstEstablish: script.progress[0] = .failure(Self.gssError)
        case .laterEstablish: script.progress[1] = .failure(Self.gssError)
        case .initiatorName: script.nameError = Self.gssError
        case .wrap: script.wrapError = Self.gssError
        }
        var fixture = try Fixture(script, as: .authenticatedName, error: call == .makeInitiator ? Self.gssError : nil)
        let error: SaslError?
        switch call {
        case .makeInitiator, .firstEstablish:
            error = fixture.expectFailure(call.code, of: nil)
            #expect(error?.message.contains("mongodb@db.example.com") == true)
        case .laterEstablish:
            _ = try fixture.session.step(nil)
            error = fixture.expectFailure(call.code, of: Fixture.serverToken)
            #expect(error?.message.contains("mongodb@db.example.com") == true)
        case .initiatorName, .wrap:
            try fixture.establish()
            let offer = fixture.offer(.none)
            error = fixture.expectFailure(call.code, of: offer)
        }
        #expect(error?.underlying as? GSSError == Self.gssError)
        #expect(error?.message.contains("a telling text") == true)
    }

    // MARK: - Sizes

    private static let limit = SaslLimits.maximumTokenLength

    @Test(arguments: 0...3)
    func aChallengeOverOneMebibyteIsRefusedAtEveryStep(stepsBefore: Int) throws {
        var fixture = try Fixture()
        if stepsBefore > 0 { _ = try fixture.session.step(nil) }
        if stepsBefore > 1 { _ = try fixture.session.step(Fixture.serverToken) }
        if stepsBefore > 2 { _ = try fixture.answer(to: fixture.offer(.none)) }
        let tokens = fixture.log.entries.tokens.count
        fixture.expectFailure(.tooLarge, of: Array(repeating: 1, count: Self.limit + 1))
        #expect(fixture.log.entries.tokens.count == tokens)
    }

    @Test func tokensOfOneMebibytePass() throws {
        let token = Array(repeating: UInt8(7), count: Self.limit)
        var fixture = try Fixture(
            FakeScript(progress: [
                .success(.init(token: token, isComplete: false)), .success(.init(token: token, isComplete: true)),
            ]))
        #expect(try fixture.session.step(nil) == .respond(token))
        #expect(try fixture.session.step(token) == .respond(token))
    }

    @Test(arguments: [false, true])
    func aTokenOfOursOverOneMebibyteIsNotSent(isComplete: Bool) throws {
        let token = Array(repeating: UInt8(7), count: Self.limit + 1)
        let script = FakeScript(progress: [.success(.init(token: token, isComplete: isComplete))])
        var fixture = try Fixture(script)
        fixture.expectFailure(.tooLarge, of: nil)
    }

    @Test func anAuthorizationIdentityOverOneMebibyteIsNotSent() throws {
        var fixture = try Fixture(as: .text(String(repeating: "a", count: Self.limit)))
        try fixture.establish()
        fixture.expectFailure(.tooLarge, of: fixture.offer(.none))
    }
}
