internal import Crypto
public import SASL

extension SaslChannelBinding {
    /// The binding to a server's certificate, `tls-server-end-point` (RFC 5929 section 4.1): the certificate's hash,
    /// with the hash function of its signature, or SHA-256 if that is MD5 or SHA-1.
    ///
    /// ```swift
    /// SaslChannelBinding.serverEndPoint(ofCertificate: try certificate.toDERBytes())   // an NIOSSLCertificate
    /// ```
    ///
    /// - Parameter certificate: The server's own, the first of its chain, in DER.
    /// - Returns: `nil` if the RFC defines none, as for Ed25519, if the function is not SHA-256, SHA-384 or SHA-512, or
    ///   if it is not a certificate.
    public static func serverEndPoint(ofCertificate certificate: [UInt8]) -> SaslChannelBinding? {
        guard let hash = SignatureHash(ofCertificate: certificate) else { return nil }
        return SaslChannelBinding(.tlsServerEndPoint, data: hash.digest(certificate))
    }
}

/// The hash function of a certificate's signature.
private enum SignatureHash {
    case sha256, sha384, sha512

    /// Reads the field `signatureAlgorithm` (RFC 5280 section 4.1.1.2).
    init?(ofCertificate certificate: [UInt8]) {
        var outer = DER(certificate[...])
        guard let fields = outer.next(DER.sequence), outer.rest.isEmpty else { return nil }
        var certificate = DER(fields)
        guard let signed = certificate.next(DER.sequence), !signed.isEmpty,
            let algorithm = certificate.next(DER.sequence),
            let signature = certificate.next(DER.bitString), signature.first.map({ $0 < 8 }) == true,
            certificate.rest.isEmpty
        else { return nil }
        var parts = DER(algorithm)
        guard let identifier = parts.next(DER.objectIdentifier) else { return nil }
        let (rsa, ecdsa): ([UInt8], [UInt8]) = (
            [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1], [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4]
        )
        switch Array(identifier) {
        case rsa + [4], rsa + [5], rsa + [11], ecdsa + [1], ecdsa + [3, 2]: self = .sha256
        case rsa + [12], ecdsa + [3, 3]: self = .sha384
        case rsa + [13], ecdsa + [3, 4]: self = .sha512
        case rsa + [10]: self.init(ofPSS: &parts)
        default: return nil
        }
    }

    /// Reads `RSASSA-PSS-params` (RFC 4055 section 3.1), where SHA-1 is the default.
    private init?(ofPSS parts: inout DER) {
        guard let fields = parts.next(DER.sequence) else { return nil }
        var parameters = DER(fields)
        guard let explicit = parameters.next(0xA0) else {
            self = .sha256
            return
        }
        var tagged = DER(explicit)
        guard let algorithm = tagged.next(DER.sequence) else { return nil }
        var inner = DER(algorithm)
        switch inner.next(DER.objectIdentifier).map(Array.init) {
        case [0x2B, 0x0E, 3, 2, 26], [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]: self = .sha256
        case [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2]: self = .sha384
        case [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3]: self = .sha512
        default: return nil
        }
    }

    func digest(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256: Array(SHA256.hash(data: bytes))
        case .sha384: Array(SHA384.hash(data: bytes))
        case .sha512: Array(SHA512.hash(data: bytes))
        }
    }
}

/// The subset of DER (X.690) that a certificate's algorithm needs.
private struct DER {
    static let bitString: UInt8 = 0x03
    static let objectIdentifier: UInt8 = 0x06
    static let sequence: UInt8 = 0x30

    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    /// Removes the next element and returns its content; `nil` if it has another tag, is incomplete, or if its length
    /// takes more octets than it needs (section 10.1).
    mutating func next(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard rest.first == tag, let first = rest.dropFirst().first else { return nil }
        var content = rest.dropFirst(2)
        var length = Int(first)
        if first >= 0x80 {
            let count = Int(first & 0x7F)
            guard (1...3).contains(count), content.count >= count else { return nil }
            length = content.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            guard length >= (count == 1 ? 0x80 : 1 << (8 * (count - 1))) else { return nil }
            content = content.dropFirst(count)
        }
        guard content.count >= length else { return nil }
        rest = content.dropFirst(length)
        return content.prefix(length)
    }
}
