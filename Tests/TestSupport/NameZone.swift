import NameResolution

/// The records of a ``NetworkWorld``'s name server, and its failures.
///
/// A name that has no record of any type does not exist (NXDOMAIN); one that has records, but none of the type asked
/// for, has no data. Aliases are followed. A first label of `*` stands for any one label.
package struct NameZone: Sendable, Codable {
    /// One resource record.
    package struct Record: Sendable, Codable {
        var name: String
        var type: UInt16
        var data: [UInt8]

        /// An A or AAAA record.
        package static func address(_ name: String, _ address: String) -> Record {
            let bytes = IPAddress(address)?.bytes ?? []
            return Record(name: name, type: bytes.count == 4 ? 1 : 28, data: bytes)
        }

        /// A CNAME record.
        package static func alias(_ name: String, of target: String) -> Record {
            Record(name: name, type: 5, data: encodedName(target))
        }

        /// A PTR record for an address.
        package static func pointer(_ address: String, to name: String) -> Record {
            let bytes = IPAddress(address)?.bytes ?? []
            let labels =
                bytes.count == 4
                ? bytes.reversed().map { "\($0)" } + ["in-addr"]
                : bytes.reversed().flatMap { [String($0 & 15, radix: 16), String($0 >> 4, radix: 16)] } + ["ip6"]
            return Record(name: labels.joined(separator: ".") + ".arpa", type: 12, data: encodedName(name))
        }

        /// An SRV record of `_mongodb._tcp` under a name.
        package static func server(of name: String, _ target: String, port: UInt16 = 27017) -> Record {
            Record(name: "_mongodb._tcp.\(name)", type: 33, data: TestSupport.Record.srv(target, port: port).data)
        }

        /// A TXT record with one string.
        package static func text(_ name: String, _ text: String) -> Record {
            Record(name: name, type: 16, data: TestSupport.Record.txt(Array(text.utf8)).data)
        }
    }

    /// How the server treats every question for a name.
    package enum Fault: String, Sendable, Codable {
        /// It is silent.
        case silence
        /// It answers SERVFAIL.
        case serverFailure
        /// Its datagrams are truncated and empty; over TCP it answers fully.
        case truncatedDatagrams
        /// It does not answer questions for IPv6 addresses, and answers all others.
        case silenceForIPv6
        /// Nothing comes over TCP, and over UDP only as much as the query allows.
        case datagramsOnly
    }

    private var records: [Record]
    private var faults: [String: Fault]

    /// Creates a zone.
    package init(_ records: [Record] = [], faults: [String: Fault] = [:]) {
        self.records = records
        self.faults = faults
    }

    /// What to do with a query.
    package func reaction(to query: [UInt8], _ transport: ServiceDNSServer.Transport) -> ServiceDNSServer.Reaction {
        guard let (name, end) = Self.name(in: query), query.count >= end + 4 else { return .close }
        // What follows the question, such as EDNS options, is not part of the answer.
        let answer = Answer(to: Array(query[..<(end + 4)]))
        let type = UInt16(query[end]) << 8 | UInt16(query[end + 1])
        let fault = faults.first { Self.matches($0.key, name) }?.value
        switch fault {
        case .silence: return .silence
        case .serverFailure: return .send([answer.failing(2).encoded])
        case .truncatedDatagrams where transport == .udp: return .send([answer.truncated.encoded])
        case .silenceForIPv6 where type == 28: return .silence
        case .datagramsOnly where transport == .tcp: return .close
        case .truncatedDatagrams, .silenceForIPv6, .datagramsOnly, nil: break
        }
        guard let found = lookUp(name, type) else { return .send([answer.failing(3).encoded]) }
        let full = answer.with { $0.records = found }.encoded
        let fits = fault != .datagramsOnly || full.count <= Self.room(of: query, questionEnd: end + 4)
        return .send([fits ? full : answer.truncated.encoded])
    }

    /// How many bytes a datagram may have: 512, or what the query says (RFC 6891).
    private static func room(of query: [UInt8], questionEnd: Int) -> Int {
        guard query[11] == 1, query.count >= questionEnd + 5 else { return 512 }
        return Int(query[questionEnd + 3]) << 8 | Int(query[questionEnd + 4])
    }

    /// Aliases first; `nil` where a name does not exist.
    private func lookUp(_ name: String, _ type: UInt16) -> [TestSupport.Record]? {
        var name = name
        var answers: [TestSupport.Record] = []
        for _ in 0..<16 {
            let known = records.filter { Self.matches($0.name, name) }
            guard !known.isEmpty else { return nil }
            let owner = name
            func answer(_ record: Record) -> TestSupport.Record {
                TestSupport.Record(owner: encodedName(owner), type: record.type, data: record.data)
            }
            guard type != 5, let alias = known.first(where: { $0.type == 5 }), let target = Self.name(at: alias.data)
            else { return answers + known.filter { $0.type == type }.map(answer) }
            answers.append(answer(alias))
            name = target
        }
        return answers
    }

    private static func matches(_ pattern: String, _ name: String) -> Bool {
        guard pattern.hasPrefix("*.") else { return pattern.lowercased() == name }
        return name.split(separator: ".").dropFirst().joined(separator: ".") == pattern.dropFirst(2).lowercased()
    }

    private static func name(in query: [UInt8]) -> (name: String, end: Int)? {
        var labels: [String] = []
        var position = 12
        while position < query.count, query[position] > 0 {
            let next = position + 1 + Int(query[position])
            guard query[position] < 64, next < query.count else { return nil }
            labels.append(String(decoding: query[(position + 1)..<next], as: UTF8.self).lowercased())
            position = next
        }
        return (labels.joined(separator: "."), position + 1)
    }

    private static func name(at data: [UInt8]) -> String? {
        name(in: [UInt8](repeating: 0, count: 12) + data)?.name
    }
}
