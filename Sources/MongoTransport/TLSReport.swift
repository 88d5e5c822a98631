public import NameResolution

/// What a TLS handshake showed of the connection and the server, also where it failed.
public struct TLSReport: Sendable, Hashable {
    /// The negotiated version, such as `TLSv1.3`; `nil` where the handshake did not come that far.
    public var version: String?
    /// The negotiated cipher suite's name in IANA's registry, such as `TLS_AES_128_GCM_SHA256`.
    public var cipherSuite: String?
    /// The certificate that the server showed. It says who the server claims to be; only a handshake that succeeded
    /// with verification on makes it true.
    public var certificate: PeerCertificate?

    /// Creates an empty report.
    public init() {}
}

extension TLSReport: CustomStringConvertible {
    /// Version, cipher suite and certificate, on one line.
    public var description: String {
        [version, cipherSuite, certificate?.description].compactMap { $0 }.joined(separator: ", ")
    }
}

/// What a server's certificate (RFC 5280) says.
///
/// Texts come from the peer; control characters in them are escaped.
public struct PeerCertificate: Sendable, Hashable {
    /// A name that the certificate is for (RFC 5280 section 4.2.1.6).
    public enum AlternativeName: Sendable, Hashable, CustomStringConvertible {
        /// A host name, perhaps with a wildcard as its first label.
        case dnsName(String)
        /// An address.
        case ipAddress(IPAddress)
        /// A name of another kind, which no server is known by: an e-mail address, a URI.
        case other

        /// The name or address.
        public var description: String {
            switch self {
            case .dnsName(let name): name
            case .ipAddress(let address): address.description
            case .other: "(another kind of name)"
            }
        }
    }

    /// Whom it is for, as a distinguished name in the form of RFC 4514.
    public var subject: String
    /// Who signed it, in the same form.
    public var issuer: String
    /// The host names and addresses that it is for.
    public var alternativeNames: [AlternativeName]
    /// Whether it has the extension for these, perhaps an empty one.
    public var hasAlternativeNames: Bool
    /// The subject's common names, which are host names by an older custom.
    public var commonNames: [String]
    /// Whether its extension extKeyUsage, where it has one, is for servers.
    public var isForServers: Bool
    /// Whether its extension keyUsage, where it has one, has keyCertSign.
    var maySignOthers: Bool
    /// How it is signed: `sha256WithRSAEncryption`, `ecdsa-with-SHA384`, or an object identifier.
    public var signatureAlgorithm: String
    /// Its key.
    public var publicKey: PublicKey
    /// When it begins to be valid, in seconds since 1970 (UTC, without leap seconds).
    public var notBefore: Int64
    /// When it ends to be valid, in the same unit.
    public var notAfter: Int64
    /// The data of the channel binding `tls-server-end-point` (RFC 5929 section 4.1): a hash of the certificate by the hash of its
    /// signature, SHA-256 in place of MD5 and SHA-1. `nil` for a signature that names no single hash: Ed25519, RSASSA-PSS.
    public var serverEndPoint: [UInt8]?

    /// A certificate's key.
    public struct PublicKey: Sendable, Hashable, CustomStringConvertible {
        /// The kind of key: `RSA`, `RSA-PSS`, `P-256`, `P-384`, `P-521`, `Ed25519`, or an object identifier.
        public var kind: String
        /// The bits of an RSA key's modulus; `nil` for other kinds.
        public var bits: Int?

        /// The kind, with the bits of an RSA key.
        public var description: String { bits.map { "\(kind) \($0)" } ?? kind }
    }

    /// What is weak about it in the eyes of today: a signature by MD5 or SHA-1, an RSA key of less than 2,048 bits. Other
    /// clients accept both, and so does this one.
    public var weaknesses: [String] {
        var weaknesses: [String] = []
        let signature = asciiLowercased(signatureAlgorithm)
        // Nobody looks at the signature of a certificate that is trusted by itself.
        if signature.hasPrefix("sha1") || signature.hasPrefix("md5") || signature == "ecdsa-with-sha1", !isSelfIssued {
            weaknesses.append("it is signed by \(signatureAlgorithm)")
        }
        if let bits = publicKey.bits, bits < 2048 { weaknesses.append("its key is \(publicKey)") }
        return weaknesses
    }

    /// Whether it is valid at a time, in seconds since 1970.
    func isValid(at time: Int64) -> Bool { notBefore <= time && time <= notAfter }

    /// Whether the certificate is signed by itself.
    public var isSelfIssued: Bool { subject == issuer }
}

extension PeerCertificate: CustomStringConvertible {
    /// Subject, names, issuer and expiry, on one line of bounded length.
    public var description: String {
        let shown = alternativeNames.prefix(8).map(\.description)
        let others = alternativeNames.count - shown.count
        let names = (shown + (others > 0 ? ["\(others) more"] : [])).joined(separator: " ")
        return (subject.isEmpty ? "no subject" : subject) + (names.isEmpty ? "" : " (for \(names))")
            + ", issuer \(issuer), expires \(UTCDate(notAfter))"
    }
}
