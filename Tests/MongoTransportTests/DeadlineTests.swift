import ModuleTestSupport
import MongoTransport
import NIOConcurrencyHelpers
import NIOPosix
import SaslBSON
import TestSupport
import Testing

/// A peer that goes silent at each stage of a connect, with a deadline that passes and with a cancelled caller.
@Suite struct DeadlineTests {
    enum Stage: String, Sendable, CaseIterable {
        case name
        case tcp
        case tls
        case command

        var phase: TransportPhase {
            switch self {
            case .name: .dns
            case .tcp: .tcp
            case .tls: .tls
            case .command: .command
            }
        }
    }

    /// A server that goes silent, and the way to it.
    private struct Silence: Sendable {
        let stage: Stage
        let server: TestServer?
        let dead: DeadListener?
        let resolver: ScriptedResolver
        /// Made beforehand: reading files is another stage.
        let context: TLSContext?

        init(_ stage: Stage) async throws {
            self.stage = stage
            server = stage == .tcp ? nil : try await TestServer.start(.silence)
            dead = stage == .tcp ? try await DeadListener.start("127.0.0.1") : nil
            resolver =
                stage == .name
                ? ScriptedResolver(ipv4: .silence, ipv6: .silence) : ScriptedResolver(ipv4: .addresses(["127.0.0.1"]))
            context = stage == .tls ? try await TLSContext.load(TLSOptions(), by: farAway) : nil
        }

        var port: UInt16 { server?.port ?? dead?.port ?? 0 }

        /// How many sockets go to the port, but for the ones that make it dead.
        var sockets: Int { Sockets.descriptors(connectedTo: port).count - (dead?.fillers ?? 0) }

        /// Whether the silence is what a client now waits for.
        var isReached: Bool {
            switch stage {
            case .name: resolver.pending.withLockedValue { $0.count == 3 }
            case .tcp: sockets == 1
            case .tls, .command: server?.received == 1
            }
        }

        func expectNothingIsLeft() async throws {
            try await eventually("no descriptor is left") { sockets == 0 }
            try await eventually("the server has lost its client") { (server?.open ?? 0) == 0 }
            try await eventually("no look-up is under way") { resolver.pending.withLockedValue { $0.isEmpty } }
        }

        func run(by deadline: ContinuousClock.Instant) async throws -> BSONDocument {
            let connection = try await WireConnection.connect(
                to: .host("db.test", port: port),
                connector: Connector(resolver: resolver, group: MultiThreadedEventLoopGroup.singleton),
                context: context, by: deadline)
            return try await connection.run(["hello": 1, "$db": "admin"], by: deadline)
        }
    }

    @Test(arguments: Stage.allCases)
    func aDeadlineEndsEveryStage(_ stage: Stage) async throws {
        var patience = Duration.milliseconds(50)
        try await atBest(below: .milliseconds(100)) {
            let silence = try await Silence(stage)
            let deadline = ContinuousClock.now + patience
            let error = await #expect(throws: TransportError.self) { try await silence.run(by: deadline) }
            let end = ContinuousClock.now
            #expect(error?.code == .deadlineExceeded)
            #expect(end >= deadline)
            if error?.phase == .dns {
                #expect(error?.message.contains("the scripted server did not answer") == true)
            }
            try await silence.expectNothingIsLeft()
            guard error?.phase == stage.phase else {
                // A busy machine did not come that far.
                patience *= 2
                return .seconds(3600)
            }
            return end - deadline
        }
    }

    @Test(arguments: Stage.allCases)
    func aCallerWhoGoesAwayEndsEveryStage(_ stage: Stage) async throws {
        try await atBest(below: .milliseconds(100)) {
            let silence = try await Silence(stage)
            let task = Task { try await silence.run(by: farAway) }
            try await eventually("the stage is reached") { silence.isReached }
            let start = ContinuousClock.now
            task.cancel()
            let result = await task.result
            let taken = ContinuousClock.now - start
            #expect(throws: CancellationError.self) { try result.get() }
            try await silence.expectNothingIsLeft()
            return taken
        }
    }

    /// Cancelled somewhere between the first step and the last, again and again: whatever has come of it, nothing is
    /// left.
    @Test(arguments: [false, true])
    func cancellingAtAnyPointLeavesNothing(withTLS: Bool) async throws {
        let authority = try await TestAuthority.shared
        let server = try await TestServer.start(tls: withTLS ? authority.server("server") : nil)
        var options = TLSOptions()
        options.authoritiesFile = authority.path("ca.crt")
        let tls = withTLS ? options : nil
        let connector = Connector(
            resolver: ScriptedResolver(ipv4: .addresses(["127.0.0.1"])), group: MultiThreadedEventLoopGroup.singleton)
        for step in 0..<60 {
            let task = Task {
                let connection = try await WireConnection.connect(
                    to: .host("db.test", port: server.port), connector: connector, tls: tls, by: farAway)
                _ = try await connection.run(["hello": 1, "$db": "admin"], by: farAway)
                await connection.close()
            }
            try await Task.sleep(for: .microseconds(step * 100))
            task.cancel()
            do {
                try await task.value
            } catch {
                #expect(error is CancellationError, "\(error)")
            }
        }
        try await eventually("no descriptor is left") { Sockets.descriptors(connectedTo: server.port).isEmpty }
        try await eventually("the server has lost its clients") { server.open == 0 }
    }

    @Test func aDeadlineThatHasPassedConnectsToNothing() async throws {
        let server = try await TestServer.start()
        let connector = Connector(
            resolver: ScriptedResolver(ipv4: .silence, ipv6: .silence), group: MultiThreadedEventLoopGroup.singleton)
        let error = await #expect(throws: TransportError.self) {
            try await WireConnection.connect(
                to: .host("db.test", port: server.port), connector: connector, by: .now - .seconds(1))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(error?.phase == .dns)
    }
}
