import BlockingWork
import Foundation
import NameResolution
import TestSupport
import Testing

@Suite("SRV and TXT through name servers", .timeLimit(.minutes(2))) struct ServiceResolverTests {
    static let name = "_mongodb._tcp.db.example.com"
    static let addresses = ["127.0.0.1", "::1"]

    typealias Server = ServiceDNSServer

    static func resolver(
        _ servers: [Server], timeout: Duration = .seconds(30), attempts: Int = 1, usesTCPOnly: Bool = false,
        rotates: Bool = false
    ) -> ServedResolver {
        ServedResolver(
            servers: servers,
            resolver: DNSServiceResolver(
                workers: BlockingWorkers(),
                configuration: DNSConfiguration(
                    nameServers: servers.map(\.nameServer), timeout: timeout, attempts: attempts,
                    usesTCPOnly: usesTCPOnly, rotates: rotates)))
    }

    static var soon: ContinuousClock.Instant { .now + .seconds(60) }

    static func targets(
        _ resolver: any ServiceResolver, _ name: String = name, by deadline: ContinuousClock.Instant = soon
    ) async throws -> [String] {
        try await resolver.services(of: name, by: deadline).map(\.target)
    }

    /// The error of a look-up that must fail.
    static func failure(
        _ resolver: any ServiceResolver, _ name: String = name, by deadline: ContinuousClock.Instant = soon
    ) async throws -> NameResolutionError {
        try await #require(throws: NameResolutionError.self) { try await resolver.services(of: name, by: deadline) }
    }

    // MARK: - Answers

    @Test("SRV records over both families", arguments: addresses) func services(_ address: String) async throws {
        let server = try Server(address) { query in
            Answer(
                to: query, .srv(encodedName("b.example.com"), port: 27018, priority: 1, weight: 2, ttl: 60),
                .srv("a.example.com"))
        }
        let records = try await Self.resolver([server]).services(of: Self.name, by: Self.soon)
        let expected = [
            SRVRecord(priority: 1, weight: 2, port: 27018, target: "b.example.com", ttl: .seconds(60)),
            SRVRecord(priority: 0, weight: 0, port: 27017, target: "a.example.com", ttl: .seconds(300)),
        ]
        #expect(records == expected)
        #expect((server.udpCount, server.tcpCount) == (1, 0))
    }

    @Test("TXT records over both families", arguments: addresses) func texts(_ address: String) async throws {
        let server = try Server(address) { query in
            Answer(to: query, .txt(Array("replica".utf8), Array("Set=a".utf8)), .txt([]))
        }
        let records = try await Self.resolver([server]).texts(of: "db.example.com", by: Self.soon)
        #expect(
            records.map { $0.strings.map { String(decoding: $0, as: UTF8.self) } } == [["replica", "Set=a"], [""]])
    }

    @Test("the name is asked for as it stands and no other", arguments: ["db", "db.", "db.example.com"])
    func absolute(_ name: String) async throws {
        let server = try Server { Answer(to: $0).failing(3) }
        let error = try await Self.failure(Self.resolver([server], attempts: 2), name)
        #expect(error.code == .noSuchName)
        #expect(error.name == name)
        #expect(server.udpCount == 1)
        var queries = server.queries.makeAsyncIterator()
        let query = try #require(await queries.next()).query
        // Behind the question stands how long a datagram may be.
        #expect(Array(query[12...]) == encodedName(name) + [0, 33, 0, 1] + [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])
    }

    @Test("an alias is followed to the records in the answer") func alias() async throws {
        let server = try Server { query in
            Answer(to: query, .cname("other.example.com"), .srv("a.b").owned(by: "OTHER.example.com"))
        }
        #expect(try await Self.targets(Self.resolver([server])) == ["a.b"])
    }

    // MARK: - TCP

    @Test("an answer that does not fit a datagram comes over TCP", arguments: addresses)
    func truncated(_ address: String) async throws {
        let server = try Server(address) { query, transport in
            switch transport {
            // What a truncated answer has is not the whole: it does not count.
            case .udp: .send([Answer(to: query, .srv("part.b")).truncated.encoded])
            case .tcp: .send([Answer(to: query, .srv("part.b"), .srv("whole.b")).encoded])
            }
        }
        #expect(try await Self.targets(Self.resolver([server])) == ["part.b", "whole.b"])
        #expect((server.udpCount, server.tcpCount) == (1, 1))
    }

    @Test("a TXT record of 60 KiB arrives whole") func huge() async throws {
        let string = [UInt8](repeating: 0x61, count: 255)
        let strings = Array(repeating: string, count: 240)
        let server = try Server { query, transport in
            let answer = Answer(to: query)
            guard transport == .tcp else { return .send([answer.truncated.encoded]) }
            let data = strings.flatMap { [UInt8(255)] + $0 }
            return .send([answer.with { $0.records = [Record(type: 16, data: data)] }.encoded])
        }
        let records = try await Self.resolver([server]).texts(of: "db.example.com", by: Self.soon)
        #expect(records.map(\.strings) == [strings])
    }

    @Test("TCP alone, where the configuration says so") func tcpOnly() async throws {
        let server = try Server { Answer(to: $0, .srv("a.b")) }
        #expect(try await Self.targets(Self.resolver([server], usesTCPOnly: true)) == ["a.b"])
        #expect((server.udpCount, server.tcpCount) == (0, 1))
    }

    enum BadStream: String, CaseIterable {
        case closed, shortLength, shortMessage, empty, otherID, garbage, truncated
    }

    @Test("a TCP answer that is none is a failure of its server", arguments: BadStream.allCases)
    func badStream(_ kind: BadStream) async throws {
        let bad = try Server { query, transport in
            guard transport == .tcp else { return .send([Answer(to: query).truncated.encoded]) }
            let answer = Answer(to: query, .srv("bad.b"))
            return switch kind {
            case .closed: .close
            case .shortLength: .sendRaw([0])
            case .shortMessage: .sendRaw([0, 200] + answer.encoded)
            case .empty: .send([[]])
            case .otherID: .send([answer.with { $0.id ^= 1 }.encoded])
            case .garbage: .send([[UInt8](repeating: 0xA5, count: 100)])
            case .truncated: .send([answer.truncated.encoded])
            }
        }
        let error = try await Self.failure(Self.resolver([bad]))
        let isMalformed = [.empty, .otherID, .garbage, .truncated].contains(kind)
        #expect(error.code == (isMalformed ? .malformedAnswer : .temporaryFailure), "\(error)")
        let good = try Server { Answer(to: $0, .srv("good.b")) }
        #expect(try await Self.targets(Self.resolver([bad, good])) == ["good.b"])
    }

    // MARK: - No answer

    @Test("a name without records of the type") func noRecords() async throws {
        let server = try Server { Answer(to: $0) }
        let error = try await Self.failure(Self.resolver([server]))
        #expect(error.code == .noRecords)
        #expect(error.message.contains("SRV"))
        let text = try await #require(throws: NameResolutionError.self) {
            try await Self.resolver([server]).texts(of: Self.name, by: Self.soon)
        }
        #expect(text.code == .noRecords)
        #expect(text.message.contains("TXT"))
    }

    @Test("a service that is decidedly not there") func noService() async throws {
        let server = try Server { Answer(to: $0, .srv([0])) }
        let error = try await Self.failure(Self.resolver([server]))
        #expect(error.code == .noRecords)
    }

    @Test(
        "a server that cannot or will not answer is named with its reason",
        arguments: [(1, "FORMERR"), (2, "SERVFAIL"), (4, "NOTIMP"), (5, "REFUSED")] as [(UInt16, String)]
    ) func serverFailure(_ code: UInt16, _ mnemonic: String) async throws {
        let server = try Server { Answer(to: $0).failing(code) }
        let error = try await Self.failure(Self.resolver([server], attempts: 2))
        #expect(error.code == .temporaryFailure)
        #expect(error.message.contains("\(server.nameServer): \(mnemonic)"))
        // What may be about EDNS(0) is asked once more without it.
        #expect(server.udpCount == ([1, 4].contains(code) ? 3 : 2))
    }

    @Test("silence: each server is asked as often as configured") func silence() async throws {
        let servers = try (0..<2).map { _ in try Server { _, _ in .silence } }
        let resolver = Self.resolver(servers, timeout: .milliseconds(50), attempts: 3)
        let error = try await Self.failure(resolver)
        #expect(error.code == .temporaryFailure)
        for server in servers {
            #expect(error.message.contains("\(server.nameServer)"))
            var queries = server.queries.makeAsyncIterator()
            for _ in 0..<3 { #expect(await queries.next() != nil) }
            #expect(server.udpCount == 3)
        }
    }

    @Test("the deadline ends a look-up, over UDP and TCP", arguments: [false, true])
    func deadline(_ usesTCPOnly: Bool) async throws {
        let server = try Server { _, _ in .silence }
        let resolver = Self.resolver([server], timeout: .seconds(600), usesTCPOnly: usesTCPOnly)
        let error = try await Self.failure(resolver, by: .now + .milliseconds(200))
        #expect(error.code == .deadlineExceeded)
    }

    @Test("a server that talks on past the deadline does not hold it up") func chatter() async throws {
        let server = try Server { query, _ in
            .send(Array(repeating: Answer(to: query).with { $0.id ^= 1 }.encoded, count: 200))
        }
        let resolver = Self.resolver([server], timeout: .seconds(600))
        let error = try await Self.failure(resolver, by: .now + .milliseconds(200))
        #expect(error.code == .deadlineExceeded)
    }

    @Test("a deadline in the past asks nobody") func pastDeadline() async throws {
        let server = try Server { Answer(to: $0, .srv("a.b")) }
        let error = try await Self.failure(Self.resolver([server]), by: .now - .seconds(1))
        #expect(error.code == .deadlineExceeded)
        #expect(server.udpCount == 0)
    }

    @Test("cancelling ends a look-up at once and closes its connection") func cancelling() async throws {
        let server = try Server { _, _ in .silence }
        let resolver = Self.resolver([server], timeout: .seconds(600), usesTCPOnly: true)
        let task = Task { try await resolver.services(of: Self.name, by: .now + .seconds(600)) }
        var queries = server.queries.makeAsyncIterator()
        _ = await queries.next()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        var endings = server.endings.makeAsyncIterator()
        #expect(await endings.next() != nil)
    }

    @Test("nobody to ask") func noServers() async throws {
        #expect(try await Self.failure(Self.resolver([])).code == .failure)
    }

    @Test("a text that is no name asks nobody", arguments: ["", "a..b", "a b", "é", String(repeating: "a", count: 64)])
    func invalidName(_ name: String) async throws {
        let server = try Server { Answer(to: $0, .srv("a.b")) }
        #expect(try await Self.failure(Self.resolver([server]), name).code == .invalidName)
        #expect(server.udpCount == 0)
    }

    // MARK: - Answers that are none

    enum Chaff: String, CaseIterable, Sendable {
        case otherID, otherName, otherType, garbage, short, empty, query

        func message(for query: [UInt8]) -> [UInt8] {
            let answer = Answer(to: query, .srv("evil.b"))
            return switch self {
            case .otherID: answer.with { $0.id ^= 0x8000 }.encoded
            case .otherName: answer.with { $0.question = encodedName("_mongodb._tcp.other") + [0, 33, 0, 1] }.encoded
            case .otherType: answer.with { $0.question = Array($0.question.dropLast(4)) + [0, 16, 0, 1] }.encoded
            case .garbage: [UInt8](repeating: 0xA5, count: 300)
            case .short: Array(query[..<11])
            case .empty: []
            case .query: query
            }
        }
    }

    @Test("what is no answer is ignored, and the answer awaited", arguments: Chaff.allCases)
    func ignored(_ chaff: Chaff) async throws {
        let server = try Server { query, _ in
            .send([chaff.message(for: query), Answer(to: query, .srv("a.b")).encoded])
        }
        #expect(try await Self.targets(Self.resolver([server])) == ["a.b"])
        #expect(server.udpCount == 1)
    }

    @Test("a server that sends nothing else sends garbage", arguments: Chaff.allCases)
    func onlyChaff(_ chaff: Chaff) async throws {
        let server = try Server { query, _ in .send([chaff.message(for: query)]) }
        // Only time tells that nothing else comes.
        let error = try await Self.failure(Self.resolver([server], timeout: .seconds(3)))
        #expect(error.code == .malformedAnswer, "\(error)")
    }

    @Test("an answer from another port is not believed") func forged() async throws {
        let server = try Server { query, _ in
            .forge(Answer(to: query, .srv("evil.b")).encoded, then: Answer(to: query, .srv("a.b")).encoded)
        }
        #expect(try await Self.targets(Self.resolver([server])) == ["a.b"])
    }

    @Test("an answer whose names lead in circles is malformed") func compressionLoop() async throws {
        let server = try Server { Answer(to: $0, .srv([0xC0, ServiceAnswerTests.target])) }
        let error = try await Self.failure(Self.resolver([server]))
        #expect(error.code == .malformedAnswer)
    }

    @Test("each question has a new id") func ids() async throws {
        let server = try Server { Answer(to: $0).failing(2) }
        _ = try await Self.failure(Self.resolver([server], attempts: 8))
        var queries = server.queries.makeAsyncIterator()
        var ids: Set<[UInt8]> = []
        for _ in 0..<8 { ids.insert(Array(try #require(await queries.next()).query[..<2])) }
        // Eight that are all the same come once in 2^112 runs.
        #expect(ids.count > 1)
    }

    // MARK: - Several servers

    enum Trouble: String, CaseIterable, Sendable {
        case failing, refusing, silent, malformed, lame, chaff

        func reaction(to query: [UInt8]) -> Server.Reaction {
            let answer = Answer(to: query)
            return switch self {
            case .failing: .send([answer.failing(2).encoded])
            case .refusing: .send([answer.failing(5).encoded])
            case .silent: .silence
            case .malformed: .send([answer.with { $0.announced = 1 }.encoded])
            case .lame: .send([answer.with { $0.flags = 0x8100 }.encoded])
            case .chaff: .send([answer.with { $0.id ^= 1 }.encoded])
            }
        }
    }

    @Test("when a server has no answer, the next one has", arguments: Trouble.allCases)
    func fallback(_ trouble: Trouble) async throws {
        let bad = try Server { query, _ in trouble.reaction(to: query) }
        let good = try Server("::1") { Answer(to: $0, .srv("a.b")) }
        let resolver = Self.resolver([bad, good], timeout: .seconds(3))
        #expect(try await Self.targets(resolver) == ["a.b"])
        #expect((bad.udpCount, good.udpCount) == (1, 1))
    }

    @Test("a server whose port is closed costs no time") func closedPort() async throws {
        let good = try Server { Answer(to: $0, .srv("a.b")) }
        // Loopback has many addresses, and the server has its port on one of them.
        let closed = NameServer(try #require(IPAddress("127.0.0.2")), port: good.nameServer.port)
        let configuration = DNSConfiguration(nameServers: [closed, good.nameServer], timeout: .seconds(600))
        let resolver = DNSServiceResolver(workers: BlockingWorkers(), configuration: configuration)
        #expect(try await Self.targets(resolver) == ["a.b"])
        #expect(good.udpCount == 1)
    }

    @Test("that a name does not exist is an answer") func noFallback() async throws {
        let first = try Server { Answer(to: $0).failing(3) }
        let second = try Server { Answer(to: $0, .srv("a.b")) }
        let error = try await Self.failure(Self.resolver([first, second]))
        #expect(error.code == .noSuchName)
        #expect(second.udpCount == 0)
    }

    @Test("only when every server sends garbage, garbage is the reason") func mixedTrouble() async throws {
        let bad = try Server { query, _ in Trouble.malformed.reaction(to: query) }
        let failing = try Server { query, _ in Trouble.failing.reaction(to: query) }
        let both = try await Self.failure(Self.resolver([bad, failing]))
        #expect(both.code == .temporaryFailure)
        #expect(both.message.contains("\(bad.nameServer)") && both.message.contains("\(failing.nameServer)"))
        #expect(try await Self.failure(Self.resolver([bad, bad])).code == .malformedAnswer)
    }

    @Test("with rotation every server has its turn") func rotation() async throws {
        let servers = try (0..<2).map { _ in try Server { Answer(to: $0, .srv("a.b")) } }
        let resolver = Self.resolver(servers, rotates: true)
        // A server that is left out of 64 look-ups is chosen once in 2^63 runs.
        for _ in 0..<64 { _ = try await Self.targets(resolver) }
        #expect(servers.map(\.udpCount).allSatisfy { $0 > 0 })
    }
}
