internal import KerberosCredentials
public import MongoAuth
internal import MongoTransport
internal import NameResolution
public import SaslConnectionString

extension MongoConnectionString {
    /// Warnings about the Kerberos names of the hosts that need no look-up: an address, or
    /// a Unix socket, instead of a name. Empty for mechanisms other than GSSAPI.
    public var serviceNameWarnings: [ConnectWarning] {
        var warnings: [ConnectWarning] = []
        for warning in hosts.compactMap(serviceNameWarning) where !warnings.contains(warning) {
            warnings.append(warning)
        }
        return warnings
    }

    /// Warnings about unsafe connections: a password in clear text, TLS that verifies nothing.
    public var safetyWarnings: [ConnectWarning] { safetyWarnings(sendsSecret: credential?.mechanism == .plain) }

    /// - Parameter isPlain: Whether the mechanism sends a password or token in clear text.
    func safetyWarnings(sendsSecret isPlain: Bool) -> [ConnectWarning] {
        guard usesTLS else {
            return isPlain && hosts.contains { $0.kind != .unix } ? [.passwordInClearText] : []
        }
        let options = [
            ("tlsInsecure", options.tlsInsecure), ("tlsAllowInvalidCertificates", options.tlsAllowInvalidCertificates),
            ("tlsAllowInvalidHostnames", options.tlsAllowInvalidHostnames),
        ]
        return options.filter { $0.1 == true }.prefix(1).map { .tlsIsNotVerified(option: $0.0, sendsPassword: isPlain) }
    }

    /// Options that this package ignores, if that changes the meaning of a success. Those for a driver's pools,
    /// reads and writes are not among them: they do not affect connecting.
    public var unusedOptionWarnings: [ConnectWarning] {
        var warnings: [ConnectWarning] = []
        if let mechanism = credential?.mechanism, [.aws, .oidc].contains(mechanism) {
            warnings.append(.mechanismIsMissing(name: mechanism.rawValue))
        }
        if options.tlsCRLFile != nil {
            warnings.append(
                usesTLS && TLSOptions(options).verifiesCertificate
                    ? .revocationListsAreNotVerified : .revocationListsHaveNoEffect)
        }
        guard usesTLS else { return warnings }
        let given = [
            ("tlsDisableOCSPEndpointCheck", options.tlsDisableOCSPEndpointCheck),
            ("tlsDisableCertificateRevocationCheck", options.tlsDisableCertificateRevocationCheck),
        ]
        return warnings + given.filter { $0.1 != nil }.map { .optionHasNoEffect(name: $0.0) }
    }

    /// What would keep a driver from using a server that authenticated us, according to the server discovery and
    /// monitoring specification.
    ///
    /// - Parameters:
    ///   - server: Its reply to hello.
    ///   - host: The name by which it was reached; `nil` if unknown.
    public func topologyWarnings(about server: ServerDescription, at host: Host? = nil) -> [ConnectWarning] {
        guard options.loadBalanced != true else { return [] }
        var warnings: [ConnectWarning] = []
        if server.role == .ghost {
            warnings.append(.replicaSetIsNotInitiated)
        } else if let wanted = options.replicaSet, server.setName.map({ !$0.utf8.elementsEqual(wanted.utf8) }) ?? true {
            warnings.append(.otherReplicaSet(wanted: wanted, found: server.setName))
        } else if hosts.count > 1, server.role == .standalone {
            warnings.append(.standaloneAmongSeveral)
        }
        if let host, let set = server.setName, options.directConnection != true, !server.members.isEmpty,
            !server.members.contains(where: { (try? Host(member: $0))?.isSame(as: host) == true })
        {
            warnings.append(.hostIsNoMember(members: Array(server.members.prefix(8)), set: set))
        }
        let (minimum, maximum) = (server.minWireVersion, server.maxWireVersion)
        if maximum < Self.driverWireVersions.lowerBound || minimum > Self.driverWireVersions.upperBound {
            warnings.append(.wireVersionsOutOfRange(minimum: minimum, maximum: maximum))
        }
        return warnings
    }

    /// The minimum of all drivers of 2026: PyMongo 4.20 begins with MongoDB 4.4, most others with 4.2.
    private static let driverWireVersions = 9...29

    private func serviceNameWarning(for host: Host) -> ConnectWarning? {
        guard let properties = credential?.gssapiProperties else { return nil }
        if host.kind == .unix, properties.serviceHost == nil { return .serviceHostOfSocket(path: host.name) }
        // The address may still resolve to a name.
        guard properties.canonicalizeHostName != .forwardAndReverse else { return nil }
        return ServicePrincipal.doubt(aboutHost: properties.serviceHost ?? host.name).map(ConnectWarning.service)
    }
}

extension MongoConnectionString.Host {
    fileprivate func isSame(as other: Self) -> Bool {
        port == other.port
            && asciiLowercased(withoutFinalPeriod(asciiName)) == asciiLowercased(withoutFinalPeriod(other.asciiName))
    }
}
