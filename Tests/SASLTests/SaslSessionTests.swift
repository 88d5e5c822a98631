import SASL
import Testing

/// What a session enforces for every mechanism.
@Suite struct SaslSessionTests {
    private static let limit = SaslLimits.maximumTokenLength
    private static let tooLong = [UInt8](repeating: 1, count: limit + 1)

    /// A step fails as expected, and nothing follows: no step, no completeness, no layer.
    @discardableResult
    private func expectFailure(
        _ code: SaslError.Code, of session: inout SaslSession, _ challenge: [UInt8]?,
        afterwards: [[UInt8]?] = [nil, [], [1]]
    ) -> SaslError? {
        let error = failure(of: try session.step(challenge))
        #expect(error?.code == code)
        for challenge in afterwards {
            #expect(failure(of: try session.step(challenge))?.code == .poisoned)
            #expect(session.isComplete == false)
        }
        #expect(failure(of: try session.makeSecurityLayer())?.code == .incomplete)
        return error
    }

    private func failure<R: ~Copyable>(of call: @autoclosure () throws(SaslError) -> R) -> SaslError? {
        do {
            _ = try call()
            return nil
        } catch {
            return error
        }
    }

    // MARK: - Every mechanism

    @Test(arguments: MechanismCase.all)
    func isCompleteWithTheLastStepAndNotBefore(_ example: MechanismCase) throws {
        var session = try example.session(after: example.challenges.count)
        #expect(session.mechanism == example.mechanism.name)
        #expect(session.firstSpeaker == example.mechanism.traits.firstSpeaker)
        #expect(session.isComplete == true)
        let protection = try session.makeSecurityLayer().protection
        #expect(example.mechanism.traits.securityLayers.contains(protection))
    }

    @Test(arguments: MechanismCase.places)
    func aChallengeOverOneMebibyteIsRefusedAtEveryStep(_ example: MechanismCase, stepsBefore: Int) throws {
        var session = try example.session(after: stepsBefore)
        let error = expectFailure(.tooLarge, of: &session, Self.tooLong)
        #expect(error?.message == "the server's challenge has 1048577 bytes, more than 1048576")
    }

    /// Not even with the challenge that would have been right.
    @Test(arguments: MechanismCase.places)
    func afterAFailureThereIsNoOtherStep(_ example: MechanismCase, stepsBefore: Int) throws {
        var session = try example.session(after: stepsBefore)
        let error = failure(of: try session.step(Self.tooLong))
        #expect(error?.code == .tooLarge)
        for challenge in example.challenges + [nil, [], [1]] {
            let later = failure(of: try session.step(challenge))
            #expect(later?.code == .poisoned)
            #expect(later?.message == "this \(example.mechanism.name) exchange failed before and takes no more steps")
        }
        #expect(session.isComplete == false)
    }

    @Test(arguments: MechanismCase.places)
    func aLayerExistsOnlyAfterCompletion(_ example: MechanismCase, stepsBefore: Int) throws {
        guard stepsBefore < example.challenges.count else { return }
        var session = try example.session(after: stepsBefore)
        #expect(failure(of: try session.makeSecurityLayer())?.code == .incomplete)
        // A call too early has no effect.
        for challenge in example.challenges.dropFirst(stepsBefore) { _ = try session.step(challenge) }
        #expect(session.isComplete == true)
        #expect(failure(of: try session.makeSecurityLayer()) == nil)
    }

