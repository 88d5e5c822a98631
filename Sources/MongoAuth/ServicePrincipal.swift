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
    /// Look-ups that fail fall back to the name before them, as the specification says; only the deadline and a
    /// cancellation end it.
    ///
    /// - Parameter serverHost: The name that was connected to, without port and brackets.
    /// - Throws: ``MongoAuthError`` for an empty part, for a deadline that passes; `CancellationError`.
    public static func resolve(
        serverHost: String, options: GSSAPIOptions, resolver: any NameResolver, by deadline: ContinuousClock.Instant
    ) async throws -> ServicePrincipal {
        let given = normalized(options.serviceHost ?? serverHost)
        guard !given.isEmpty, !options.serviceName.isEmpty, options.serviceRealm != "" else {
            throw MongoAuthError(
                .invalidCredential, "SERVICE_NAME, SERVICE_REALM and the service's host must not be empty")
        }
        let host: String
        switch options.canonicalizeHostName {
        case .none:
            host = given
        case .forward:
            host = try await forward(given, resolver, deadline)
        case .forwardAndReverse:
            host = try await reverse(given, resolver, deadline)
        }
        var warnings: [String] = []
        if IPAddress(host) != nil {
            warnings.append(
                "the service's host is the address \(host); Kerberos principals are normally made for names: connect "
                    + "by name, or set SERVICE_HOST")
        }
        return ServicePrincipal(
            host: host, serviceName: options.serviceName, realm: options.serviceRealm, warnings: warnings)
    }

    private static func forward(
        _ host: String, _ resolver: any NameResolver, _ deadline: ContinuousClock.Instant
    ) async throws -> String {
        try await attempt { normalized(try await resolver.canonicalName(of: host, by: deadline)) } ?? host
    }

    private static func reverse(
        _ host: String, _ resolver: any NameResolver, _ deadline: ContinuousClock.Instant
    ) async throws -> String {
        let name: String? = try await attempt {
            guard let address = try await resolver.addresses(of: host, family: nil, by: deadline).first else {
                return nil
            }
            return normalized(try await resolver.name(of: address, by: deadline))
        }
        // A resolver may answer with the address itself where there is no name.
        if let name, !name.isEmpty, IPAddress(name) == nil { return name }
        return try await forward(host, resolver, deadline)
    }

    private static func attempt(_ lookUp: () async throws -> String?) async throws -> String? {
        do {
            guard let name = try await lookUp(), !name.isEmpty else { return nil }
            return name
        } catch let error as NameResolutionError where error.code == .deadlineExceeded {
            throw MongoAuthError(
                .deadlineExceeded, "the deadline passed while the service's host name was made canonical",
                underlying: error)
        } catch is NameResolutionError {
            return nil
        }
    }

    /// Principals are made with lower-case names and without the dot at a full name's end.
    private static func normalized(_ host: String) -> String {
        var host = host.lowercased()
        if host.hasSuffix(".") { host.removeLast() }
        return host
    }
}

extension ServicePrincipal: CustomStringConvertible {
    /// `service/host@REALM`; without a realm where Kerberos chooses it.
    public var description: String {
        "\(serviceName)/\(host)" + (realm.map { "@\($0)" } ?? "")
    }
}
