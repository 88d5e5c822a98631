import TestSupport
import Testing

/// Two round trips instead of four, with a real server, with one that refuses, and with servers that break the rules.
@Suite struct PipeliningTests {
    private func authenticate(_ groups: [Crowd.Group], in realm: SharedRealm) async throws -> [Crowd.Fare] {
        let (outcome, _) = try await Crowd(steps: [.init(groups: groups)], pipelined: true).run(in: realm)
        return try outcome.steps[0].map { try #require($0.first) }
    }

    @Test(arguments: Family.allCases)
    func aRealServerTakesIt(_ family: Family) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann])
        let known = Crowd.Group(uri: gssapiURI(realm.ann, family.authority(server.port)), cache: realm.annCache)
        let stranger = Crowd.Group(uri: gssapiURI(realm.bob, family.authority(server.port)), cache: realm.bobCache)
        let fares = try await authenticate([known, stranger], in: realm)
        #expect(fares[0].user == realm.ann, "\(fares)")
        #expect(fares[1].code == "refused", "\(fares)")
        try await server.stop()
    }

    /// Whoever gets no success without it gets none with it, and the honest ones still do: by the plain way, where
    /// theirs is an odd one.
    @Test(.serialized, arguments: HostileExpectation.all.filter { $0.failureClass != "deadline" }.chunks(of: 16))
    func noServerThatBreaksTheRulesGetsASuccess(_ expectations: [HostileExpectation]) async throws {
        let realm = try await SharedRealm.shared
        var servers: [ServerProcess] = []
        for expectation in expectations { servers.append(try await ScriptedServer.start(expectation.name, in: realm)) }
        let groups = servers.map {
            Crowd.Group(uri: gssapiURI(realm.ann, Family.ipv4.authority($0.port)), cache: realm.annCache)
        }
        let fares = try await authenticate(groups, in: realm)
        for (expectation, fare) in zip(expectations, fares) {
            let expected = expectation.failureClass == nil ? realm.ann : nil
            #expect(fare.user == expected, "\(expectation.name): \(fare)")
        }
        for server in servers { _ = try await server.stop() }
    }
}

extension Array {
    fileprivate func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
