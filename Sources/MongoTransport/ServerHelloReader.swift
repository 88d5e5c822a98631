/// Reads the first bytes that a server sends in a TLS handshake, which are not encrypted: whether they are TLS at all,
/// and what the ServerHello selected (RFC 8446 section 4.1.3, RFC 5246 section 7.4.1.3).
struct ServerHelloReader {
    /// Enough for the fields of a ServerHello that matter here.
    private static let limit = 128

    /// The first bytes, as far as they were read.
    private(set) var bytes: [UInt8] = []

    /// Takes the next bytes, as far as needed.
    mutating func read(_ next: some Collection<UInt8>) {
        bytes.append(contentsOf: next.prefix(Self.limit - bytes.count))
    }

    /// Whether there was anything to read.
    var isEmpty: Bool { bytes.isEmpty }

    /// Whether these are not the bytes of a TLS record: a content type (20 to 24), then a version 3.x.
    var isForeign: Bool {
        guard let type = bytes.first else { return false }
        return !(20...24).contains(type) || (bytes.count > 1 && bytes[1] != 3)
    }

    /// The chosen cipher suite; `nil` if the bytes are not a ServerHello, or an incomplete one.
    ///
    /// A request to try again (HelloRetryRequest) has the same form and the same suite as the hello that follows it.
    var cipherSuite: UInt16? {
        // Record header, handshake header, version, random; then the session's id with its length before it.
        let sessionID = 5 + 4 + 2 + 32
        guard bytes.count > sessionID, bytes[0] == 22, bytes[5] == 2 else { return nil }
        let suite = sessionID + 1 + Int(bytes[sessionID])
        guard bytes.count >= suite + 2 else { return nil }
        return UInt16(bytes[suite]) << 8 | UInt16(bytes[suite + 1])
    }

    /// The name of a suite in IANA's registry; a number if this client does not offer it.
    static func name(of suite: UInt16) -> String {
        names[suite] ?? "0x" + String(suite, radix: 16, uppercase: true)
    }

    private static let names: [UInt16: String] = [
        0x1301: "TLS_AES_128_GCM_SHA256",
        0x1302: "TLS_AES_256_GCM_SHA384",
        0x1303: "TLS_CHACHA20_POLY1305_SHA256",
        0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA",
        0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
        0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256",
        0x009D: "TLS_RSA_WITH_AES_256_GCM_SHA384",
        0xC009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        0xC00A: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        0xC013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        0xC014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ]
}
