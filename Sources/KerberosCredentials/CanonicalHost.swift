internal import NameResolution

/// The host of a service, as given.
struct ServiceHost: Sendable, Hashable {
    /// In lower case, without port, brackets and zone, which are not part of a principal.
    let name: String
    /// Whether a port was left out.
    let hadPort: Bool

    init(_ text: String) {
        var host = Substring(asciiLowercased(text)).utf8
        var hadPort = false
        if host.first == UInt8(ascii: "["), let close = host.firstIndex(of: UInt8(ascii: "]")) {
            let behind = host[host.index(after: close)...]
            if behind.isEmpty || Self.isPort(behind) {
                hadPort = !behind.isEmpty
                host = host[..<close].dropFirst()
            }
        } else if let colon = host.firstIndex(of: UInt8(ascii: ":")), Self.isPort(host[colon...]) {
            hadPort = true
            host = host[..<colon]
        }
        // A zone is meaningful only on this machine.
        if host.contains(UInt8(ascii: ":")), let zone = host.firstIndex(of: UInt8(ascii: "%")) { host = host[..<zone] }
        name = String(Substring(host))
        self.hadPort = hadPort
    }

    /// The name in a principal: without a final dot.
    var normalized: String {
        name.utf8.last == UInt8(ascii: ".") ? String(decoding: name.utf8.dropLast(), as: UTF8.self) : name
    }

    private static func isPort(_ text: Substring.UTF8View) -> Bool {
        text.count > 1 && text.first == UInt8(ascii: ":")
            && text.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}

/// How a host's name is canonicalized for its service principal.
@nonexhaustive
public enum HostCanonicalization: Sendable, Hashable {
    /// The name is used as given.
    case none
    /// The end of the chain of aliases (CNAME).
    case forward
    /// The name of the address (PTR), else as `forward`.
    case forwardAndReverse
}

/// Canonicalizes a host name with the same look-ups as MIT Kerberos.
struct CanonicalHostSearch {
    let resolver: any NameResolver
    let deadline: ContinuousClock.Instant
    /// The address of the connection, whose name is looked up.
    let connectedAddress: IPAddress?
    /// Why an earlier name was used as a fallback, for a report.
    private(set) var misses: [String] = []

    /// - Returns: `nil` if the host stays as given.
    mutating func canonical(
        _ host: ServiceHost, _ mode: HostCanonicalization
    ) async throws -> String? {
        switch mode {
        case .none:
            return nil
        case .forward:
            return try await forward(host.name)
        case .forwardAndReverse:
            if let name = try await reverse(host.name) { return name }
            return try await forward(host.name)
        }
    }

    private mutating func forward(_ host: String) async throws -> String? {
        // No alias leads from an address to a name.
        guard IPAddress(host) == nil else { return nil }
        let (resolver, deadline) = (resolver, deadline)
        return try await attempt(host) { try await resolver.canonicalName(of: host, by: deadline) }
    }

    private mutating func reverse(_ host: String) async throws -> String? {
        let (resolver, deadline, connectedAddress) = (resolver, deadline, connectedAddress)
        return try await attempt(host) {
            let address: IPAddress
            if let connectedAddress {
                address = connectedAddress
            } else if let first = try await resolver.addresses(of: host, family: nil, by: deadline).first {
                address = first
            } else {
                throw NameResolutionError(.noAddress, name: host, "has no address")
            }
            let name = try await resolver.name(of: address, by: deadline)
            // A resolver may answer with the address itself if there is no name.
            guard IPAddress(name) == nil else {
                throw NameResolutionError(.noSuchName, name: "\(address)", "has no name")
            }
            return name
        }
    }

    private mutating func attempt(_ host: String, _ lookUp: () async throws -> String) async throws -> String? {
        do {
            let name = ServiceHost(try await lookUp()).normalized
            if name.isEmpty { throw NameResolutionError(.noSuchName, name: host, "has an empty name") }
            return name
        } catch let error as NameResolutionError where error.code == .deadlineExceeded {
            throw KerberosCredentialError(
                .deadlineExceeded,
                "the deadline passed while the service's host name was made canonical: \(error.name) \(error.message)",
                nameResolution: error)
        } catch let error as NameResolutionError {
            let miss = "\(error.name) \(error.message)"
            if misses.last != miss { misses.append(miss) }
            return nil
        }
    }
}
