/// The subset of BER (X.690) that LDAP uses (RFC 4511 section 5.1): tags of one octet and definite lengths.
package struct BERElement {
    package static let integer: UInt8 = 0x02
    package static let octetString: UInt8 = 0x04
    package static let enumerated: UInt8 = 0x0A
    package static let sequence: UInt8 = 0x30

    package var tag: UInt8
    package var content: [UInt8]

    package init(_ tag: UInt8, _ content: [UInt8]) {
        self.tag = tag
        self.content = content
    }

    package init(_ tag: UInt8 = sequence, of elements: [BERElement]) {
        self.init(tag, elements.flatMap(\.encoded))
    }

    package init(_ tag: UInt8 = octetString, text: String) {
        self.init(tag, Array(text.utf8))
    }

    package init(_ tag: UInt8 = integer, number: Int32) {
        var octets = (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        // As few as the sign allows (X.690 section 8.3.2).
        while octets.count > 1, octets[0] == (octets[1] & 0x80 == 0 ? 0 : 0xFF) { octets.removeFirst() }
        self.init(tag, octets)
    }

    package var encoded: [UInt8] {
        let count = content.count
        guard count >= 0x80 else { return [tag, UInt8(count)] + content }
        return [tag, 0x84] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) } + content
    }

    package var text: String { String(decoding: content, as: UTF8.self) }

    package func number() throws -> Int32 {
        guard (1...4).contains(content.count) else {
            throw LDAPError.malformed("an integer of \(content.count) octets")
        }
        let first = Int32(Int8(bitPattern: content[0]))
        return content.dropFirst().reduce(first) { $0 << 8 | Int32($1) }
    }

    /// The elements inside of this one.
    package func elements() throws -> [BERElement] {
        var elements: [BERElement] = []
        var rest = content[...]
        while !rest.isEmpty {
            guard let header = try Self.header(rest), rest.count >= header.headerLength + header.length else {
                throw LDAPError.malformed("an element longer than its container")
            }
            let content = rest.dropFirst(header.headerLength).prefix(header.length)
            elements.append(BERElement(header.tag, Array(content)))
            rest = rest.dropFirst(header.headerLength + header.length)
        }
        return elements
    }

    /// Reads tag and length; `nil` if they are incomplete.
    static func header(
        _ bytes: some Collection<UInt8>
    ) throws -> (tag: UInt8, headerLength: Int, length: Int)? {
        let octets = Array(bytes.prefix(6))
        guard octets.count >= 2 else { return nil }
        guard octets[0] & 0x1F != 0x1F else { throw LDAPError.malformed("a tag of several octets") }
        guard octets[1] >= 0x80 else { return (octets[0], 2, Int(octets[1])) }
        let count = Int(octets[1] & 0x7F)
        guard (1...4).contains(count) else { throw LDAPError.malformed("a length of \(count) octets") }
        guard octets.count >= 2 + count else { return nil }
        return (octets[0], 2 + count, octets[2..<2 + count].reduce(0) { $0 << 8 | Int($1) })
    }
}
