public import NameResolution

/// What a TLS handshake showed about the connection and the server, even if it failed.
public struct TLSReport: Sendable, Hashable {
    /// The negotiated version, such as `TLSv1.3`; `nil` if the handshake did not get that far.
    public var version: String?
    /// The negotiated cipher suite's name in IANA's registry, such as `TLS_AES_128_GCM_SHA256`.
    public var cipherSuite: String?
    /// The certificate that the server sent. It is the server's claim; only a successful
    /// handshake with verification proves it.
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
        /// An IPv4 or IPv6 address (`iPAddress` of RFC 5280).
        case ipAddress(IPAddress)
        /// A name of another kind, which does not identify servers: an e-mail address, a URI.
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

    /// The subject, as a distinguished name in the form of RFC 4514.
    public var subject: String
    /// The issuer, in the same form.
    public var issuer: String
    /// The subject alternative names: host names and addresses.
    public var alternativeNames: [AlternativeName]
    /// Whether it has the subject alternative name extension, perhaps an empty one.
    public var hasAlternativeNames: Bool
    /// The subject's common names, which are host names by an older custom.
    public var commonNames: [String]
    /// Whether its extension extKeyUsage, if it has one, is for servers.
    public var isForServers: Bool
    /// Whether its extension keyUsage, if it has one, has keyCertSign.
    var maySignOthers: Bool
    /// How it is signed: `sha256WithRSAEncryption`, `ecdsa-with-SHA384`, or an object identifier.
    public var signatureAlgorithm: String
    /// Algorithm and size of the key that the certificate certifies.
    public var publicKey: PublicKey
    /// The start of its validity, in seconds since 1970 (UTC, without leap seconds).
    public var notBefore: Int64
    /// The end of its validity, in the same unit.
    public var notAfter: Int64
    /// The data of the channel binding `tls-server-end-point` (RFC 5929 section 4.1): a hash of the certificate by the
    /// hash of its signature, SHA-256 in place of MD5 and SHA-1. `nil` if the RFC defines none, as for Ed25519, or if
    /// the function is not SHA-256, SHA-384 or SHA-512.
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

    /// What is weak about it by current standards: a signature by MD5 or SHA-1, an RSA key of less than 2,048 bits.
    /// Other clients accept both, and so does this one.
    public var weaknesses: [String] {
        var weaknesses: [String] = []
        let signature = asciiLowercased(signatureAlgorithm)
        // The signature of a certificate that is itself trusted is not checked.
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
