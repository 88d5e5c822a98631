import BlockingWork
import Foundation
import NameResolution
import TestSupport
import Testing

@Suite("SRV and TXT: threads, descriptors, configuration", .timeLimit(.minutes(2))) struct ServiceResourceTests {
    typealias Server = ServiceDNSServer
    typealias Lookups = ServiceResolverTests

    @Test("a look-up that hangs holds up no other") func concurrent() async throws {
        let server = try Server { query, _ in
            query[13] == UInt8(ascii: "x") ? .silence : .send([Answer(to: query, .srv("a.b")).encoded])
        }
        let resolver = Lookups.resolver([server], timeout: .seconds(600))
        let stuck = Task { try await resolver.services(of: "x", by: .now + .seconds(600)) }
        let answered = try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<100 {
                group.addTask { try await Lookups.targets(resolver, "n\(index)").count }
            }
            return try await group.reduce(0, +)
        }
        #expect(answered == 100)
        stuck.cancel()
        await #expect(throws: CancellationError.self) { try await stuck.value }
    }

    /// How many are open. Other descriptors belong to the run-time system, which keeps timers.
    static func socketsAndPipes() throws -> Int {
        let folder = "/proc/self/fd"
        return try FileManager.default.contentsOfDirectory(atPath: folder).count { entry in
            let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(entry)")) ?? ""
            return target.hasPrefix("socket:") || target.hasPrefix("pipe:")
        }
    }

    @Test("no descriptor is left, however a look-up ends") func descriptors() async {
        await #expect(processExitsWith: .success) {
            let silent = try Server { _, _ in .silence }
            let failing = try Server { Answer(to: $0).failing(2) }
            let good = try Server { query, transport in
                let answer = Answer(to: query, .srv("a.b"))
                return .send([transport == .udp ? answer.truncated.encoded : answer.encoded])
            }
            var queries = silent.queries.makeAsyncIterator()
            let before = try Self.socketsAndPipes()
            for usesTCPOnly in [false, true] {
                func look(at server: Server, for time: Duration = .seconds(60)) async throws {
                    let resolver = Lookups.resolver([server], timeout: .seconds(600), usesTCPOnly: usesTCPOnly)
                    _ = try await resolver.services(of: Lookups.name, by: .now + time)
                }
                try await look(at: good)
                await #expect(throws: NameResolutionError.self) { try await look(at: failing) }
                let closed = NameServer(try #require(IPAddress("127.0.0.2")), port: good.nameServer.port)
                let resolver = DNSServiceResolver(
                    workers: BlockingWorkers(),
                    configuration: DNSConfiguration(nameServers: [closed], usesTCPOnly: usesTCPOnly))
                await #expect(throws: NameResolutionError.self) {
                    try await resolver.services(of: Lookups.name, by: Lookups.soon)
                }
                await #expect(throws: NameResolutionError.self) { try await look(at: silent, for: .milliseconds(300)) }
                _ = await queries.next()
                let task = Task { try await look(at: silent) }
                _ = await queries.next()
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
            // The threads close what is theirs a moment later, and so do the servers.
            while try Self.socketsAndPipes() > before { await Task.yield() }
            withExtendedLifetime((silent, failing, good)) {}
        }
    }

    // MARK: - Configuration

    @Test("the system's configuration is that of resolv.conf") func system() throws {
        let configuration = try DNSConfiguration.system()
        let file = try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)
        let expected = (file ?? "").split(separator: "\n").compactMap { line -> NameServer? in
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count > 1, words[0] == "nameserver" else { return nil }
            return IPAddress(String(words[1])).map { NameServer($0) }
        }
        let local = try #require(IPAddress("127.0.0.1"))
        #expect(configuration.nameServers == (expected.isEmpty ? [NameServer(local)] : Array(expected.prefix(3))))
        #expect(configuration.timeout > .zero)
        #expect(configuration.attempts > 0)
    }

    @Test("RES_OPTIONS overrides the file") func options() async {
        await #expect(processExitsWith: .success) {
            setenv("RES_OPTIONS", "timeout:7 attempts:4 use-vc rotate", 1)
            let configuration = try DNSConfiguration.system()
            try #require(configuration.timeout == .seconds(7))
            try #require(configuration.attempts == 4)
            try #require(configuration.usesTCPOnly && configuration.rotates)
        }
    }

    @Test("a name server prints with its port") func description() throws {
        #expect("\(NameServer(try #require(IPAddress("192.0.2.1"))))" == "192.0.2.1:53")
        #expect("\(NameServer(try #require(IPAddress("2001:db8::1")), port: 5353))" == "[2001:db8::1]:5353")
    }
}
