internal import GSSCore
internal import GSSKerberos
public import NameResolution

/// The Kerberos name of a server, from its host name and the options of GSSAPI.
public struct ServicePrincipal: Sendable, Hashable {
    /// The host part as it goes into the principal.
    public let host: String
    /// `SERVICE_NAME`
    public let serviceName: String
    /// `SERVICE_REALM`
    public let realm: String?
    /// What is doubtful about it, for a report.
    public let warnings: [String]

    /// The name for GSS-API. Kerberos is not to make the host canonical once more: that has been done, or is not
    /// wanted. Reads the Kerberos configuration, so call it on a worker.
    func gssName() throws(GSSError) -> GSSName {
        try .kerberosService(serviceName, exactHost: host, realm: realm)
    }

    /// Works out the name of a server.
    ///
    /// Look-ups that fail fall back to the name before them, as the specification says, with a warning; only the
    /// deadline and a cancellation end it. The look-ups are those of the specification: the canonical name of the host
    /// (the end of its chain of aliases), and for ``GSSAPIOptions/CanonicalizeHostName/forwardAndReverse`` first the name
    /// of the host's first address. A name with a dot at its end is looked up as that, without search domains.
    ///
    /// - Parameter serverHost: The name that was connected to. A port, brackets and a zone are left out, as they are of
    ///   `SERVICE_HOST`.
    /// - Throws: ``MongoAuthError`` for an empty part, for a deadline that passes; `CancellationError`.
    public static func resolve(
        serverHost: String, options: GSSAPIOptions, resolver: any NameResolver, by deadline: ContinuousClock.Instant
    ) async throws -> ServicePrincipal {
        let text = options.serviceHost ?? serverHost
        let given = ServiceHost(text)
        guard !given.normalized.isEmpty, !options.serviceName.isEmpty, options.serviceRealm != "" else {
            throw MongoAuthError(
                .invalidCredential, "SERVICE_NAME, SERVICE_REALM and the service's host must not be empty")
        }
        var warnings: [String] = []
        if given.hadPort {
            warnings.append(
                "the service's host \(text) has a port, which is no part of a principal: \(given.normalized) is used")
        }
        var search = CanonicalHostSearch(resolver: resolver, deadline: deadline)
        let host = try await search.canonical(given, options.canonicalizeHostName) ?? given.normalized
        if !search.misses.isEmpty {
            warnings.append(
                "CANONICALIZE_HOST_NAME falls back to the host \(host): " + search.misses.joined(separator: "; "))
        }
        if let warning = addressWarning(for: host) { warnings.append(warning) }
        return ServicePrincipal(
            host: host, serviceName: options.serviceName, realm: options.serviceRealm, warnings: warnings)
    }

    /// What to say of a service's host that is an address; `nil` for a name.
    package static func addressWarning(for host: String) -> String? {
        guard IPAddress(host) != nil else { return nil }
        return "the service's host is the address \(host); Kerberos principals are normally made for names: connect by "
            + "name, or set SERVICE_HOST"
    }
}

extension ServicePrincipal: CustomStringConvertible {
    /// `service/host@REALM`; without a realm where Kerberos chooses it.
    public var description: String {
        "\(serviceName)/\(host)" + (realm.map { "@\($0)" } ?? "")
    }
}
