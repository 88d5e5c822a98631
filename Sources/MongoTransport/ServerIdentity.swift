internal import NameResolution

/// Whom a server's certificate must name (RFC 9525, and the common name where drivers still read it).
///
/// This module looks at the names by itself: NIOSSL refuses exact names with `_`, which other drivers accept, and takes a
/// certificate also if it has the address that a name resolved to. The name service could then choose the identity, and it
/// proves nothing. With TLS 1.3 the server has seen the client's certificate by then, where there is one, and nothing else.
enum ServerIdentity: Equatable {
    /// A name, without its final period.
    case name(String)
    case address(IPAddress)
    /// A Unix domain socket has nothing that could stand in a certificate.
    case none

    init(_ endpoint: ServerEndpoint) {
        guard case .host(let host, _) = endpoint else {
            self = .none
            return
        }
        let name = withoutFinalPeriod(host)
        self = IPAddress(host).map(Self.address) ?? (name.isEmpty ? .none : .name(name))
    }

    /// The name to send to the server; `nil` for addresses, which RFC 6066 section 3 does not allow as server names, and for
    /// Unix domain sockets.
    var serverName: String? {
        if case .name(let name) = self { name } else { nil }
    }

    /// Whether a certificate that is trusted is made out to this server.
    func isConfirmed(by certificate: PeerCertificate) -> Bool {
        switch self {
        case .none:
            return false
        case .address(let address):
            // A zone is this machine's own name for a network.
            return certificate.alternativeNames.contains { alternative in
                if case .ipAddress(let other) = alternative { other.bytes == address.bytes } else { false }
            }
        case .name(let name):
            let names = certificate.alternativeNames.compactMap { alternative in
                if case .dnsName(let pattern) = alternative { pattern } else { nil }
            }
            // The common name counts only where there are no alternative names of any kind: BoringSSL holds it against an
            // authority's name constraints in that case alone.
            return (certificate.hasAlternativeNames ? names : certificate.commonNames).contains {
                Self.matches(name, $0)
            }
        }
    }

    /// Compares without regard to case; a wildcard stands for exactly one label, the first (RFC 9525 section 6.3), if that is
    /// one that a host may have: not for an A-label, nor for one with `_`.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        let labels = Self.labels(of: name)
        let patterns = Self.labels(of: pattern)
        guard labels.count == patterns.count, let first = labels.first, let firstPattern = patterns.first,
            labels.allSatisfy({ !$0.isEmpty })
        else { return false }
        guard firstPattern.elementsEqual("*".utf8) else { return labels == patterns }
        return patterns.count > 2 && !first.starts(with: "xn--".utf8) && !first.contains(UInt8(ascii: "_"))
            && labels.dropFirst() == patterns.dropFirst()
    }

    /// As bytes: two texts that Unicode calls equivalent are two names.
    private static func labels(of name: String) -> [ArraySlice<UInt8>] {
        Array(asciiLowercased(withoutFinalPeriod(name)).utf8)
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    }
}
