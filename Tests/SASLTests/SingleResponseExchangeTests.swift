import SASL
import Testing

/// PLAIN and EXTERNAL: one message from the client, none from the server.
@Suite struct SingleResponseExchangeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var mechanism: any SaslMechanism
        var response: [UInt8]
    }

    private static let wellFormed: [Case] = [
        Case(
            testDescription: "PLAIN, RFC 4616 section 4, first example",
            mechanism: PlainMechanism(username: "tim", password: Secret("tanstaaftanstaaf")),
            response: Array("\0tim\0tanstaaftanstaaf".utf8)),
        Case(
            testDescription: "PLAIN, RFC 4616 section 4, second example",
            mechanism: PlainMechanism(authorizationIdentity: "Ursel", username: "Kurt", password: Secret("xipj3plmq")),
            response: Array("Ursel\0Kurt\0xipj3plmq".utf8)),
        Case(
            testDescription: "PLAIN in UTF-8",
            mechanism: PlainMechanism(username: "Zoë", password: Secret("пароль 🔑")),
            response: Array("\0Zoë\0пароль 🔑".utf8)),
        Case(
            testDescription: "PLAIN with a password that is no UTF-8",
            mechanism: PlainMechanism(username: "u", password: Secret(bytes: [0xff, 0xfe])),
            response: [0, 0x75, 0, 0xff, 0xfe]),
        Case(testDescription: "EXTERNAL as whoever the connection says", mechanism: ExternalMechanism(), response: []),
        Case(
            testDescription: "EXTERNAL as somebody, RFC 4422 appendix A.5",
            mechanism: ExternalMechanism(authorizationIdentity: "fred@example.com"),
            response: Array("fred@example.com".utf8)),
    ]

    /// Without an initial response the protocol has the server open with an empty challenge.
    @Test(arguments: wellFormed, [nil, []] as [[UInt8]?])
    func answersNoChallengeAndAnEmptyOneAlike(_ example: Case, opening: [UInt8]?) throws {
        var session = try SaslSession(example.mechanism)
        #expect(session.isComplete == false)
        #expect(try session.step(opening) == .respond(example.response))
        #expect(session.isComplete == true)
    }

    @Test(arguments: wellFormed)
    func isDoneWhateverEmptyOutcomesFollow(_ example: Case) throws {
        var session = try SaslSession(example.mechanism)
        _ = try session.step(nil)
        #expect(try session.step([]) == .done)
        #expect(try session.step(nil) == .done)
        #expect(session.isComplete == true)
        #expect(try session.makeSecurityLayer().protection == .none)
    }

    @Test(arguments: wellFormed)
    func aChallengeWithContentAfterTheResponseIsRefused(_ example: Case) throws {
        var session = try SaslSession(example.mechanism)
        _ = try session.step(nil)
        do {
            _ = try session.step([1, 2, 3])
            Issue.record("the challenge was taken")
        } catch {
            #expect(error.code == .unexpectedChallenge)
            #expect(
                error.message == "the server sent a challenge of 3 bytes, but \(example.mechanism.name) has none")
        }
        #expect(session.isComplete == false)
    }

    private static let unusable: [(any SaslMechanism, String)] = {
        let empty = "PLAIN needs a user name and a password; one of them is empty"
        let nul = "PLAIN cannot carry a NUL character in a name or password"
        return [
            (PlainMechanism(username: "", password: Secret("p")), empty),
            (PlainMechanism(username: "u", password: Secret("")), empty),
            (PlainMechanism(username: "u\0", password: Secret("p")), nul),
            (PlainMechanism(username: "u", password: Secret("p\0q")), nul),
            (PlainMechanism(authorizationIdentity: "a\0", username: "u", password: Secret("p")), nul),
            (
                ExternalMechanism(authorizationIdentity: "a\0b"),
                "EXTERNAL cannot carry a NUL character in the authorization identity"
            ),
        ]
    }()

    @Test(arguments: unusable)
    func unusableConfigurationsMakeNoExchange(mechanism: any SaslMechanism, message: String) {
        let error = #expect(throws: SaslError.self) { try mechanism.makeExchange() }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message == message)
    }

    @Test func traitsSayWhatSelectionNeeds() {
        let plain = PlainMechanism(username: "u", password: Secret("p"))
        #expect(plain.name == .plain)
        #expect(plain.traits == SaslMechanismTraits(sendsPlaintextSecret: true))
        #expect(ExternalMechanism().name == .external)
        #expect(ExternalMechanism().traits == SaslMechanismTraits())
    }
}
