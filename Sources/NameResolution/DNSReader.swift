/// Why bytes are not a DNS message.
struct DNSFormatError: Error {
    /// What is wrong, to follow "the answer is malformed:".
    var reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}

/// Reads a DNS message sequentially, never past its end (RFC 1035 section 4.1).
struct DNSReader {
    private let message: [UInt8]
    private(set) var offset: Int
    private let end: Int

    init(_ message: [UInt8]) {
        (self.message, offset, end) = (message, 0, message.count)
    }

    /// A reader of the next bytes that has the whole message, for compressed names.
    private init(_ message: [UInt8], from offset: Int, to end: Int) {
        (self.message, self.offset, self.end) = (message, offset, end)
    }

    var isAtEnd: Bool { offset >= end }

    mutating func uint8() throws(DNSFormatError) -> UInt8 {
        guard offset < end else { throw DNSFormatError("it ends too early") }
        defer { offset += 1 }
        return message[offset]
    }

    mutating func uint16() throws(DNSFormatError) -> UInt16 {
        try UInt16(uint8()) << 8 | UInt16(uint8())
    }

    mutating func uint32() throws(DNSFormatError) -> UInt32 {
        try UInt32(uint16()) << 16 | UInt32(uint16())
    }

    mutating func bytes(_ count: Int) throws(DNSFormatError) -> [UInt8] {
        guard count <= end - offset else { throw DNSFormatError("a length in it points past its end") }
        defer { offset += count }
        return Array(message[offset..<(offset + count)])
    }

    /// Splits off the next bytes into their own reader.
    mutating func part(_ count: Int) throws(DNSFormatError) -> DNSReader {
        guard count <= end - offset else { throw DNSFormatError("a length in it points past its end") }
        defer { offset += count }
        return DNSReader(message, from: offset, to: offset + count)
    }

    /// Reads a name, compressed or not (RFC 1035 section 4.1.4).
    ///
    /// Each pointer must point before the start of its part of the name, which bounds every chain; and there are no
    /// more pointers than a name can have labels, or thousands of records could each follow thousands of pointers.
    mutating func name() throws(DNSFormatError) -> DNSName {
        var labels: [[UInt8]] = []
        var length = 1
        var segment = self
        var start = offset
        var pointers = 0
        while true {
            let first = try segment.uint8()
            switch first & 0xC0 {
            case 0x00 where first == 0:
                if pointers == 0 { self = segment }
                return DNSName(labels: labels)
            case 0x00:
                length += Int(first) + 1
                guard length <= DNSName.maximumLength else { throw DNSFormatError("a name in it is too long") }
                labels.append(try segment.bytes(Int(first)))
            case 0xC0:
                let target = Int(first & 0x3F) << 8 | Int(try segment.uint8())
                guard target < start else {
                    throw DNSFormatError("a compressed name in it points to itself or forward")
                }
                if pointers == 0 { self = segment }
                pointers += 1
                guard pointers <= DNSName.maximumLength / 2 else {
                    throw DNSFormatError("a compressed name in it is in too many parts")
                }
                start = target
                segment = DNSReader(message, from: target, to: message.count)
            default:
                throw DNSFormatError("a name in it has a label of an unknown kind")
            }
        }
    }
}
