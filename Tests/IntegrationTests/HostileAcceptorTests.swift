import KerberosTestKit
import TestSupport
import Testing

/// Servers that break the rules, one rule each: none may cause a success, a crash or a hang.
@Suite struct HostileAcceptorTests {
    /// A bound that is soon over, yet leaves a busy machine the time for what comes before the silence.
    private static let shortTimeout = "3s"

    @Test func theTableCoversEveryMisbehaviour() async throws {
        let expected = HostileExpectation.all.map(\.name)
        #expect(Set(expected).count == expected.count)
        #expect(try await ScriptedServer.names().sorted() == expected.sorted())
    }

    /// One after the other: some hundred processes at once would only wait for each other.
    @Test(.serialized, arguments: HostileExpectation.all.filter { $0.failureClass != "deadline" })
    func answersAreJudged(_ expectation: HostileExpectation) async throws {
        try await expect(expectation, timeout: "60s")
    }

    @Test(arguments: HostileExpectation.all.filter { $0.failureClass == "deadline" })
    func silenceEndsAtTheDeadline(_ expectation: HostileExpectation) async throws {
        try await expect(expectation, timeout: Self.shortTimeout)
    }

    @Test func aLoadBalancerIsSaidToBeThere() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ScriptedServer.start("behind-load-balancer", in: realm)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let silent = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(silent.advice.contains("is being accessed through a load balancer"), "\(silent)")
        #expect(silent.failure?.hint?.contains("write loadBalanced=true") == true, "\(silent)")
        let outcome = try await AuthCheck.check(uri + "&loadBalanced=true", in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        try await expectOthers(Family.ipv4.authority(server.port), "&loadBalanced=true", in: realm)
        try await server.stop()

        let other = try await ScriptedServer.start("none", in: realm)
        let refused = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(other.port)) + "&loadBalanced=true", in: realm,
            cache: realm.annCache)
        #expect(refused.status == 13 && refused.failure?.phase == "hello", "\(refused)")
        #expect(refused.failure?.message.contains("serviceId") == true, "\(refused)")
        #expect(refused.failure?.hint?.contains("leave out loadBalanced=true") == true, "\(refused)")
        try await other.stop()
    }

    /// It is not a failure if an authenticated member lists it; else it is only a claim.
    @Test(arguments: [true, false])
    func anArbiterIsLeftOut(isListed: Bool) async throws {
        let realm = try await SharedRealm.shared
        let arbiter = try await ScriptedServer.start("arbiter", in: realm)
        let place = Family.ipv4.authority(arbiter.port)
        let member = try await ScriptedServer.start("strange-members", in: realm, arbiter: isListed ? place : nil)
        let hosts = [place, Family.ipv4.authority(member.port)].joined(separator: ",")
        let outcome = try await AuthCheck.check(
            gssapiURI(realm.ann, hosts) + "&replicaSet=other", in: realm, cache: realm.annCache)
        #expect(outcome.status == (isListed ? 0 : 31), "\(outcome)")
        #expect(outcome.report.hosts.map(\.result) == [isListed ? "skipped" : "failed", "ok"], "\(outcome)")
        if isListed {
            #expect(outcome.report.hosts.first?.warnings.last?.contains("left out") == true, "\(outcome)")
        } else {
            #expect(outcome.failure?.message.contains("says that it is an arbiter") == true, "\(outcome)")
        }
        let warnings = outcome.report.hosts.last?.warnings ?? []
        #expect(warnings.contains { $0.contains("Write replicaSet=strange") }, "\(warnings)")
        if isListed { try await expectOthers(hosts, "&replicaSet=strange", in: realm) }
        let direct = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(member.port)) + "&directConnection=true", in: realm,
            cache: realm.annCache)
        #expect(direct.report.hosts.first?.warnings == [], "\(direct)")
        try await arbiter.stop()
        try await member.stop()
    }

    /// Servers of GNU SASL, of Dovecot and of the JDK are like that.
    @Test func aSizeWithoutALayerIsToleratedOnDemand() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ScriptedServer.start("size-without-layer", in: realm)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let environment = realm.realm.environment(cache: realm.annCache)
        let strict = try await AuthCheck.check(uri, environment: environment)
        #expect(
            strict.status == 33 && strict.failure?.hint?.contains("--tolerate size-without-layer") == true, "\(strict)")
        let outcome = try await AuthCheck.check(uri, ["--tolerate", "size-without-layer"], environment: environment)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.report.hosts.first?.warnings.first?.contains("was tolerated") == true, "\(outcome)")
        // It is for this one matter.
        let other = try await ScriptedServer.start("offer-of-5", in: realm)
        let refused = try await AuthCheck.check(
            gssapiURI(realm.ann, Family.ipv4.authority(other.port)), ["--tolerate", "size-without-layer"],
            environment: environment)
        #expect(refused.status == 33, "\(refused)")
        try await other.stop()
        try await server.stop()
    }

    /// What this client makes of it is in the table of expectations.
    @Test func aServerWithoutConnectionStatusIsConnectedTo() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ScriptedServer.start("no-connection-status", in: realm)
        try await expectOthers(Family.ipv4.authority(server.port), "", command: "ping", in: realm)
        try await server.stop()
    }

    /// Other drivers, with the same credentials, get an answer from the same servers.
    private func expectOthers(
        _ hosts: String, _ options: String, command: String = "connectionStatus", in realm: SharedRealm
    ) async throws {
        let others = try await OtherDriver.ask(
            commonURI(realm.ann, hosts) + options, command: command,
            environment: realm.realm.environment(cache: realm.annCache))
        #expect(others.connected == [.pyMongo, .libmongoc], "\(others)")
    }

    private func expect(_ expectation: HostileExpectation, timeout: String) async throws {
        let realm = try await SharedRealm.shared
        let server = try await ScriptedServer.start(expectation.name, in: realm)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache, timeout: timeout)
        #expect(outcome.status == expectation.status, "\(outcome)")
        #expect(outcome.child.stdout.utf8.count < 1 << 20)
        #expect(outcome.report.exitStatus == expectation.status)
        #expect(outcome.failure?.class == expectation.failureClass, "\(outcome)")
        if let failureClass = expectation.failureClass {
            #expect(outcome.report.result == "failed")
            #expect(outcome.report.hosts.allSatisfy { $0.identity == nil })
            #expect(outcome.failure?.message.isEmpty == false)
            if let phase = expectation.phase {
                #expect(outcome.failure?.phase == phase, "\(failureClass): \(outcome)")
            }
        } else {
            #expect(outcome.report.hosts.map(\.identity?.user) == [expectation.user(realm.ann)], "\(outcome)")
            let warnings = outcome.report.hosts.flatMap(\.warnings)
            #expect(warnings.count == expectation.warnings.count, "\(outcome)")
            for (warning, words) in zip(warnings, expectation.warnings) {
                #expect(warning.contains(words), "\(outcome)")
            }
        }
        let ending = try await server.stop()
        #expect(ending.status == 0, "\(ending)")
    }
}
