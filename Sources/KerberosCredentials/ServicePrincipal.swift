internal import GSSCore
public import NameResolution

/// The Kerberos name of a server.
public struct ServicePrincipal: Sendable {
    /// The principal's first part, for example `ldap`.
    public let service: String
    /// The second part of the principal: in lower case, without port, brackets or zone where it was resolved.
    public let host: String
    /// The realm; `nil` leaves it to Kerberos.
    public let realm: String?
    /// Warnings, for a report. Principals that differ only in these are equal.
    public let doubts: [ServiceNameDoubt]

    /// Names a service whose host needs no look-up: it is used as given.
    public init(service: String, host: String, realm: String? = nil, doubts: [ServiceNameDoubt] = []) {
        self.service = service
        self.host = host
        self.realm = realm
        self.doubts = doubts
    }

    /// The name for GSS-API. Kerberos must not canonicalize the host again: that has been done, or
    /// is not wanted. Reads the Kerberos configuration, so call it on a worker.
    func gssName() throws(GSSError) -> GSSName {
        try .kerberosService(service, exactHost: host, realm: realm)
    }

    /// Determines the name of a server.
    ///
    /// A failed look-up falls back to the earlier name, which ``doubts`` reports; only the deadline and a cancellation
    /// are errors. A name with a final dot is looked up as such, without search domains.
    ///
    /// - Parameters:
    ///   - service: The principal's first part.
    ///   - realm: The realm; `nil` leaves it to Kerberos.
    ///   - host: The host's name. A port, brackets and a zone are left out.
    ///   - canonicalization: Which look-ups are made.
    ///   - connectedAddress: The address of the connection: its name is looked up instead of that of the
    ///     host's first address, which may be another machine.
    ///   - resolver: Makes the look-ups.
    ///   - deadline: When to stop waiting.
    /// - Throws: ``KerberosCredentialError`` for an empty part and for a deadline that passes; `CancellationError`.
    public static func resolve(
        service: String, realm: String? = nil, host: String, canonicalization: HostCanonicalization = .none,
        connectedAddress: IPAddress? = nil, resolver: any NameResolver, by deadline: ContinuousClock.Instant
    ) async throws -> ServicePrincipal {
        let given = ServiceHost(host)
        guard !given.normalized.isEmpty, !service.isEmpty, realm != "" else {
            throw KerberosCredentialError(
                .invalidService, "the service's name, its realm and its host must not be empty")
        }
        var doubts: [ServiceNameDoubt] = []
        if given.hadPort { doubts.append(.hostHadPort(given: host, used: given.normalized)) }
        var search = CanonicalHostSearch(resolver: resolver, deadline: deadline, connectedAddress: connectedAddress)
        let name = try await search.canonical(given, canonicalization) ?? given.normalized
        if !search.misses.isEmpty { doubts.append(.canonicalizationFellBack(host: name, reasons: search.misses)) }
        if let doubt = doubt(aboutHost: name) { doubts.append(doubt) }
        return ServicePrincipal(service: service, host: name, realm: realm, doubts: doubts)
    }

    /// The name of a host without any look-up, without a port, brackets and a zone.
    package static func unresolved(service: String, realm: String?, host: String) -> ServicePrincipal {
        ServicePrincipal(service: service, host: ServiceHost(host).normalized, realm: realm)
    }

    /// The warning about a service's host that is an address; `nil` for a name.
    package static func doubt(aboutHost host: String) -> ServiceNameDoubt? {
        IPAddress(host) == nil ? nil : .hostIsAddress(host)
    }
}

extension ServicePrincipal: Hashable {
    /// Whether the names are equal, byte by byte; ``doubts`` are ignored.
    public static func == (one: ServicePrincipal, other: ServicePrincipal) -> Bool {
        isSameText(one.service, other.service) && isSameText(one.host, other.host) && isSameText(one.realm, other.realm)
    }

    /// By the name alone.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ByteText(service))
        hasher.combine(ByteText(host))
        hasher.combine(realm.map(ByteText.init))
    }
}

extension ServicePrincipal: CustomStringConvertible {
    /// `service/host@REALM`; without a realm if Kerberos chooses it.
    public var description: String { "\(service)/\(host)" + (realm.map { "@\($0)" } ?? "") }
}
