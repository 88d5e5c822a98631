/// Reads host identifiers.
enum HostParser {
    typealias Host = MongoConnectionString.Host

    /// How many hosts a string may name.
    static let maximumCount = 1000

    static func hosts(
        in raw: Bytes, _ findings: Findings = Findings()
    ) throws(ConnectionStringError) -> [Host] {
        let count = 1 + raw.count { $0 == UInt8(ascii: ",") }
        guard count <= maximumCount else {
            throw ConnectionStringError(
                .tooLarge, "a connection string names at most \(maximumCount) hosts; this one names \(count)",
                offset: raw.startIndex, part: "host \(maximumCount + 1)")
        }
        var hosts: [Host] = []
        let pieces = raw.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        for (index, piece) in pieces.enumerated() {
            let host = try findings.attempt { () throws(ConnectionStringError) in
                try Self.host(piece, part: "host \(index + 1)")
            }
            if let host { hosts.append(host) }
        }
        return hosts
    }

    /// The rules for `mongodb+srv`: one host name without a port.
    static func checkSRV(_ hosts: [Host], in raw: Bytes) throws(ConnectionStringError) {
        func error(_ code: ConnectionStringError.Code, _ message: String) -> ConnectionStringError {
            ConnectionStringError(code, message, offset: raw.startIndex, part: "host 1")
        }
        if hosts.count > 1 {
            throw error(.invalidHost, "mongodb+srv takes one host name, whose SRV records are looked up")
        }
        guard hosts.first?.kind == .hostname else {
            throw error(.invalidHost, "mongodb+srv takes a host name, not an address or a path")
        }
        if raw.contains(UInt8(ascii: ":")) {
            throw error(.invalidPort, "mongodb+srv takes no port: the SRV records have the ports")
        }
    }

    private static func host(_ raw: Bytes, part: String) throws(ConnectionStringError) -> Host {
        guard let first = raw.first else {
            throw ConnectionStringError(
                .invalidHost, "a host is missing before or after a ','", offset: raw.startIndex, part: part)
        }
        if first == UInt8(ascii: "[") { return try literal(raw, part: part) }

        var name = raw
        var port: UInt16?
        if let colon = raw.firstIndex(of: UInt8(ascii: ":")) {
            if raw[(colon + 1)...].contains(UInt8(ascii: ":")) {
                throw ConnectionStringError(
                    .invalidHost, "a host has one ':' at most; an IPv6 address is in brackets, as [::1]:27017",
                    offset: colon, part: part)
            }
            name = raw[..<colon]
            port = try self.port(raw[(colon + 1)...], part: part)
        }
        let decoded = try percentDecoded(name, part: part)
        if decoded.utf8.contains(UInt8(ascii: "/")) {
            return try socket(decoded, port: port, at: name.startIndex, part: part)
        }
        if isIPv4(Array(decoded.utf8)[...]) {
            return Host(name: decoded, port: port ?? MongoConnectionString.defaultPort, kind: .ipv4)
        }
        guard isHostname(decoded) else {
            throw ConnectionStringError(
                .invalidHost,
                "a host name has letters, digits, '-', '_' and single '.', and at most 253 bytes",
                offset: name.startIndex, part: part)
        }
        return Host(name: asciiLowercased(decoded), port: port ?? MongoConnectionString.defaultPort, kind: .hostname)
    }

    private static func port(_ raw: Bytes, part: String) throws(ConnectionStringError) -> UInt16 {
        let isNumber = !raw.isEmpty && raw.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard isNumber, let port = UInt16(String(decoding: raw, as: UTF8.self)), port > 0 else {
            throw ConnectionStringError(
                .invalidPort, "a port is a number from 1 to 65535; in a user name or password write ':' as %3A",
                offset: raw.startIndex, part: part)
        }
        return port
    }

    private static func socket(
        _ path: String, port: UInt16?, at offset: Int, part: String
    ) throws(ConnectionStringError) -> Host {
        guard path.utf8.suffix(5).elementsEqual(".sock".utf8), !path.utf8.contains(0) else {
            throw ConnectionStringError(
                .invalidHost, "the path of a Unix socket ends in .sock", offset: offset, part: part)
        }
        guard port == nil else {
            throw ConnectionStringError(
                .invalidPort, "a Unix socket has no port; in its path write ':' as %3A", offset: offset, part: part)
        }
        return Host(name: path, kind: .unix)
    }

