import NameResolution
import TestSupport
import Testing

@Suite("What a name server's message means") struct ServiceAnswerTests {
    static let name = "_mongodb._tcp.db.example.com"

    static func query(_ type: DNSRecordType = .srv, name: String = name) throws -> DNSQuery {
        DNSQuery(id: 0xBEEF, question: DNSQuestion(name: try DNSName(name), type: type))
    }

    static func record(_ target: String, port: UInt16 = 27017, ttl: Duration = .seconds(300)) -> DNSRecordData {
        .service(SRVRecord(priority: 0, weight: 0, port: port, target: target, ttl: ttl))
    }

    /// The records of an answer to the query for SRV records; `nil` when it is anything else.
    static func records(_ answer: Answer) throws -> [DNSRecordData]? {
        guard case .records(let records) = DNSAnswer(answer.encoded, to: try query()) else { return nil }
        return records
    }

    static func answer(_ records: Record...) throws -> Answer {
        Answer(to: try query()).with { $0.records = records }
    }

    @Test("a query is a header and a question, byte for byte") func query() throws {
        let query = DNSQuery(id: 0x1234, question: DNSQuestion(name: try DNSName("a.bC."), type: .txt))
        let header: [UInt8] = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        let question: [UInt8] = [1, 0x61, 2, 0x62, 0x43, 0, 0, 16, 0, 1]
        #expect(query.encoded == header + question)
    }

    @Test("records come in the answer's order, whatever the case of names and however they are compressed")
    func records() throws {
        // The question's name is at byte 12; its label "db" is 14 and 5 bytes further on.
        let question = try Self.query().encoded[12...]
        let answer = try Self.answer(
            .srv([1, 0x42, 0xC0, 12 + 14]).owned(by: "_MONGODB._tcp.DB.example.COM"),
            .srv("a.example.com", port: 1),
            Record.srv(encodedName("c"), ttl: 0x8000_0000))
        #expect(question[question.startIndex + 14] == 2)
        let expected = [
            Self.record("B.db.example.com"), Self.record("a.example.com", port: 1), Self.record("c", ttl: .zero),
        ]
        #expect(try Self.records(answer) == expected)
    }

    @Test("priority, weight and port are told apart") func fields() throws {
        let answer = try Self.answer(.srv(encodedName("a.b"), port: 0x0506, priority: 0x0102, weight: 0x0304))
        let expected = SRVRecord(priority: 0x0102, weight: 0x0304, port: 0x0506, target: "a.b", ttl: .seconds(300))
        #expect(try Self.records(answer) == [.service(expected)])
    }

    @Test("an answer repeats the question in any case of letters") func caseOfQuestion() throws {
        var answer = try Self.answer(.srv("a.b"))
        answer.question = encodedName(Self.name.uppercased()) + [0, 33, 0, 1]
        #expect(try Self.records(answer) == [Self.record("a.b")])
    }

    @Test("strings keep their bytes and their borders") func texts() throws {
        let query = try Self.query(.txt)
        let full = [UInt8](repeating: 0xFF, count: 255)
        let message = Answer(to: query, .txt([0x61], [], full), .txt([])).encoded
        guard case .records(let records) = DNSAnswer(message, to: query) else {
            Issue.record("not read")
            return
        }
        let expected = [[[0x61], [], full], [[]]].map {
            DNSRecordData.text(TXTRecord(strings: $0, ttl: .seconds(300)))
        }
        #expect(records == expected)
    }

    @Test("records of another name, type or class are not believed") func otherRecords() throws {
        var chaos = Record.srv("a.b")
        chaos.recordClass = 3
        let answer = try Self.answer(
            .srv("a.b").owned(by: "_mongodb._tcp.db.example.org"), .txt([0x61]), chaos,
            Record(type: 46, data: [1, 2, 3]), .srv("right.b"))
        #expect(try Self.records(answer) == [Self.record("right.b")])
        #expect(try Self.records(Self.answer(.txt([0x61]))) == [])
    }

    @Test("a target that is the root means that there is no service") func noService() throws {
        #expect(try Self.records(Self.answer(.srv([0]))) == [.noService])
    }

