import SASL
import Testing

/// What a server's session enforces for every mechanism.
@Suite struct SaslServerSessionTests {
    private static let ann = SaslAuthentication(authenticationIdentity: "ann")
    private static let identity = SaslIdentityText(authentication: "ann", authorization: "ann")

    /// The two names of an identity: a server makes none by itself.
    struct SaslIdentityText: Equatable {
        var authentication: String
        var authorization: String
    }

    private func names(_ step: SaslServerStep) -> SaslIdentityText? {
        guard case .success(let identity, _) = step else { return nil }
        return SaslIdentityText(
            authentication: identity.authenticationIdentity, authorization: identity.authorizationIdentity)
    }

    private func expectFailure(
        _ code: SaslError.Code, of session: inout SaslServerSession, _ response: [UInt8]?,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        do throws(SaslError) {
            let step = try session.step(response)
            Issue.record("no error but \(step)", sourceLocation: sourceLocation)
        } catch {
            #expect(error.code == code, sourceLocation: sourceLocation)
        }
        for response in [nil, [], [1]] as [[UInt8]?] {
            do throws(SaslError) {
                _ = try session.step(response)
                Issue.record("a step after a failure", sourceLocation: sourceLocation)
            } catch {
                #expect(error.code == .poisoned, sourceLocation: sourceLocation)
            }
        }
        #expect(session.identity == nil, sourceLocation: sourceLocation)
        do throws(SaslError) {
            _ = try session.makeSecurityLayer()
            Issue.record("a layer after a failure", sourceLocation: sourceLocation)
        } catch {
            #expect(error.code == .incomplete, sourceLocation: sourceLocation)
        }
    }

    @Test func withoutAnInitialResponseThereIsAnEmptyChallenge() throws {
        let mechanism = ServerStub([.success(.authenticated(Self.ann, data: nil))])
        var session = try SaslServerSession(mechanism)
        #expect(try session.step(nil) == .challenge([]))
        #expect(mechanism.exchange.responses.isEmpty && session.identity == nil)
        #expect(names(try session.step([7])) == Self.identity)
        #expect(mechanism.exchange.responses == [[7]])
        #expect(session.identity?.authenticationIdentity == "ann")
    }

    /// For a caller who reads from the exchange what only its own type tells: the rules are the same.
    @Test func aSessionCanBeginWithAnExchange() throws {
        let mechanism = ServerStub([.success(.challenge([2])), .success(.authenticated(Self.ann, data: [9]))])
        let exchange = try mechanism.makeExchange()
        var session = SaslServerSession(
            exchange, mechanism: mechanism.name, sendsDataWithSuccess: false, authorize: { _ in "somebody" })
        #expect(session.mechanism == mechanism.name)
        #expect(try session.step(nil) == .challenge([]) && exchange.responses.isEmpty)
        #expect(try session.step([1]) == .challenge([2]))
        #expect(try session.step([3]) == .challenge([9]))
        #expect(exchange.responses == [[1], [3]] && session.identity == nil)
        #expect(names(try session.step([])) == SaslIdentityText(authentication: "ann", authorization: "somebody"))

        let refused = ServerStub([.success(.authenticated(Self.ann, data: nil))])
        var other = SaslServerSession(try refused.makeExchange(), mechanism: refused.name, authorize: { _ in nil })
        expectFailure(.notAuthorized, of: &other, [1])
    }

    /// An empty initial response is one: it goes to the mechanism.
    @Test func anEmptyInitialResponseIsNotNone() throws {
        let mechanism = ServerStub([.success(.authenticated(Self.ann, data: nil))])
        var session = try SaslServerSession(mechanism)
        #expect(names(try session.step([])) == Self.identity)
        #expect(mechanism.exchange.responses == [[]])
    }

    @Test func aServerThatSpeaksFirstTakesNoInitialResponse() throws {
        let traits = SaslMechanismTraits(firstSpeaker: .server)
        for response in [[], [1]] as [[UInt8]] {
            var session = try SaslServerSession(ServerStub([.success(.challenge([1]))], traits))
            expectFailure(.unexpectedResponse, of: &session, response)
        }
        let mechanism = ServerStub([.success(.challenge([1])), .success(.authenticated(Self.ann, data: nil))], traits)
        var session = try SaslServerSession(mechanism)
        #expect(try session.step(nil) == .challenge([1]))
        #expect(names(try session.step([2])) == Self.identity)
        #expect(mechanism.exchange.responses == [nil, [2]])
    }

