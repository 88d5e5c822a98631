import NameResolution
import TestSupport
import Testing

/// Answers of more than 512 bytes over UDP (EDNS(0), RFC 6891).
@Suite(.timeLimit(.minutes(2))) struct ExtendedQueryTests {
    private static let targets = (0..<40).map { "member-\($0).example.com" }

    /// How many bytes a query says that it takes; 512 where it says nothing of that.
    private static func room(of query: [UInt8]) -> Int {
        guard query[11] == 1 else { return 512 }
        let record = query.suffix(11)
        #expect(Array(record.prefix(3)) == [0, 0, 41] && record.suffix(6).allSatisfy { $0 == 0 })
        return record.dropFirst(3).prefix(2).reduce(0) { $0 << 8 | Int($1) }
    }

    private static func answer(_ query: [UInt8], _ count: Int) -> Answer {
        Answer(to: query).with { $0.records = targets.prefix(count).map { .srv($0) } }
    }

    /// A network that lets no TCP through to the name server.
    @Test func aLongAnswerNeedsNoTCP() async throws {
        let server = try ServiceDNSServer { query, transport in
            guard transport == .udp else { return .close }
            let answer = Self.answer(query, 20)
            #expect(answer.encoded.count > 512 && answer.encoded.count <= 1232)
            return .send([answer.encoded.count <= Self.room(of: query) ? answer.encoded : answer.truncated.encoded])
        }
        let resolver = ServiceResolverTests.resolver([server])
        #expect(try await ServiceResolverTests.targets(resolver) == Array(Self.targets.prefix(20)))
        #expect(server.udpCount == 1 && server.tcpCount == 0)
    }

    /// FORMERR and NOTIMP are what servers say that do not know the extension.
    @Test(arguments: [UInt16(1), 4])
    func aServerThatDoesNotKnowItIsAskedWithout(code: UInt16) async throws {
        let server = try ServiceDNSServer(answering: { query in
            query[11] == 1 ? Answer(to: query).failing(code) : Self.answer(query, 2)
        })
        let resolver = ServiceResolverTests.resolver([server])
        #expect(try await ServiceResolverTests.targets(resolver) == Array(Self.targets.prefix(2)))
        #expect(server.udpCount == 2)
    }

    /// Some networks drop what they do not know.
    @Test func whoIsSilentIsAskedWithoutInTheNextRound() async throws {
        let server = try ServiceDNSServer { query, _ in
            query[11] == 1 ? .silence : .send([Self.answer(query, 2).encoded])
        }
        let resolver = ServiceResolverTests.resolver([server], timeout: .milliseconds(200), attempts: 2)
        #expect(try await ServiceResolverTests.targets(resolver) == Array(Self.targets.prefix(2)))
        #expect(server.udpCount == 2)
    }

    /// What does not fit even so comes over TCP, as before.
    @Test func whatDoesNotFitComesOverTCP() async throws {
        let server = try ServiceDNSServer { query, transport in
            let answer = Self.answer(query, 40)
            let fits = transport == .tcp || answer.encoded.count <= Self.room(of: query)
            return .send([fits ? answer.encoded : answer.truncated.encoded])
        }
        let resolver = ServiceResolverTests.resolver([server])
        #expect(try await ServiceResolverTests.targets(resolver) == Self.targets)
        #expect(server.tcpCount == 1)
    }

    /// A server that only knows who else might know says so with a record about the extension besides.
    @Test func aReferralIsNoAnswer() async throws {
        let lame = try ServiceDNSServer { query, _ in
            var message = Answer(to: query).with { $0.flags = 0x8000 }.encoded
            if query[11] == 1 {
                message[11] = 1
                message += [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]
            }
            return .send([message])
        }
        let good = try ServiceDNSServer(answering: { Self.answer($0, 1) })
        let resolver = ServiceResolverTests.resolver([lame, good])
        #expect(try await ServiceResolverTests.targets(resolver) == Array(Self.targets.prefix(1)))
    }
}