    @Test("what follows the announced records does not count") func trailing() throws {
        let answer = try Self.answer(.srv("a.b"), .srv("c.d")).with { $0.announced = 1 }
        #expect(try Self.records(answer) == [Self.record("a.b")])
    }

    // MARK: - Aliases

    /// Aliases from the question's name through `c1`, `c2`… and a record at the end.
    static func chain(of count: Int) throws -> Answer {
        var answer = try answer()
        answer.records = (1...count).map { index in
            index == 1 ? .cname("C1.x") : .cname("C\(index).x", owner: encodedName("c\(index - 1).x"))
        }
        answer.records.insert(.srv("a.b").owned(by: "c\(count).X"), at: 0)
        return answer
    }

    @Test("aliases are followed, in any order", arguments: [1, 2, 16]) func aliases(_ count: Int) throws {
        #expect(try Self.records(Self.chain(of: count)) == [Self.record("a.b")])
    }

    @Test("an alias to a name without records gives none") func danglingAlias() throws {
        #expect(try Self.records(Self.answer(.cname("x.y"))) == [])
    }

    static func endlessAliases() throws -> [Answer] {
        [
            try chain(of: 17),
            try answer(.cname(name)),
            try answer(.cname("x.y"), .cname(name, owner: encodedName("x.y"))),
            try answer(.cname("x.y"), .cname("x.z")),
        ]
    }

    @Test("aliases without end, and two for one name, are malformed", arguments: [0, 1, 2, 3])
    func endless(_ index: Int) throws {
        #expect(Self.isMalformed(DNSAnswer(try Self.endlessAliases()[index].encoded, to: try Self.query())))
    }

    // MARK: - What must not be believed

    static func isMalformed(_ answer: DNSAnswer) -> Bool {
        if case .malformed = answer { true } else { false }
    }

    static func isUnrelated(_ answer: DNSAnswer) -> Bool {
        if case .unrelated = answer { true } else { false }
    }

    enum Difference: String, CaseIterable {
        case id, query, operation, name, type, recordClass
        case noQuestion, twoQuestions, noQuestionInNameError, tornQuestion
    }

    @Test("a message that answers something else is unrelated", arguments: Difference.allCases)
    func unrelated(_ difference: Difference) throws {
        var answer = try Self.answer(.srv("a.b"))
        switch difference {
        case .id: answer.id ^= 1
        case .query: answer.flags &= 0x7FFF
        case .operation: answer.flags |= 0x2000
        case .name: answer.question = encodedName("_mongodb._tcp.db.example.co") + [0, 33, 0, 1]
        case .type: answer.question = encodedName(Self.name) + [0, 16, 0, 1]
        case .recordClass: answer.question = encodedName(Self.name) + [0, 33, 0, 3]
        case .noQuestion: (answer.question, answer.questions) = ([], 0)
        case .twoQuestions: (answer.question, answer.questions) = (answer.question + answer.question, 2)
        case .noQuestionInNameError: (answer.question, answer.questions, answer.flags) = ([], 0, 0x8183)
        case .tornQuestion: (answer.question, answer.records) = (Array(answer.question.dropLast()), [])
        }
        #expect(Self.isUnrelated(DNSAnswer(answer.encoded, to: try Self.query())))
    }

    @Test("fewer bytes than a header are unrelated", arguments: 0..<12) func short(_ count: Int) throws {
        #expect(Self.isUnrelated(DNSAnswer([UInt8](repeating: 0xBE, count: count), to: try Self.query())))
    }

    static let longName = Array(repeatElement([63] + [UInt8](repeating: 0x61, count: 63), count: 4).joined()) + [0]

