import KerberosTestKit
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

    /// A server that closes the connection on unexpected commands gets single commands, also for all later connections.
    @Test func aServerThatDoesNotTakeItIsRemembered() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ScriptedServer.start("ancient-server", in: realm)
        let group = Crowd.Group(
            uri: gssapiURI(realm.ann, Family.ipv4.authority(server.port)), cache: realm.annCache)
        let steps = [Crowd.Step(groups: [group]), Crowd.Step(groups: [group])]
        let (outcome, _) = try await Crowd(steps: steps, pipelined: true).run(in: realm)
        #expect(outcome.all.map(\.user) == [realm.ann, realm.ann], "\(outcome.all)")
        #expect(outcome.all.map(\.retries) == [["pipeliningRefused", "olderMessageFormat"], ["olderMessageFormat"]])
        _ = try await server.stop()
    }

    /// A silent host has the string's timeout, and then the next one is tried.
    @Test func aSilentHostLeavesTimeForTheNext() async throws {
        let realm = try await SharedRealm.shared
        let silent = try await ScriptedServer.start("never-speaks", in: realm)
        let server = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let hosts = [silent, server].map { Family.ipv4.authority($0.port) }.joined(separator: ",")
        let group = Crowd.Group(
            uri: gssapiURI(realm.ann, hosts) + "&connectTimeoutMS=2000", cache: realm.annCache)
        let fares = try await authenticate([group], in: realm)
        #expect(fares[0].user == realm.ann, "\(fares)")
        // Far from the deadline of 100 s, half of which the first host would have without the string's time.
        #expect(fares[0].milliseconds < 45_000)
        for server in [silent, server] { _ = try await server.stop() }
    }

    /// The ticket is for a key that the service had before: the server says so instead of its proof, or refuses.
    @Test func aTicketForAnOldKeyIsReplaced() async throws {
        let realm = try await SharedRealm.start()
        let old = try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        func group(_ server: ServerProcess) -> Crowd.Group {
            Crowd.Group(uri: gssapiURI(realm.ann, Family.ipv4.authority(server.port)), cache: realm.annCache)
        }
        #expect(try await authenticate([group(old)], in: realm).map(\.user) == [realm.ann])
        try await realm.realm.changeKey("mongodb/localhost")
        let keytab = try await realm.realm.makeKeytab(for: ["mongodb/localhost"])
        let new = try await ServerProcess.start(
            realm: realm.realm, keytab: keytab, users: [realm.ann], listen: ["127.0.0.1:0"])
        let fares = try await authenticate([group(new)], in: realm)
        #expect(fares.map(\.user) == [realm.ann], "\(fares)")
        for server in [old, new] { try await server.stop() }
        await realm.realm.stop()
    }

    /// Servers without success otherwise get none with it, and the honest ones still do: with single
    /// commands, if they are unusual.
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
            #expect(fare.user == expectation.user(realm.ann), "\(expectation.name): \(fare)")
        }
        for server in servers { _ = try await server.stop() }
    }
}

extension Array {
    fileprivate func chunks(of size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
