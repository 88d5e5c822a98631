import TestSupport
import Testing

/// Servers that break the rules, one rule each: none may get a success, a crash or a client that hangs.
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
