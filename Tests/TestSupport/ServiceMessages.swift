/// A resource record as bytes, for the answers of a name server.
package struct Record {
    /// The owner as it stands in the message; by default a pointer to the question's name.
    package var owner: [UInt8]
    package var type: UInt16
    package var recordClass: UInt16
    package var ttl: UInt32
    package var data: [UInt8]

    package init(
        owner: [UInt8] = [0xC0, 12], type: UInt16, recordClass: UInt16 = 1, ttl: UInt32 = 300, data: [UInt8]
    ) {
        self.owner = owner
        self.type = type
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }

    package static func srv(
        _ target: [UInt8], port: UInt16 = 27017, priority: UInt16 = 0, weight: UInt16 = 0, ttl: UInt32 = 300
    ) -> Record {
        Record(type: 33, ttl: ttl, data: bytes(priority) + bytes(weight) + bytes(port) + target)
    }

    package static func srv(_ target: String, port: UInt16 = 27017) -> Record { srv(encodedName(target), port: port) }

    package static func txt(_ strings: [UInt8]...) -> Record {
        Record(type: 16, data: strings.flatMap { [UInt8($0.count)] + $0 })
    }

    package static func cname(_ target: String, owner: [UInt8] = [0xC0, 12]) -> Record {
        Record(owner: owner, type: 5, data: encodedName(target))
    }

    package func owned(by name: String) -> Record {
        var copy = self
        copy.owner = encodedName(name)
        return copy
    }

    package var encoded: [UInt8] {
        owner + bytes(type) + bytes(recordClass) + bytes(UInt16(ttl >> 16)) + bytes(UInt16(ttl & 0xFFFF))
            + bytes(UInt16(data.count)) + data
    }
}

package func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

/// A name without compression.
package func encodedName(_ text: String) -> [UInt8] {
    text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
}

/// An answer of a name server, right unless told otherwise.
package struct Answer {
    package var id: UInt16
    /// Name, type and class.
    package var question: [UInt8]
    package var questions: UInt16 = 1
    /// An answer that a recursive server gives to a query for recursion.
    package var flags: UInt16 = 0x8180
    package var records: [Record] = []
    /// How many records the header announces; by default so many as there are.
    package var announced: UInt16?

    /// The answer to the bytes of a query.
    package init(to query: [UInt8], _ records: Record...) {
        id = UInt16(query[0]) << 8 | UInt16(query[1])
        // What the query has about EDNS(0) is no part of the question, and an answer need not repeat it.
        let isExtended = query[11] == 1 && query.suffix(11).starts(with: [0, 0, 41])
        question = Array(query[12...].dropLast(isExtended ? 11 : 0))
        self.records = records
    }

    package func with(_ change: (inout Answer) -> Void) -> Answer {
        var copy = self
        change(&copy)
        return copy
    }

    package func failing(_ code: UInt16) -> Answer { with { $0.flags |= code } }

    package var truncated: Answer { with { $0.flags |= 0x0200 } }

    package var encoded: [UInt8] {
        let header: [UInt16] = [id, flags, questions, announced ?? UInt16(records.count), 0, 0]
        return header.flatMap(bytes) + question + records.flatMap(\.encoded)
    }
}
