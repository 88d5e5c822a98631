import SaslBSON

/// Detects another protocol from the first bytes of a connection, for a better error than one
/// about a length.
enum ForeignProtocol {
    /// A description of the protocol of the first bytes of a connection, if they are known not to be a message.
    ///
    /// A TLS record may start like a message of about 64 to 200 KiB. It is therefore only recognised by all of
    /// its fields, and not if the operation code is that of a message, unless the length is impossible anyway.
    static func hint(for bytes: some Collection<UInt8>, isPossibleLength: Bool) -> String? {
        let bytes = Array(bytes.prefix(16))
        guard bytes.count >= 4 else { return nil }
        if let text = hint(forText: bytes) { return text }
        let isRecord = !isPossibleLength && bytes[1] == 3 && bytes[2] <= 4
        if isTLSAlert(bytes) || (isRecord && bytes[0] == 21) {
            return "This looks like a TLS alert: the peer requires TLS (tls=true), or refuses the TLS handshake."
        }
        if isTLSHandshake(bytes) || (isRecord && bytes[0] == 22) {
            return "This looks like a TLS handshake: one side uses TLS and the other does not."
        }
        return nil
    }

    /// Four printable characters are a length of more than 500 MB, which no message has.
    private static func hint(forText bytes: [UInt8]) -> String? {
        let start = bytes.prefix(4)
        guard start.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x0D || $0 == 0x0A }) else { return nil }
        switch String(decoding: start, as: UTF8.self) {
        case "HTTP":
            return "This looks like an HTTP server; check the port."
        case "GET ", "HEAD", "POST", "PUT ", "OPTI", "CONN", "PRI ":
            return "This looks like an HTTP client."
        case "SSH-":
            return "This looks like an SSH server; check the port."
        case let text:
            var quoted = BoundedText(limit: 32)
            quoted.appendEscaped(text, quoted: true)
            return "The peer sent text, starting with \"\(quoted.text)\"; this is not a MongoDB server. Check the port."
        }
    }

    /// RFC 8446 section 5.1 and 6: type 21, version 3.x, length 2, then a level (warning, fatal) and the description.
    private static func isTLSAlert(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 7 && bytes[0] == 21 && bytes[1] == 3 && bytes[2] <= 4 && bytes[3] == 0 && bytes[4] == 2
            && (1...2).contains(bytes[5]) && !hasOperationCode(bytes)
    }

    /// RFC 8446 section 5.1 and 4: type 22, version 3.x, a length of at most 2^14 + 256, then a ClientHello or
    /// ServerHello whose own length fits.
    private static func isTLSHandshake(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 9, bytes[0] == 22, bytes[1] == 3, bytes[2] <= 4 else { return false }
        let recordLength = Int(bytes[3]) << 8 | Int(bytes[4])
        let handshakeLength = Int(bytes[6]) << 16 | Int(bytes[7]) << 8 | Int(bytes[8])
        return recordLength <= 16_640 && (1...2).contains(bytes[5]) && handshakeLength + 4 <= recordLength
            && !hasOperationCode(bytes)
    }

    private static func hasOperationCode(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= MessageHeader.byteCount else { return false }
        let number = bytes[12..<16].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return OpCode(rawValue: Int32(bitPattern: number)).isSupported
    }
}
