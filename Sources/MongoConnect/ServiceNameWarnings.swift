internal import MongoAuth
public import SaslConnectionString

extension MongoConnectionString {
    /// What is doubtful about the Kerberos names of the hosts, as far as it shows before anything is looked up: an
    /// address, or a Unix socket, in the place of a name. Empty for other mechanisms than GSSAPI.
    public var serviceNameWarnings: [String] {
        var warnings: [String] = []
        for warning in hosts.compactMap(serviceNameWarning) where !warnings.contains(warning) {
            warnings.append(warning)
        }
        return warnings
    }

    private func serviceNameWarning(for host: Host) -> String? {
        guard let properties = credential?.gssapiProperties else { return nil }
        if let warning = Self.socketWarning(host, serviceHost: properties.serviceHost) { return warning }
        // The address may yet lead to a name.
        guard properties.canonicalizeHostName != .forwardAndReverse else { return nil }
        return ServicePrincipal.addressWarning(for: properties.serviceHost ?? host.name)
    }

    /// What to say of a socket whose server's name is left to guess.
    static func socketWarning(_ host: Host, serviceHost: String?) -> String? {
        guard host.kind == .unix, serviceHost == nil else { return nil }
        return
            "the socket \(host.name) has no host name, so the service's host is taken to be localhost: set SERVICE_HOST"
            + " to the host in the server's principal"
    }
}
