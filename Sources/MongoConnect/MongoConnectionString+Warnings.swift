internal import KerberosCredentials
public import SaslConnectionString

extension MongoConnectionString {
    /// What is doubtful about the Kerberos names of the hosts, as far as it shows before anything is looked up: an
    /// address, or a Unix socket, in the place of a name. Empty for other mechanisms than GSSAPI.
    public var serviceNameWarnings: [ConnectWarning] {
        var warnings: [ConnectWarning] = []
        for warning in hosts.compactMap(serviceNameWarning) where !warnings.contains(warning) {
            warnings.append(warning)
        }
        return warnings
    }

    /// What is unsafe about the connections: a password in clear text, TLS that verifies nothing.
    public var safetyWarnings: [ConnectWarning] {
        let isPlain = credential?.mechanism == .plain
        guard usesTLS else {
            return isPlain && hosts.contains { $0.kind != .unix } ? [.passwordInClearText] : []
        }
        let options = [
            ("tlsInsecure", options.tlsInsecure), ("tlsAllowInvalidCertificates", options.tlsAllowInvalidCertificates),
            ("tlsAllowInvalidHostnames", options.tlsAllowInvalidHostnames),
        ]
        return options.filter { $0.1 == true }.prefix(1).map { .tlsIsNotVerified(option: $0.0, sendsPassword: isPlain) }
    }

    private func serviceNameWarning(for host: Host) -> ConnectWarning? {
        guard let properties = credential?.gssapiProperties else { return nil }
        if host.kind == .unix, properties.serviceHost == nil { return .serviceHostOfSocket(path: host.name) }
        // The address may yet lead to a name.
        guard properties.canonicalizeHostName != .forwardAndReverse else { return nil }
        return ServicePrincipal.doubt(aboutHost: properties.serviceHost ?? host.name).map(ConnectWarning.service)
    }
}
