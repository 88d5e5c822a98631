import NameResolution

/// A resource record as bytes, for the answers of a name server.
struct Record {
    /// The owner as it stands in the message; by default a pointer to the question's name.
    var owner: [UInt8] = [0xC0, 12]
    var type: UInt16
    var recordClass: UInt16 = 1
    var ttl: UInt32 = 300
    var data: [UInt8]

    static func srv(
        _ target: [UInt8], port: UInt16 = 27017, priority: UInt16 = 0, weight: UInt16 = 0, ttl: UInt32 = 300
    ) -> Record {
        Record(type: 33, ttl: ttl, data: bytes(priority) + bytes(weight) + bytes(port) + target)
    }

    static func srv(_ target: String, port: UInt16 = 27017) -> Record { srv(encodedName(target), port: port) }

    static func txt(_ strings: [UInt8]...) -> Record {
        Record(type: 16, data: strings.flatMap { [UInt8($0.count)] + $0 })
    }

    static func cname(_ target: String, owner: [UInt8] = [0xC0, 12]) -> Record {
        Record(owner: owner, type: 5, data: encodedName(target))
    }

    func owned(by name: String) -> Record {
        var copy = self
        copy.owner = encodedName(name)
        return copy
    }

    var encoded: [UInt8] {
        owner + bytes(type) + bytes(recordClass) + bytes(UInt16(ttl >> 16)) + bytes(UInt16(ttl & 0xFFFF))
            + bytes(UInt16(data.count)) + data
    }
}

func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

/// A name without compression.
func encodedName(_ text: String) -> [UInt8] {
    text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
}

/// An answer of a name server, right unless told otherwise.
struct Answer {
    var id: UInt16
    /// Name, type and class.
    var question: [UInt8]
    var questions: UInt16 = 1
    /// An answer that a recursive server gives to a query for recursion.
    var flags: UInt16 = 0x8180
    var records: [Record] = []
    /// How many records the header announces; by default so many as there are.
    var announced: UInt16?

    /// The answer to the bytes of a query.
    init(to query: [UInt8], _ records: Record...) {
        id = UInt16(query[0]) << 8 | UInt16(query[1])
        question = Array(query[12...])
        self.records = records
    }

    init(to query: DNSQuery, _ records: Record...) {
        self.init(to: query.encoded)
        self.records = records
    }

    func with(_ change: (inout Answer) -> Void) -> Answer {
        var copy = self
        change(&copy)
        return copy
    }

    func failing(_ code: UInt16) -> Answer { with { $0.flags |= code } }

    var truncated: Answer { with { $0.flags |= 0x0200 } }

    var encoded: [UInt8] {
        let header: [UInt16] = [id, flags, questions, announced ?? UInt16(records.count), 0, 0]
        return header.flatMap(bytes) + question + records.flatMap(\.encoded)
    }
}
