internal import NameResolution

/// The name that a server's certificate must have (RFC 9525, and the common name where drivers still accept it).
///
/// This module checks the names itself: NIOSSL refuses exact names with `_`, which other drivers accept, and also
/// accepts a certificate for the address that a name resolved to. The unauthenticated name service could then choose
/// the identity. With TLS 1.3 the server has by then seen the client's certificate, if there is one, and nothing else.
enum ServerIdentity: Equatable {
    /// A name, without its final period.
    case name(String)
    case address(IPAddress)
    /// A Unix domain socket has no name that a certificate could contain.
    case none

    init(_ endpoint: ServerEndpoint) {
        guard case .host(let host, _) = endpoint else {
            self = .none
            return
        }
        let name = withoutFinalPeriod(host)
        self = IPAddress(host).map(Self.address) ?? (name.isEmpty ? .none : .name(name))
    }

    /// The name to send to the server; `nil` for addresses, which RFC 6066 section 3 does not allow as server names,
    /// and for Unix domain sockets.
    var serverName: String? {
        if case .name(let name) = self { name } else { nil }
    }

    /// Whether a trusted certificate names this server.
    func isConfirmed(by certificate: PeerCertificate) -> Bool {
        switch self {
        case .none:
            return false
        case .address(let address):
            // A zone is local to this machine.
            return certificate.alternativeNames.contains { alternative in
                if case .ipAddress(let other) = alternative { other.bytes == address.bytes } else { false }
            }
        case .name(let name):
            let names = certificate.alternativeNames.compactMap { alternative in
                if case .dnsName(let pattern) = alternative { pattern } else { nil }
            }
            // The common name counts only without subject alternative names of any kind: only then BoringSSL
            // checks it against an authority's name constraints.
            return (certificate.hasAlternativeNames ? names : certificate.commonNames).contains {
                Self.matches(name, $0)
            }
        }
    }

    /// Compares case-insensitively; a wildcard matches exactly one label, the first (RFC 9525 section 6.3), and
    /// only one that a host may have: not an A-label, nor one with `_`.
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

    /// As bytes: canonically equivalent texts are different names.
    private static func labels(of name: String) -> [ArraySlice<UInt8>] {
        Array(asciiLowercased(withoutFinalPeriod(name)).utf8)
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    }
}