    /// `[address]`, `[address%25zone]` (RFC 6874) or `[address%zone]`, and a port.
    private static func literal(_ raw: Bytes, part: String) throws(ConnectionStringError) -> Host {
        func error(_ message: String, at offset: Int) -> ConnectionStringError {
            ConnectionStringError(.invalidHost, message, offset: offset, part: part)
        }
        guard let close = raw.firstIndex(of: UInt8(ascii: "]")) else {
            throw error("the '[' has no ']'", at: raw.startIndex)
        }
        let inner = raw[(raw.startIndex + 1)..<close]
        let behind = raw[(close + 1)...]
        guard behind.isEmpty || behind.first == UInt8(ascii: ":") else {
            throw error("only ':' and a port may follow the ']'", at: behind.startIndex)
        }
        let address = inner.prefix { $0 != UInt8(ascii: "%") }
        guard isIPv6(address) else { throw error("the brackets hold no IPv6 address", at: inner.startIndex) }

        var zone: String?
        if address.endIndex < inner.endIndex {
            // RFC 6874 encodes the delimiter. `%25` alone is the plain form with the interface number 25.
            var rawZone = inner[(address.endIndex + 1)...]
            if rawZone.count > 2, rawZone.starts(with: "25".utf8) { rawZone = rawZone.dropFirst(2) }
            let text = try percentDecoded(rawZone, part: part)
            guard isZone(text) else {
                throw error("the name or number of an interface must follow the '%'", at: rawZone.startIndex)
            }
            zone = text
        }
        let port = behind.isEmpty ? MongoConnectionString.defaultPort : try port(behind.dropFirst(), part: part)
        let name = asciiLowercased(String(decoding: address, as: UTF8.self))
        return Host(name: name, port: port, kind: .ipLiteral, zone: zone)
    }
}

extension HostParser {
    /// RFC 3986 section 3.2.2: four octets without leading zeros.
    static func isIPv4(_ text: Bytes) -> Bool {
        let pieces = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return pieces.count == 4
            && pieces.allSatisfy { piece in
                guard (1...3).contains(piece.count), piece.count == 1 || piece.first != UInt8(ascii: "0"),
                    piece.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
                else { return false }
                return UInt8(String(decoding: piece, as: UTF8.self)) != nil
            }
    }

    /// RFC 4291 section 2.2, all three forms, without a zone.
    static func isIPv6(_ text: Bytes) -> Bool {
        var pieces = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)[...]
        guard (3...9).contains(pieces.count) else { return false }
        // A "::" at an end makes two empty pieces there, one in the middle makes one.
        if pieces.first?.isEmpty == true {
            guard pieces.dropFirst().first?.isEmpty == true else { return false }
            pieces = pieces.dropFirst()
        }
        if pieces.last?.isEmpty == true {
            guard pieces.dropLast().last?.isEmpty == true else { return false }
            pieces = pieces.dropLast()
        }
        var groups = 0
        var compressed = false
        for index in pieces.indices {
            let piece = pieces[index]
            if piece.isEmpty {
                if compressed { return false }
                compressed = true
            } else if index == pieces.endIndex - 1, piece.contains(UInt8(ascii: ".")) {
                guard isIPv4(piece) else { return false }
                groups += 2
            } else {
                guard piece.count <= 4, piece.allSatisfy({ hexDigit($0) != nil }) else { return false }
                groups += 1
            }
        }
        return compressed ? groups <= 7 : groups == 8
    }

    /// Names that DNS or a hosts file may have. Non-ASCII letters are left to the resolver.
    static func isHostname(_ text: String) -> Bool {
        var labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        // A final period makes a name absolute.
        if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
        guard text.utf8.count <= 253, labels.allSatisfy({ !$0.isEmpty }) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            if scalar.isASCII {
                return scalar == "." || PlainBytes.unreserved.contains(UInt8(truncatingIfNeeded: scalar.value))
            }
            return !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control
        }
    }

    private static func isZone(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "%") }
    }
}