    /// Data of SRV records with bad names; the name begins at byte 18 of a message's first record.
    static let badTargets: [(String, [UInt8])] = [
        ("leads to itself", [0xC0, target]),
        ("leads ahead", [0xC0, target + 2, 1, 0x61, 0]),
        ("leads back into its own segment", [1, 0x61, 0xC0, target]),
        ("leads past the end", [0xFF, 0xFF]),
        ("half a pointer", [0xC0]),
        ("a label of the kind 01", [0x41, 0x61, 0]),
        ("a label of the kind 10", [0x81, 0x61, 0]),
        ("no end", [1, 0x61]),
        ("a label past the end", [9, 0x61]),
        ("too long", longName),
        ("more bytes behind it", [1, 0x61, 0, 0]),
        ("nothing", []),
        ("a period in a label", [3, 0x61, 0x2E, 0x62, 0]),
        ("a NUL in a label", [2, 0x61, 0, 0]),
        ("a byte beyond ASCII", [2, 0xC3, 0xA9, 0]),
        ("a slash", [2, 0x61, 0x2F, 0]),
    ]

    /// Where the target of the first record begins: behind header, question, pointer, ten bytes and three numbers.
    static let target = UInt8(12 + name.utf8.count + 2 + 4 + 2 + 10 + 6)

    @Test("names that lead nowhere or are none are malformed", arguments: badTargets)
    func badTarget(_ what: String, _ target: [UInt8]) throws {
        let message = try Self.answer(.srv(target)).encoded
        #expect(Self.isMalformed(DNSAnswer(message, to: try Self.query())), "\(what)")
    }

    @Test("a name of exactly 255 bytes is read, also through a pointer") func longestName() throws {
        let labels = [63, 63, 63, 61].map { [UInt8($0)] + [UInt8](repeating: 0x61, count: $0) }
        let answer = try Self.answer(.srv(labels.joined() + [0]), .srv([0xC0, Self.target]))
        let records = try #require(try Self.records(answer))
        #expect(records.count == 2)
        #expect(records.first == records.last)
    }

    @Test("a compressed name must not grow past 255 bytes either") func longThroughPointer() throws {
        let labels = [63, 63, 63, 61].map { [UInt8($0)] + [UInt8](repeating: 0x61, count: $0) }
        let answer = try Self.answer(.srv(labels.joined() + [0]), .srv([1, 0x62, 0xC0, Self.target]))
        #expect(Self.isMalformed(DNSAnswer(answer.encoded, to: try Self.query())))
    }

    @Test(
        "texts that are cut off are malformed",
        arguments: [[], [2, 0x61], [1, 0x61, 1]] as [[UInt8]]
    ) func badText(_ data: [UInt8]) throws {
        let query = try Self.query(.txt)
        let message = Answer(to: query, Record(type: 16, data: data)).encoded
        #expect(Self.isMalformed(DNSAnswer(message, to: query)))
    }

    @Test("more records announced than sent is malformed") func announced() throws {
        let message = try Self.answer(.srv("a.b")).with { $0.announced = 2 }.encoded
        #expect(Self.isMalformed(DNSAnswer(message, to: try Self.query())))
    }

    @Test("truncation, response codes and lameness are told apart") func codes() throws {
        let query = try Self.query()
        func judge(_ answer: Answer) -> String { "\(DNSAnswer(answer.encoded, to: query))" }
        let answer = try Self.answer()
        #expect(judge(answer.truncated) == "truncated")
        #expect(judge(answer.failing(3)) == "noSuchName")
        for (code, name) in [(1, "FORMERR"), (2, "SERVFAIL"), (4, "NOTIMP"), (5, "REFUSED"), (11, "RCODE11")] {
            #expect(judge(answer.failing(UInt16(code))) == "failure(\(name))")
        }
        // A server that cannot read the query repeats none of it.
        #expect(judge(answer.failing(1).with { ($0.question, $0.questions) = ([], 0) }) == "failure(FORMERR)")
        #expect(judge(answer.with { $0.flags = 0x8100 }) == "lame")
        #expect(judge(answer.with { $0.flags = 0x8500 }) == "records([])")
    }

    // MARK: - Everything else

    @Test("no beginning of an answer is taken for the whole") func prefixes() throws {
        let message = try Self.answer(.srv("a.b"), .cname("x.y"), .srv([1, 0x63, 0xC0, 12])).encoded
        let query = try Self.query()
        for count in message.indices {
            if case .records = DNSAnswer(Array(message[..<count]), to: query) { Issue.record("\(count) bytes") }
        }
        #expect(DNSAnswer.isRead(message, query))
    }

