import KerberosTestKit
import TestSupport
import Testing

/// A peer that goes silent on the way to an authenticated connection, and when.
enum SilentStage: String, CaseIterable, Codable {
    case name
    case tcp
    case tls
    case hello
    case kdc
    case saslStart
    case firstContinue
    case lastContinue
    case connectionStatus

    var phase: String {
        switch self {
        case .name: "dns"
        case .tcp: "tcp"
        case .tls: "tls"
        case .hello: "hello"
        case .kdc: "kerberos"
        case .saslStart, .firstContinue, .lastContinue: "sasl"
        case .connectionStatus: "identity"
        }
    }

    /// The misbehaviour of the acceptor.
    var misbehaviour: String {
        switch self {
        case .name, .tcp, .kdc: "none"
        case .tls: "never-speaks"
        case .hello: "silence-at-hello"
        case .saslStart: "silence-at-sasl-start"
        case .firstContinue: "silence-at-first-continue"
        case .lastContinue: "silence-at-last-continue"
        case .connectionStatus: "silence-at-connection-status"
        }
    }

    /// How many commands of the conversation the acceptor has got when it falls silent.
    var saslCommands: Int {
        switch self {
        case .saslStart: 1
        case .firstContinue: 2
        case .lastContinue, .connectionStatus: 3
        default: 0
        }
    }
}

/// A peer that goes silent: the check is over by its deadline, and names the phase.
///
/// What the library does then, with the descriptors too, is in ``SilentPeerTests``.
@Suite struct SilenceTests {
    /// The phases of the report are measured in the program: what the machine needs to start it is not its own.
    @Test(arguments: SilentStage.allCases)
    func theCheckEndsAtItsDeadline(_ stage: SilentStage) async throws {
        var overrun: [Double] = []
        // A busy machine may not come that far in a second, or be late.
        for timeout in [1, 2, 4, 4, 4] {
            let outcome = try await check(stage, timeout: "\(timeout)s")
            // A KDC is a peer other than the server.
            let isKDC = stage == .kdc && outcome.failure?.phase == stage.phase
            #expect(outcome.status == (isKDC ? 21 : 40), "\(outcome)")
            #expect(outcome.failure?.class == (isKDC ? "kdc-unreachable" : "deadline"))
            guard outcome.failure?.phase == stage.phase else { continue }
            let phases = try #require(outcome.report.hosts.first?.phases)
            #expect(phases.filter { $0.result == "failed" }.map(\.name) == [stage.phase], "\(outcome)")
            overrun.append(phases.compactMap(\.milliseconds).reduce(-Double(timeout) * 1000, +))
            if let last = overrun.last, last < 100 { return }
        }
        Issue.record("never within 100 ms of the deadline in phase \(stage.phase): \(overrun)")
    }

    private func check(_ stage: SilentStage, timeout: String) async throws -> CheckOutcome {
        switch stage {
        case .name, .tcp:
            let world = try await NameWorld.shared
            let host = stage == .name ? "silent.dns.test" : "all-dead.dns.test"
            return try await world.check(gssapiURI(world.realm.ann, host), timeout: timeout)
        case .kdc:
            let realm = try await SharedRealm.start()
            let server = try await ScriptedServer.start(stage.misbehaviour, in: realm)
            try await realm.realm.pause()
            let outcome = try await AuthCheck.check(
                gssapiURI(realm.ann, Family.ipv4.authority(server.port)), in: realm, cache: realm.annCache,
                timeout: timeout)
            try await server.stop()
            await realm.realm.stop()
            return outcome
        default:
            let realm = try await SharedRealm.shared
            let server = try await ScriptedServer.start(stage.misbehaviour, in: realm)
            let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port)) + (stage == .tls ? "&tls=true" : "")
            let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache, timeout: timeout)
            try await server.stop()
            return outcome
        }
    }
}