    @Test func onlyTheOpeningMayBeMissing() throws {
        var session = try SaslServerSession(ServerStub([.success(.challenge([1])), .success(.challenge([2]))]))
        _ = try session.step([1])
        expectFailure(.missingResponse, of: &session, nil)
        var other = try SaslServerSession(ServerStub([.success(.challenge([1]))]))
        _ = try other.step(nil)
        expectFailure(.missingResponse, of: &other, nil)
    }

    @Test func limitsHoldForBothSides() throws {
        let tooLong = [UInt8](repeating: 1, count: SaslLimits.maximumTokenLength + 1)
        var session = try SaslServerSession(ServerStub([.success(.challenge([1]))]))
        expectFailure(.tooLarge, of: &session, tooLong)
        var other = try SaslServerSession(ServerStub([.success(.challenge(tooLong))]))
        expectFailure(.tooLarge, of: &other, [1])
    }

    @Test func anErrorOfTheExchangeIsFinal() throws {
        var session = try SaslServerSession(
            ServerStub([.failure(SaslError(.credentialsRejected, "no")), .success(.authenticated(Self.ann, data: nil))])
        )
        expectFailure(.credentialsRejected, of: &session, [1])
    }

    @Test func afterSuccessThereIsNoOtherStep() throws {
        for response in [nil, [], [1]] as [[UInt8]?] {
            var session = try SaslServerSession(
                ServerStub([
                    .success(.authenticated(Self.ann, data: nil)), .success(.authenticated(Self.ann, data: nil)),
                ]))
            _ = try session.step([1])
            #expect(try session.makeSecurityLayer().protection == .none)
            expectFailure(.unexpectedResponse, of: &session, response)
        }
    }

    /// RFC 4422 section 4, item 2d: a protocol either carries data with success or has it acknowledged.
    @Test func dataGoesWithSuccessOrBeforeIt() throws {
        let script: [Result<SaslServerExchangeStep, SaslError>] = [.success(.authenticated(Self.ann, data: [9]))]
        var with = try SaslServerSession(ServerStub(script))
        guard case .success(_, data: [9]) = try with.step([1]) else {
            Issue.record("the data is not with the success")
            return
        }
        var before = try SaslServerSession(ServerStub(script), sendsDataWithSuccess: false)
        #expect(try before.step([1]) == .challenge([9]))
        #expect(before.identity == nil)
        #expect(names(try before.step([])) == Self.identity)
        for response in [nil, [1]] as [[UInt8]?] {
            var other = try SaslServerSession(ServerStub(script), sendsDataWithSuccess: false)
            _ = try other.step([1])
            expectFailure(.malformedResponse, of: &other, response)
        }
    }

    // MARK: - Authorization

    @Test(
        arguments: [
            (nil, "ann"), ("", "ann"), ("ann", "ann"), ("eve", nil), ("ANN", nil), ("ann\u{0301}", nil),
        ] as [(String?, String?)])
    func withoutARuleEverybodyActsAsOneself(wanted: String?, result: String?) throws {
        let authentication = SaslAuthentication(authenticationIdentity: "ann", authorizationIdentity: wanted)
        var session = try SaslServerSession(ServerStub([.success(.authenticated(authentication, data: [1]))]))
        if let result {
            #expect(names(try session.step([1])) == SaslIdentityText(authentication: "ann", authorization: result))
        } else {
            expectFailure(.notAuthorized, of: &session, [1])
        }
    }

