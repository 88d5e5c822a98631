import ModuleTestSupport
import MongoTransport
import NIOConcurrencyHelpers
import NIOPosix
import NameResolution
import SaslBSON
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The races of ``Connector`` over real sockets.
@Suite struct ConnectorTests {
    private static func connector(_ resolver: ScriptedResolver, _ options: Connector.Options = .init()) -> Connector {
        Connector(resolver: resolver, group: MultiThreadedEventLoopGroup.singleton, options: options)
    }

    private static func connect(
        _ port: UInt16, _ resolver: ScriptedResolver, _ options: Connector.Options = .init(), _ log: EventLog? = nil
    ) async throws -> WireConnection {
        try await WireConnection.connect(
            to: .host("db.test", port: port), connector: connector(resolver, options), by: farAway,
            observe: log?.observe)
    }

    // MARK: - Families

    struct Race: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var ipv4: ScriptedResolver.Answer
        var ipv6: ScriptedResolver.Answer
        /// Where a server listens.
        var listening: [String]
        /// The addresses that neither accept nor refuse.
        var dead: [String] = []
        var attempts: [String]
    }

    private static let refused = "failed: Connection refused"

    private static let ipv4Races = [
        Race(
            testDescription: "only IPv4", ipv4: .addresses(["127.0.0.1"]), ipv6: .failure(.noAddress),
            listening: ["127.0.0.1"], attempts: ["127.0.0.1 connected"]),
        Race(
            testDescription: "no answer for IPv6", ipv4: .addresses(["127.0.0.1"]), ipv6: .silence,
            listening: ["127.0.0.1"], attempts: ["127.0.0.1 connected"]),
        Race(
            testDescription: "a name server that fails for IPv6", ipv4: .addresses(["127.0.0.1"]),
            ipv6: .failure(.temporaryFailure), listening: ["127.0.0.1"], attempts: ["127.0.0.1 connected"]),
        Race(
            testDescription: "the first address refuses", ipv4: .addresses(["127.0.0.2", "127.0.0.1"]),
            ipv6: .failure(.noAddress), listening: ["127.0.0.1"],
            attempts: ["127.0.0.2 \(refused)", "127.0.0.1 connected"]),
        Race(
            testDescription: "the first address is dead", ipv4: .addresses(["127.0.0.2", "127.0.0.1"]),
            ipv6: .failure(.noAddress), listening: ["127.0.0.1"], dead: ["127.0.0.2"],
            attempts: ["127.0.0.2 cancelled", "127.0.0.1 connected"]),
        Race(
            testDescription: "two dead addresses, then one that refuses",
            ipv4: .addresses(["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"]), ipv6: .failure(.noAddress),
            listening: ["127.0.0.1"], dead: ["127.0.0.2", "127.0.0.3"],
            attempts: ["127.0.0.2 cancelled", "127.0.0.3 cancelled", "127.0.0.4 \(refused)", "127.0.0.1 connected"]),
    ]

    private static let ipv6Races = [
        Race(
            testDescription: "only IPv6", ipv4: .failure(.noAddress), ipv6: .addresses(["::1"]), listening: ["::1"],
            attempts: ["::1 connected"]),
        Race(
            testDescription: "both: IPv6 first", ipv4: .addresses(["127.0.0.1"]), ipv6: .addresses(["::1"]),
            listening: ["127.0.0.1", "::1"], attempts: ["::1 connected"]),
        Race(
            testDescription: "both: IPv6 refuses", ipv4: .addresses(["127.0.0.1"]), ipv6: .addresses(["::1"]),
            listening: ["127.0.0.1"], attempts: ["::1 \(refused)", "127.0.0.1 connected"]),
        Race(
            testDescription: "both: IPv6 is dead", ipv4: .addresses(["127.0.0.1"]), ipv6: .addresses(["::1"]),
            listening: ["127.0.0.1"], dead: ["::1"], attempts: ["::1 cancelled", "127.0.0.1 connected"]),
        Race(
            testDescription: "both: alternating", ipv4: .addresses(["127.0.0.2", "127.0.0.1"]),
            ipv6: .addresses(["::1", "::1"]), listening: ["127.0.0.1"],
            attempts: ["::1 \(refused)", "127.0.0.2 \(refused)", "::1 \(refused)", "127.0.0.1 connected"]),
        Race(
            testDescription: "IPv6 answers within the delay", ipv4: .addresses(["127.0.0.1"]),
            ipv6: .late(.milliseconds(1), ["::1"]), listening: ["127.0.0.1", "::1"], attempts: ["::1 connected"]),
    ]

    /// The families are asked for together, and each by itself.
    private static let splitDelays = [Duration.milliseconds(10), .zero]

    @Test(arguments: ipv4Races, splitDelays)
    func reachesTheServer(_ race: Race, splitDelay: Duration) async throws {
        try await Self.run(race, splitDelay: splitDelay)
    }

    @Test(.enabled(if: Sockets.hasIPv6, "this machine has no IPv6"), arguments: ipv6Races, splitDelays)
    func reachesTheServerWithIPv6(_ race: Race, splitDelay: Duration) async throws {
        try await Self.run(race, splitDelay: splitDelay)
    }

    /// A server, and dead listeners on other addresses of its port; another port where somebody else has one of them.
    private static func start(
        listening: [String], dead addresses: [String]
    ) async throws -> (TestServer, [DeadListener]) {
        var attempts = 20
        while true {
            let server = try await TestServer.start(on: listening)
            do {
                var dead: [DeadListener] = []
                for address in addresses { dead.append(try await DeadListener.start(address, port: server.port)) }
                return (server, dead)
            } catch {
                attempts -= 1
                guard attempts > 0 else { throw error }
            }
        }
    }

    /// - Parameter splitDelay: Zero, where each family is asked for by itself.
    private static func run(_ race: Race, splitDelay: Duration) async throws {
        let (server, dead) = try await start(listening: race.listening, dead: race.dead)
        for listener in dead { try #require(listener.isDead, "the condition of the test") }
        let resolver = ScriptedResolver(ipv4: race.ipv4, ipv6: race.ipv6)

        // Where nothing is dead no attempt may have to wait for another: a busy machine must not look like a dead
        // address.
        var options = Connector.Options()
        if race.dead.isEmpty { options.attemptDelay = .seconds(3600) }
        // And an answer for IPv6 that is on its way must not look like one that never comes.
        if case .silence = race.ipv6 {} else { options.resolutionDelay = .seconds(3600) }
        options.familySplitDelay = splitDelay
        let log = EventLog()
        let connection = try await connect(server.port, resolver, options, log)
        #expect(try await connection.run(["hello": 1, "$db": "admin"], by: farAway)["ok"] == 1)

        #expect(log.attempts == race.attempts)
        let starts = log.starts
        for (index, attempt) in log.attempts.enumerated() where attempt.hasSuffix("cancelled") {
            // Nothing but the delay makes the next attempt begin while one is under way.
            #expect(starts[index + 1] - starts[index] >= .milliseconds(249))
        }
        // No look-up goes on, and the losers are closed.
        #expect(resolver.pending.withLockedValue { $0 }.isEmpty)
        let own = 1 + dead.map(\.fillers).reduce(0, +)
        try await eventually("only the winner is open") { Sockets.descriptors(connectedTo: server.port).count == own }
        await connection.close()
        try await eventually("nothing is open") { Sockets.descriptors(connectedTo: server.port).count == own - 1 }
        try await eventually("the server has lost its client") { server.open == 0 }
        #expect(server.accepted == 1)
    }

    // MARK: - Questions

    @Test func aQuickAnswerTakesOneQuestion() async throws {
        let server = try await TestServer.start()
        let resolver = ScriptedResolver(ipv4: .addresses(["127.0.0.1"]))
        var options = Connector.Options()
        options.familySplitDelay = .seconds(3600)
        options.resolutionDelay = .seconds(3600)
        let log = EventLog()
        let connection = try await Self.connect(server.port, resolver, options, log)
        #expect(resolver.asked.withLockedValue { $0 } == [nil])
        #expect(
            log.words == [
                "look up db.test both", "found db.test both: 127.0.0.1", "begin 0 127.0.0.1", "end 0 connected",
            ])
        await connection.close()
    }

    /// IPv6 is waited for from the start of the look-up, and not from the answer for IPv4.
    @Test func aSilentAnswerForIPv6CostsItsDelayAndNoMore() async throws {
        let server = try await TestServer.start()
        let resolver = ScriptedResolver(ipv4: .late(.milliseconds(20), ["127.0.0.1"]), ipv6: .silence)
        try await atBest(below: .milliseconds(65)) {
            let log = EventLog()
            let connection = try await Self.connect(server.port, resolver, .init(), log)
            #expect(log.addresses == [try #require(IPAddress("127.0.0.1"))])
            #expect(
                log.words.prefix(4) == [
                    "look up db.test both", "look up db.test IPv6", "look up db.test IPv4",
                    "found db.test IPv4: 127.0.0.1",
                ])
            await connection.close()
            let start = try #require(log.starts.first)
            #expect(start >= .milliseconds(49))
            return start
        }
    }

    @Test(.timeLimit(.minutes(1))) func aLateAnswerForBothServesToo() async throws {
        let server = try await TestServer.start()
        let resolver = ScriptedResolver(
            ipv4: .silence, ipv6: .silence, both: .late(.milliseconds(20), ["127.0.0.1"]))
        var options = Connector.Options()
        options.familySplitDelay = .milliseconds(1)
        let connection = try await Self.connect(server.port, resolver, options)
        #expect(resolver.asked.withLockedValue { $0.first } == .some(nil))
        #expect(resolver.asked.withLockedValue { $0.count } == 3)
        // The others are cancelled; the test's time limit bounds how long they take to notice.
        while !resolver.pending.withLockedValue({ $0.isEmpty }) { await Task.yield() }
        await connection.close()
    }

    @Test func aLiteralAsksNobody() async throws {
        let server = try await TestServer.start()
        let (resolver, log) = (ScriptedResolver(both: .silence), EventLog())
        let connection = try await WireConnection.connect(
            to: .host("127.0.0.1", port: server.port), connector: Self.connector(resolver), by: farAway,
            observe: log.observe)
        #expect(resolver.asked.withLockedValue { $0.isEmpty })
        #expect(log.words == ["begin 0 127.0.0.1", "end 0 connected"])
        await connection.close()
    }

    // MARK: - Events

    /// A connect that stalls is seen while it stalls.
    @Test func eventsComeWhenTheyHappen() async throws {
        let dead = try await DeadListener.start("127.0.0.1")
        try #require(dead.isDead, "the condition of the test")
        let (resolver, log) = (ScriptedResolver(ipv4: .addresses(["127.0.0.1"])), EventLog())
        let task = Task { try await Self.connect(dead.port, resolver, .init(), log) }
        let stalled = ["look up db.test both", "found db.test both: 127.0.0.1", "begin 0 127.0.0.1"]
        try await eventually("the attempt is told of") { log.words == stalled }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(log.words == stalled + ["end 0 cancelled"])
    }

    /// The second address costs the delay of 250 ms and little more.
    @Test func aDeadAddressCostsTheDelayAndNoMore() async throws {
        let (server, dead) = try await Self.start(listening: ["127.0.0.1"], dead: ["127.0.0.2"])
        for listener in dead { try #require(listener.isDead, "the condition of the test") }
        let resolver = ScriptedResolver(ipv4: .addresses(["127.0.0.2", "127.0.0.1"]))
        try await atBest(below: .milliseconds(300)) {
            let log = EventLog()
            let connection = try await Self.connect(server.port, resolver, .init(), log)
            await connection.close()
            return try #require(log.connected)
        }
    }

    // MARK: - Bounds

    /// 127.0.1.1 to 127.0.1.n refuse; the last address of the list is where the server listens.
    @Test(arguments: [(15, true), (16, false), (40, false)])
    func atMostSixteenAddressesAreTried(refusing: Int, isReached: Bool) async throws {
        let server = try await TestServer.start()
        let addresses = (1...refusing).map { "127.0.1.\($0)" } + ["127.0.0.1"]
        let resolver = ScriptedResolver(ipv4: .addresses(addresses))
        let log = EventLog()
        if isReached {
            let connection = try await Self.connect(server.port, resolver, .init(), log)
            #expect(log.attempts.count == 16)
            await connection.close()
        } else {
            let error = await #expect(throws: TransportError.self) {
                try await Self.connect(server.port, resolver, .init(), log)
            }
            #expect(error?.code == .connect)
            #expect(error?.phase == .tcp)
            #expect(log.attempts.count == 16)
            #expect(log.addresses.count == refusing + 1)
            #expect(error?.message.contains("127.0.1.16: Connection refused") == true)
        }
    }

    // MARK: - Names that do not resolve

    @Test(arguments: [
        (NameResolutionError.Code.noSuchName, NameResolutionError.Code.noSuchName, NameResolutionError.Code.noSuchName),
        (.noAddress, .noSuchName, .noSuchName), (.noAddress, .noAddress, .noAddress),
        (.temporaryFailure, .noSuchName, .temporaryFailure), (.noAddress, .failure, .failure),
    ])
    func aNameWithoutAddresses(
        ipv4: NameResolutionError.Code, ipv6: NameResolutionError.Code, told: NameResolutionError.Code
    ) async throws {
        let resolver = ScriptedResolver(ipv4: .failure(ipv4), ipv6: .failure(ipv6))
        for splitDelay in Self.splitDelays {
            var options = Connector.Options()
            options.familySplitDelay = splitDelay
            let log = EventLog()
            let error = await #expect(throws: TransportError.self) {
                try await Self.connect(1, resolver, options, log)
            }
            #expect(error?.code == .nameResolution)
            #expect(error?.phase == .dns)
            #expect((error?.underlying as? NameResolutionError)?.code == told)
            #expect(log.attempts.isEmpty)
        }
    }

    @Test func anAnswerWithoutAddressesIsNoAddress() async throws {
        let resolver = ScriptedResolver(ipv4: .addresses([]), ipv6: .addresses([]))
        let error = await #expect(throws: TransportError.self) { try await Self.connect(1, resolver) }
        #expect(error?.code == .nameResolution)
        #expect(error?.message.contains("it has no address") == true)
    }

    // MARK: - Sockets

    @Test func smallPacketsGoAtOnceAndDeadPeersAreNoticed() async throws {
        let server = try await TestServer.start()
        let connection = try await Self.connect(server.port, ScriptedResolver(ipv4: .addresses(["127.0.0.1"])))
        let descriptor = try #require(Sockets.descriptors(connectedTo: server.port).first)
        #expect(Sockets.option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY) != 0)
        #expect(Sockets.option(descriptor, SOL_SOCKET, SO_KEEPALIVE) != 0)
        await connection.close()
    }

    @Test func aUnixDomainSocket() async throws {
        let path = "/tmp/transport-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        defer { unlink(path) }
        let server = try await TestServer.start(path: path)
        let log = EventLog()
        let connection = try await WireConnection.connect(
            to: .unixSocket(path: path), connector: Self.connector(ScriptedResolver()), by: farAway,
            observe: log.observe)
        #expect(try await connection.run(["hello": 1, "$db": "admin"], by: farAway)["ok"] == 1)
        #expect(log.words == ["begin 0 \(path)", "end 0 connected"])
        #expect(log.families == [nil])
        await connection.close()
        try await eventually("the server has lost its client") { server.open == 0 }
    }

    @Test(arguments: [
        ("/nowhere/x.sock", "No such file or directory"), ("/", "Connection refused"),
        ("/" + String(repeating: "x", count: 200), "too long"),
    ])
    func aPathWhereNobodyListens(path: String, reason: String) async throws {
        let error = await #expect(throws: TransportError.self) {
            try await WireConnection.connect(
                to: .unixSocket(path: path), connector: Self.connector(ScriptedResolver()), by: farAway)
        }
        #expect(error?.code == .connect)
        #expect(error?.phase == .tcp)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
}
