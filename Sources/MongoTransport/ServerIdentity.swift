internal import NameResolution

/// Whom a server's certificate must name (RFC 9525).
struct ServerIdentity: Equatable {
    /// The name to send to the server and to look for in its certificate; `nil` for addresses, which RFC 6066 section 3
    /// does not allow as server names, and for Unix domain sockets, which have neither.
    let name: String?

    init(_ endpoint: ServerEndpoint) {
        guard case .host(let host, _) = endpoint, IPAddress(host) == nil else {
            name = nil
            return
        }
        let labels = withoutFinalPeriod(host)
        name = labels.isEmpty ? nil : labels
    }

    /// Whether a certificate that BoringSSL and NIOSSL have accepted may stay accepted.
    ///
    /// NIOSSL takes a certificate also if it has the address that the name resolved to. The name service could then
    /// choose the identity, and it proves nothing: a name must be in the certificate as a name. (Certificates without any
    /// alternative names are matched by their common name, as NIOSSL does.)
    func isConfirmed(by certificate: PeerCertificate) -> Bool {
        guard let name, !certificate.alternativeNames.isEmpty else { return true }
        return certificate.alternativeNames.contains { alternative in
            guard case .dnsName(let pattern) = alternative else { return false }
            return Self.matches(name, pattern)
        }
    }

    /// Compares without regard to case; a wildcard stands for exactly one label, the first (RFC 9525 section 6.3).
    static func matches(_ name: String, _ pattern: String) -> Bool {
        let labels = Self.labels(of: name)
        let patterns = Self.labels(of: pattern)
        guard labels.count == patterns.count, let first = labels.first, let firstPattern = patterns.first else {
            return false
        }
        guard firstPattern.elementsEqual("*".utf8) else { return labels == patterns }
        return patterns.count > 2 && !first.starts(with: "xn--".utf8) && labels.dropFirst() == patterns.dropFirst()
    }

    /// As bytes: two texts that Unicode calls equivalent are two names.
    private static func labels(of name: String) -> [ArraySlice<UInt8>] {
        Array(asciiLowercased(withoutFinalPeriod(name)).utf8)
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    }
}
