import NameResolution

/// The first byte of an input says which question was asked, and whether the rest is the whole message or what follows
/// the right question in it.
enum DNSAnswerRules {
    private static let id: UInt16 = 0xBEEF
    private static let name = "_mongodb._tcp.db.example.com"
    private static let asksForText: UInt8 = 1
    private static let isWhole: UInt8 = 2

    static func check(_ input: [UInt8]) throws {
        guard let kind = input.first else { return }
        let type = kind & asksForText == 0 ? DNSRecordType.srv : .txt
        let query = DNSQuery(id: id, question: DNSQuestion(name: try DNSName(name), type: type))
        var message = Array(input.dropFirst())
        if kind & isWhole == 0 {
            guard message.count >= 6 else { return }
            // Flags and counts are the input's; id, number of questions and the question are right.
            let question = query.encoded.dropFirst(12)
            message =
                [0xBE, 0xEF, message[0], message[1], 0, 1, message[2], message[3], 0, 0, message[4], message[5]]
                + question + message.dropFirst(6)
        }
        let answer = DNSAnswer(message, to: query)
        switch answer {
        case .records(let records):
            try require(message.prefix(2) == [0xBE, 0xEF], "an answer to another query is not believed")
            for record in records { try check(record, type, limit: message.count) }
        case .unrelated(let reason), .malformed(let reason):
            try require(!reason.isEmpty, "a refusal has a reason")
        case .truncated, .failure, .lame, .noSuchName:
            try require(message.prefix(2) == [0xBE, 0xEF], "an answer to another query is not believed")
        }
    }

    private static func check(_ record: DNSRecordData, _ type: DNSRecordType, limit: Int) throws {
        switch record {
        case .service(let service):
            try require(type == .srv, "only what was asked for")
            let labels = service.target.split(separator: ".", omittingEmptySubsequences: false)
            try require(
                !labels.isEmpty && labels.allSatisfy { (1...63).contains($0.utf8.count) }
                    && service.target.utf8.count <= 253, "\(service.target) is a host name")
            try require(service.ttl >= .zero, "no time to live is negative")
        case .noService:
            try require(type == .srv, "only what was asked for")
        case .text(let text):
            try require(type == .txt, "only what was asked for")
            try require(text.strings.reduce(0) { $0 + $1.count } <= limit, "no text is longer than the message")
        }
    }

    static func seeds() throws -> [[UInt8]] {
        /// A record whose owner is the question's name.
        func record(_ type: UInt8, _ data: [UInt8], owner: [UInt8] = [0xC0, 12]) -> [UInt8] {
            owner + [0, type, 0, 1, 0, 0, 1, 0x2C, 0, UInt8(data.count)] + data
        }
        func answer(_ kind: UInt8, flags: [UInt8] = [0x81, 0x80], _ records: [UInt8]...) -> [UInt8] {
            [kind] + flags + [0, UInt8(records.count), 0, 0] + records.flatMap(\.self)
        }
        // "db.example.com" is 26 bytes into the message, "example.com" 29.
        let service: [UInt8] = [0, 1, 0, 2, 0x69, 0x89]
        let first = service + [3] + Array("db1".utf8) + [0xC0, 29]
        let second = service + [3] + Array("db2".utf8) + [7] + Array("example".utf8) + [3] + Array("com".utf8) + [0]
        let text: [UInt8] = [13] + Array("authSource=db".utf8)
        let shaped = [
            answer(0, record(33, first), record(33, second)), answer(0, record(33, service + [0])),
            answer(0, record(5, [5] + Array("alias".utf8) + [0xC0, 26]), record(33, first, owner: [0xC0, 57])),
            answer(0, record(5, [0xC0, 12])), answer(0), answer(0, flags: [0x83, 0x80], record(33, first)),
            answer(0, flags: [0x81, 0x83]), answer(0, flags: [0x81, 0x82]), answer(0, flags: [0x80, 0]),
            answer(1, record(16, text)), answer(1, record(16, text + text)), answer(1, record(16, [0])),
        ]
        let query = DNSQuery(id: id, question: DNSQuestion(name: try DNSName(name), type: .srv)).encoded
        var reply = query
        reply[2] |= 0x80
        return shaped + [[isWhole] + query, [isWhole] + reply, [isWhole | asksForText] + reply]
    }
}
