/// The meaning of a name server's message for a query. Any bytes give one of these; none trap.
package enum DNSAnswer: Sendable {
    /// It does not answer this query, and must be ignored (RFC 5452 section 4).
    case unrelated(reason: String)
    /// It is truncated: the same question over TCP has the whole answer.
    case truncated
    /// The server could not or would not answer.
    case failure(DNSResponseCode)
    /// The server neither knows the name nor offers recursion.
    case lame
    /// The name does not exist (NXDOMAIN).
    case noSuchName
    /// The records of the type asked for, at the name or at the end of its chain of aliases. There may be none.
    case records([DNSRecordData])
    /// It answers the query, but is malformed.
    case malformed(reason: String)

    /// The longest chain of aliases.
    static let maximumAliases = 16

    private static let headerSize = 12

    /// Judges a message.
    package init(_ message: [UInt8], to query: DNSQuery) {
        guard message.count >= Self.headerSize else {
            self = .unrelated(reason: "a message of \(message.count) bytes")
            return
        }
        var reader = DNSReader(message)
        do throws(DNSFormatError) {
            let header = try Header(&reader)
            if let reason = try Self.mismatch(header, &reader, query) {
                self = .unrelated(reason: reason)
                return
            }
            self = try Self.answer(header, &reader, query)
        } catch {
            self = .malformed(reason: error.reason)
        }
    }

    private struct Header {
        var id: UInt16
        var flags: UInt16
        var questions: UInt16
        var answers: UInt16
        var additional: UInt16

        init(_ reader: inout DNSReader) throws(DNSFormatError) {
            id = try reader.uint16()
            flags = try reader.uint16()
            questions = try reader.uint16()
            answers = try reader.uint16()
            _ = try reader.uint16()
            additional = try reader.uint16()
        }

        var isResponse: Bool { flags & 0x8000 != 0 }
        var operation: UInt16 { flags >> 11 & 0xF }
        var isAuthoritative: Bool { flags & 0x0400 != 0 }
        var isTruncated: Bool { flags & 0x0200 != 0 }
        var isRecursionAvailable: Bool { flags & 0x0080 != 0 }
        var code: DNSResponseCode { DNSResponseCode(rawValue: flags & 0xF) }
    }

    /// Why a message does not answer a query; `nil` if it does. Reads the question.
    private static func mismatch(
        _ header: Header, _ reader: inout DNSReader, _ query: DNSQuery
    ) throws(DNSFormatError) -> String? {
        guard header.isResponse, header.operation == 0 else { return "a message that is not a response" }
        guard header.id == query.id else { return "an answer with another id" }
        // Servers that do not parse the whole query repeat no question (RFC 1035 section 4.1.1, FORMERR).
        let isRefusal = header.code != .noError && header.code != .nameError
        if header.questions == 0, isRefusal { return nil }
        let otherQuestion = "an answer to another question"
        guard header.questions == 1 else { return otherQuestion }
        do throws(DNSFormatError) {
            let question = DNSQuestion(name: try reader.name(), type: DNSRecordType(rawValue: try reader.uint16()))
            let isSame = try reader.uint16() == dnsClassInternet && question == query.question
            return isSame ? nil : otherQuestion
        } catch {
            return otherQuestion
        }
    }

    private static func answer(
        _ header: Header, _ reader: inout DNSReader, _ query: DNSQuery
    ) throws(DNSFormatError) -> DNSAnswer {
        let question = query.question
        if header.isTruncated { return .truncated }
        if header.code == .nameError { return .noSuchName }
        guard header.code == .noError else { return .failure(header.code) }
        // A server with EDNS(0) has one additional record for it.
        let isSilent = header.answers == 0 && header.additional <= (query.isExtended ? 1 : 0)
        if isSilent, !header.isAuthoritative, !header.isRecursionAvailable { return .lame }
        var records: [DNSName: [DNSRecordData]] = [:]
        var aliases: [DNSName: DNSName] = [:]
        for _ in 0..<header.answers {
            let owner = try reader.name()
            let type = DNSRecordType(rawValue: try reader.uint16())
            let isInternet = try reader.uint16() == dnsClassInternet
            let ttl = try reader.uint32()
            var data = try reader.part(Int(try reader.uint16()))
            guard isInternet else { continue }
            switch type {
            case question.type:
                records[owner, default: []].append(try DNSRecordData(type, ttl: ttl, &data))
            case .cname:
                let target = try data.name()
                guard data.isAtEnd else { throw DNSFormatError("an alias in it has data after its name") }
                guard aliases.updateValue(target, forKey: owner).map({ $0 == target }) ?? true else {
                    throw DNSFormatError("a name in it has two aliases")
                }
            default:
                break
            }
        }
        return .records(try follow(aliases, from: question.name, to: records))
    }

    private static func follow(
        _ aliases: [DNSName: DNSName], from name: DNSName, to records: [DNSName: [DNSRecordData]]
    ) throws(DNSFormatError) -> [DNSRecordData] {
        var name = name
        for _ in 0...maximumAliases {
            if let found = records[name] { return found }
            guard let next = aliases[name] else { return [] }
            name = next
        }
        throw DNSFormatError("its chain of aliases does not end")
    }
}

/// What a record says.
package enum DNSRecordData: Sendable, Hashable {
    /// An SRV record. One whose target is the root, which means that there is no such service, is `noService`.
    case service(SRVRecord)
    /// The service is decidedly not available (RFC 2782).
    case noService
    /// A TXT record.
    case text(TXTRecord)

    init(_ type: DNSRecordType, ttl: UInt32, _ data: inout DNSReader) throws(DNSFormatError) {
        // RFC 2181 section 8: with the first bit set it counts as 0.
        let ttl = Duration.seconds(Int64(ttl > UInt32(Int32.max) ? 0 : ttl))
        switch type {
        case .srv:
            let (priority, weight, port) = try (data.uint16(), data.uint16(), data.uint16())
            let target = try data.name()
            guard data.isAtEnd else { throw DNSFormatError("an SRV record in it is longer than what it holds") }
            guard !target.isRoot else {
                self = .noService
                return
            }
            guard let host = target.hostName else { throw DNSFormatError("an SRV record in it points to no host name") }
            self = .service(SRVRecord(priority: priority, weight: weight, port: port, target: host, ttl: ttl))
        case .txt:
            var strings: [[UInt8]] = []
            repeat { strings.append(try data.bytes(Int(try data.uint8()))) } while !data.isAtEnd
            self = .text(TXTRecord(strings: strings, ttl: ttl))
        default:
            throw DNSFormatError("a record in it has a type that was not asked for")
        }
    }
}