    /// A small generator with a fixed seed, so that a failure comes again.
    struct Generator: RandomNumberGenerator {
        var state: UInt64 = 42

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 17 ^ state << 31
        }
    }

    @Test("bytes at random never trap, and records read from them are within bounds") func random() throws {
        let query = try Self.query()
        let seeds = [
            try Self.answer(.srv("a.b"), .srv([1, 0x63, 0xC0, 12])).encoded, try Self.chain(of: 5).encoded,
            Answer(to: try Self.query(.txt), .txt([1, 2], [3])).encoded,
        ]
        var generator = Generator()
        var read = 0
        for round in 0..<30_000 {
            var message = seeds[round % seeds.count]
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                // Behind the header's id, so that the message is not always unrelated.
                message[.random(in: 2..<message.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            if case .records(let records) = DNSAnswer(message, to: query) {
                read += 1
                for case .service(let record) in records {
                    if !(1...253).contains(record.target.utf8.count) { Issue.record("\(record) of \(message)") }
                }
            }
        }
        #expect(read > 100)
    }

    @Test("a message of nothing but pointers takes no time to speak of") func manyPointers() throws {
        let query = try Self.query()
        var answer = Answer(to: query)
        let label = [1, 0x61] as [UInt8]
        // The deepest name that there can be, and then as many records as fit whose owners lead to it.
        answer.records = [Record(type: 99, data: Array(repeatElement(label, count: 127).joined()) + [0])]
        let place = UInt16(answer.encoded.count - 255) | 0xC000
        let pointer = Record(owner: bytes(place), type: 33, data: [0, 0, 0, 0, 0, 1] + bytes(place))
        answer.records += Array(repeating: pointer, count: 3000)
        #expect(answer.encoded.count < 65536)
        #expect(try Self.records(answer) == [])
    }

    /// Each pointer leads to the one before it, which takes two bytes: without a bound, owners of thousands of records
    /// would each go through thousands.
    @Test(
        "a name has no more pointers than a name can have labels",
        arguments: [(126, true), (127, false), (8000, false)])
    func chainsOfPointers(_ count: Int, _ isRead: Bool) throws {
        let query = try Self.query()
        var answer = Answer(to: query)
        answer.records = [Record(type: 99, data: [1, 0x61, 0])]
        var place = answer.encoded.count - 3
        var data: [UInt8] = [1, 0x61, 0]
        var next = place + 3
        for _ in 0..<count {
            data += bytes(UInt16(place) | 0xC000)
            (place, next) = (next, next + 2)
        }
        let target = bytes(UInt16(place) | 0xC000)
        answer.records = [Record(type: 99, data: data), Record(type: 33, data: [0, 0, 0, 0, 0, 1] + target)]
        let message = answer.encoded
        if isRead {
            #expect(try Self.records(answer)?.count == 1)
        } else {
            #expect(Self.isMalformed(DNSAnswer(message, to: query)))
        }
    }

    @Test("names that are none", arguments: ["", ".", "a..b", ".a", "a b", "é.b", "a\\.b", "a\0b"]) func badNames(
        _ text: String
    ) {
        let error = #expect(throws: NameResolutionError.self) { try DNSName(text) }
        #expect(error?.code == .invalidName)
    }

    @Test("labels have 63 bytes and names 253 at most") func lengths() throws {
        let label = String(repeating: "a", count: 63)
        let longest = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")
        #expect(try DNSName(longest) == DNSName(longest.uppercased() + "."))
        #expect(throws: NameResolutionError.self) { try DNSName(longest + "a") }
        #expect(throws: NameResolutionError.self) { try DNSName(label + "a") }
    }
}

extension DNSAnswer {
    /// Whether a message is an answer with records.
    static func isRead(_ message: [UInt8], _ query: DNSQuery) -> Bool {
        if case .records(let records) = DNSAnswer(message, to: query) { !records.isEmpty } else { false }
    }
}
