/// A type of resource record (RFC 1035 section 3.2.2, RFC 2782).
package struct DNSRecordType: RawRepresentable, Sendable, Hashable {
    /// The number in messages.
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// An alias: the name is that of another.
    package static let cname = DNSRecordType(rawValue: 5)
    /// Texts.
    package static let txt = DNSRecordType(rawValue: 16)
    /// Where a service is.
    package static let srv = DNSRecordType(rawValue: 33)

    /// The type's mnemonic, or `TYPE` and its number (RFC 3597).
    var mnemonic: String {
        switch self {
        case .cname: "CNAME"
        case .txt: "TXT"
        case .srv: "SRV"
        default: "TYPE\(rawValue)"
        }
    }
}

/// A question, always in the class IN.
package struct DNSQuestion: Sendable, Hashable {
    /// The name.
    package var name: DNSName
    /// The type of the records.
    package var type: DNSRecordType

    package init(name: DNSName, type: DNSRecordType) {
        self.name = name
        self.type = type
    }
}

/// The class of all records of the Internet.
let dnsClassInternet: UInt16 = 1

/// A query to a name server.
package struct DNSQuery: Sendable {
    /// The id that the answer repeats. It must be hard to guess.
    package var id: UInt16
    /// What is asked.
    package var question: DNSQuestion
    /// Whether the server is told that a datagram may be longer than 512 bytes (EDNS(0), RFC 6891).
    package var isExtended: Bool

    package init(id: UInt16, question: DNSQuestion, isExtended: Bool = false) {
        self.id = id
        self.question = question
        self.isExtended = isExtended
    }

    /// How long a datagram may be: it passes every network without fragmentation (DNS Flag Day 2020).
    package static let maximumDatagram: UInt16 = 1232

    /// The message: a standard query that asks for recursion (RFC 1035 section 4.1.1).
    package var encoded: [UInt8] {
        let recursionDesired: UInt16 = 0x0100
        let header: [UInt16] = [id, recursionDesired, 1, 0, 0, isExtended ? 1 : 0]
        let tail = [question.type.rawValue, dnsClassInternet]
        // RFC 6891 section 6.1.2: the root, type OPT, the length for the class, no flags, no options.
        let extensions = isExtended ? [0] + [41, Self.maximumDatagram, 0, 0, 0].flatMap(Self.bytes) : []
        return header.flatMap(Self.bytes) + question.name.encoded + tail.flatMap(Self.bytes) + extensions
    }

    private static func bytes(_ value: UInt16) -> [UInt8] {
        [UInt8(value >> 8), UInt8(value & 0xFF)]
    }
}

/// A response code (RFC 1035 section 4.1.1).
package struct DNSResponseCode: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// The number in messages.
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let noError = DNSResponseCode(rawValue: 0)
    package static let nameError = DNSResponseCode(rawValue: 3)

    /// Whether it may mean that the server does not support EDNS(0) (RFC 6891 section 7).
    var mayBeAboutExtensions: Bool { rawValue == 1 || rawValue == 4 }

    /// The mnemonic, or `RCODE` and the number.
    package var description: String {
        switch rawValue {
        case 0: "NOERROR"
        case 1: "FORMERR"
        case 2: "SERVFAIL"
        case 3: "NXDOMAIN"
        case 4: "NOTIMP"
        case 5: "REFUSED"
        default: "RCODE\(rawValue)"
        }
    }
}
