/// An absolute domain name (RFC 1035 section 3.1): its labels without the root's. Names are case-insensitive
/// for ASCII letters (RFC 4343).
package struct DNSName: Sendable {
    /// The labels, the least significant first, each of 1 to 63 bytes of any value.
    package let labels: [[UInt8]]

    /// The longest encoded name, with the length bytes and the root.
    static let maximumLength = 255

    /// The caller checks the limits.
    init(labels: [[UInt8]]) {
        self.labels = labels
    }

    /// Reads a name of printable ASCII, with or without a final period.
    ///
    /// - Throws: ``NameResolutionError/Code/invalidName``.
    package init(_ text: String) throws(NameResolutionError) {
        var labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map { Array($0) }
        if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
        let isPlain = text.utf8.allSatisfy { (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: "\\") }
        guard isPlain, labels.allSatisfy({ (1...63).contains($0.count) }),
            labels.reduce(1, { $0 + 1 + $1.count }) <= Self.maximumLength
        else {
            throw NameResolutionError(
                .invalidName, name: String(text.prefix(64)),
                "is not a DNS name: one has up to 253 printable ASCII characters, and 1 to 63 between periods")
        }
        self.labels = labels
    }

    /// The name in a message, uncompressed.
    var encoded: [UInt8] {
        labels.flatMap { [UInt8(truncatingIfNeeded: $0.count)] + $0 } + [0]
    }

    /// Whether this is the root, which as the target of an SRV record means that there is no such service.
    var isRoot: Bool { labels.isEmpty }

    /// The name as text if it is a valid host name: only letters, digits, `-` and `_`. A period within a label would
    /// make the text another name.
    var hostName: String? {
        let isHostName = labels.allSatisfy { label in
            label.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
        }
        guard isHostName, !isRoot else { return nil }
        return labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }

    private var folded: [[UInt8]] {
        labels.map { $0.map(asciiLowercased) }
    }
}

extension DNSName: Hashable {
    package static func == (one: DNSName, other: DNSName) -> Bool { one.folded == other.folded }

    package func hash(into hasher: inout Hasher) { hasher.combine(folded) }
}