    /// A protocol without initial responses has the server open with an empty challenge.
    @Test(arguments: MechanismCase.all)
    func anOpeningOutOfOrderIsRefused(_ example: MechanismCase) throws {
        var session = try SaslSession(example.mechanism)
        switch session.firstSpeaker {
        case .client:
            let error = expectFailure(.unexpectedChallenge, of: &session, [1, 2])
            #expect(
                error?.message == "the server sent a challenge of 2 bytes, but in \(session.mechanism) the client "
                    + "speaks first")
            var second = try SaslSession(example.mechanism)
            var third = try SaslSession(example.mechanism)
            #expect(try second.step([]) == third.step(nil))
        case .server:
            let error = expectFailure(.missingChallenge, of: &session, nil)
            #expect(error?.message == "the server sent no challenge, but in \(session.mechanism) it speaks first")
        }
    }

    @Test(arguments: MechanismCase.all)
    func aChallengeAfterTheLastOneGoesToTheMechanism(_ example: MechanismCase) throws {
        var session = try example.session(after: example.challenges.count)
        expectFailure(.unexpectedChallenge, of: &session, [1])
    }

    // MARK: - A scripted exchange

    @Test(
        arguments: [(.client, nil, nil), (.client, [], nil), (.server, [], []), (.server, [1], [1])]
            as [(SaslMechanismTraits.FirstSpeaker, [UInt8]?, [UInt8]?)])
    func theExchangeGetsTheOpening(
        _ firstSpeaker: SaslMechanismTraits.FirstSpeaker, opening: [UInt8]?, received: [UInt8]?
    ) throws {
        let exchange = ScriptedExchange([.success(.respond([7])), .success(.done), .success(.done)])
        var session = SaslSession(exchange, mechanism: .external, firstSpeaker: firstSpeaker)
        #expect(try session.step(opening) == .respond([7]))
        // From then on it gets what came, and none is not empty.
        #expect(try session.step([]) == .done)
        #expect(try session.step(nil) == .done)
        #expect(exchange.challenges == [received, [], nil])
    }

    @Test(arguments: [(.client, [1]), (.server, nil)] as [(SaslMechanismTraits.FirstSpeaker, [UInt8]?)])
    func anExchangeNeverSeesAnOpeningOutOfOrder(
        _ firstSpeaker: SaslMechanismTraits.FirstSpeaker, opening: [UInt8]?
    ) throws {
        let exchange = ScriptedExchange([.success(.done)])
        var session = SaslSession(exchange, mechanism: .external, firstSpeaker: firstSpeaker)
        #expect(failure(of: try session.step(opening)) != nil)
        #expect(failure(of: try session.step([]))?.code == .poisoned)
        #expect(exchange.challenges.isEmpty)
    }

    @Test(arguments: [0, 1, limit])
    func tokensOfUpToOneMebibytePass(length: Int) throws {
        #expect(Self.limit == 1_048_576)
        let token = [UInt8](repeating: 7, count: length)
        let exchange = ScriptedExchange([.success(.respond(token)), .success(.respond(token))])
        var session = SaslSession(exchange, mechanism: .external)
        #expect(try session.step(nil) == .respond(token))
        #expect(try session.step(token) == .respond(token))
        #expect(exchange.challenges == [nil, token])
    }

    @Test func anExchangeNeverSeesAChallengeOverOneMebibyte() throws {
        let exchange = ScriptedExchange([.success(.done), .success(.done)])
        var session = SaslSession(exchange, mechanism: .external)
        _ = try session.step(nil)
        expectFailure(.tooLarge, of: &session, Self.tooLong)
        #expect(exchange.challenges == [nil])
    }

    @Test(arguments: 0...1)
    func aResponseOverOneMebibyteIsNotSent(stepsBefore: Int) throws {
        let script = Array(repeating: SaslStep.done, count: stepsBefore) + [.respond(Self.tooLong)]
        var session = SaslSession(ScriptedExchange(script.map { .success($0) }), mechanism: .external)
        for _ in 0..<stepsBefore { _ = try session.step(nil) }
        let error = expectFailure(.tooLarge, of: &session, nil)
        #expect(error?.message == "the client's response has 1048577 bytes, more than 1048576")
    }

    /// Whatever the exchange reports, and whatever it would do next.
    @Test(arguments: 0...2)
    func anErrorOfTheExchangeIsTheLastOfItsSteps(stepsBefore: Int) throws {
        let refusal = SaslError(.refused, "no")
        let exchange = ScriptedExchange(
            Array(repeating: .success(.done), count: stepsBefore) + [.failure(refusal), .success(.done)])
        var session = SaslSession(exchange, mechanism: .external)
        for _ in 0..<stepsBefore { _ = try session.step(nil) }
        let error = expectFailure(.refused, of: &session, nil)
        #expect(error?.message == refusal.message)
        #expect(exchange.isComplete)
        #expect(exchange.challenges.count == stepsBefore + 1)
    }

    @Test func aFailedStepLetsGoOfTheExchange() throws {
        weak var released: ScriptedExchange?
        var session: SaslSession
        do {
            let exchange = ScriptedExchange([.success(.done)])
            released = exchange
            session = SaslSession(exchange, mechanism: .external)
        }
        _ = try session.step(nil)
        #expect(released != nil)
        #expect(failure(of: try session.step(Self.tooLong)) != nil)
        #expect(released == nil)
    }

    @Test func aMechanismThatCannotBeUsedMakesNoSession() {
        let unusable = PlainMechanism(username: "", password: Secret("p"))
        #expect(failure(of: try SaslSession(unusable))?.code == .invalidConfiguration)
    }

    @Test func eachSessionIsItsOwn() throws {
        let mechanism = PlainMechanism(username: "ann", password: Secret("p"))
        var first = try SaslSession(mechanism)
        var second = try SaslSession(mechanism)
        expectFailure(.unexpectedChallenge, of: &first, [1])
        #expect(try second.step(nil) == .respond(Array("\0ann\0p".utf8)))
    }
}