    @Test func theApplicationDecides() throws {
        let wanted = SaslAuthentication(authenticationIdentity: "ann@EXAMPLE.COM", authorizationIdentity: "eve")
        var session = try SaslServerSession(ServerStub([.success(.authenticated(wanted, data: nil))])) { asked in
            asked.authorizationIdentity.map { "\($0) by \(asked.authenticationIdentity)" }
        }
        #expect(
            names(try session.step([1]))
                == SaslIdentityText(authentication: "ann@EXAMPLE.COM", authorization: "eve by ann@EXAMPLE.COM"))
        var refused = try SaslServerSession(ServerStub([.success(.authenticated(wanted, data: nil))])) { _ in nil }
        expectFailure(.notAuthorized, of: &refused, [1])
        var broken = try SaslServerSession(ServerStub([.success(.authenticated(wanted, data: nil))])) {
            (_) throws(SaslError) in throw SaslError(.mechanismFailure, "the directory is down")
        }
        expectFailure(.mechanismFailure, of: &broken, [1])
    }

    // MARK: - PLAIN and EXTERNAL

    private static let plain = PlainServerMechanism { user, password in
        user == "ann" && password == Secret("pa,ss=wörd")
    }

    @Test(arguments: [
        ("\0ann\0pa,ss=wörd", "ann"), ("ann\0ann\0pa,ss=wörd", "ann"), ("\0ann\0wrong", nil),
        ("\0eve\0pa,ss=wörd", nil),
        ("eve\0ann\0pa,ss=wörd", nil), ("ann\0pa,ss=wörd", nil), ("\0ann\0pa,ss=wörd\0", nil), ("\0\0pa,ss=wörd", nil),
        ("\0ann\0", nil), ("", nil), ("\0\0", nil), ("\0\0\0", nil),
    ])
    func plain(message: String, result: String?) throws {
        var session = try SaslServerSession(Self.plain)
        do throws(SaslError) {
            let step = try session.step(Array(message.utf8))
            #expect(names(step)?.authorization == result, "\(step)")
        } catch {
            #expect(result == nil, "\(error)")
            #expect(
                [.malformedResponse, .credentialsRejected, .notAuthorized].contains(error.code)
                    && session.identity == nil)
            #expect(!"\(error)".contains("wörd"))
        }
    }

    @Test func plainIsUTF8() throws {
        for bytes in [[0, 0xff, 0, 1], [0xff, 0, 97, 0, 98], [0, 97, 0, 0xff]] as [[UInt8]] {
            var session = try SaslServerSession(PlainServerMechanism { _, _ in true })
            expectFailure(.malformedResponse, of: &session, bytes)
        }
    }

    /// Our own client's message.
    @Test func aClientOfOurs() throws {
        var client = try SaslSession(PlainMechanism(username: "ann", password: Secret("pa,ss=wörd")))
        guard case .respond(let response) = try client.step(nil) else { return }
        var session = try SaslServerSession(Self.plain)
        #expect(names(try session.step(response)) == Self.identity)
    }

    @Test(arguments: [("", "CN=ann"), ("CN=ann", "CN=ann"), ("CN=eve", nil), ("a\0b", nil)])
    func external(message: String, result: String?) throws {
        var session = try SaslServerSession(ExternalServerMechanism(identity: "CN=ann"))
        do throws(SaslError) {
            #expect(names(try session.step(Array(message.utf8)))?.authorization == result)
        } catch {
            #expect(result == nil && [.malformedResponse, .notAuthorized].contains(error.code), "\(error)")
        }
    }

    @Test func aConnectionThatSaysNothing() {
        #expect(throws: SaslError.self) { _ = try SaslServerSession(ExternalServerMechanism(identity: "")) }
    }
}

/// A mechanism of one exchange, which plays back a script and notes what it was given.
struct ServerStub: SaslServerMechanism {
    let exchange: ScriptedServerExchange
    let traits: SaslMechanismTraits

    init(_ script: [Result<SaslServerExchangeStep, SaslError>], _ traits: SaslMechanismTraits = .init()) {
        exchange = ScriptedServerExchange(script)
        self.traits = traits
    }

    var name: SaslMechanismName { .external }

    func makeExchange() throws(SaslError) -> ScriptedServerExchange { exchange }
}

/// Used by one test at a time, in one task.
final class ScriptedServerExchange: SaslServerExchange, @unchecked Sendable {
    private var script: [Result<SaslServerExchangeStep, SaslError>]
    private(set) var responses: [[UInt8]?] = []

    init(_ script: [Result<SaslServerExchangeStep, SaslError>]) {
        self.script = script
    }

    func step(_ response: [UInt8]?) throws(SaslError) -> SaslServerExchangeStep {
        responses.append(response)
        guard !script.isEmpty else { throw SaslError(.unexpectedResponse, "the script is over") }
        return try script.removeFirst().get()
    }
}
