/// The rules about options that conflict with each other, or with the hosts or the scheme.
enum OptionRules {
    /// Options of which at most one may be given, whatever the values.
    private static let exclusive: [(String, String)] = [
        ("tlsInsecure", "tlsAllowInvalidCertificates"),
        ("tlsInsecure", "tlsAllowInvalidHostnames"),
        ("tlsInsecure", "tlsDisableOCSPEndpointCheck"),
        ("tlsInsecure", "tlsDisableCertificateRevocationCheck"),
        ("tlsAllowInvalidCertificates", "tlsDisableOCSPEndpointCheck"),
        ("tlsAllowInvalidCertificates", "tlsDisableCertificateRevocationCheck"),
        ("tlsDisableOCSPEndpointCheck", "tlsDisableCertificateRevocationCheck"),
    ]

    /// Checks all rules about the string alone.
    ///
    /// - Parameters:
    ///   - given: The options that the string gives, also those whose values were ignored.
    ///   - unread: Those whose values could not be read.
    static func check(
        _ options: Options, given: Set<String>, unread: Set<String>, scheme: MongoConnectionString.Scheme,
        hosts: [MongoConnectionString.Host], locations: Locations, _ findings: Findings
    ) throws(ConnectionStringError) {
        for (one, other) in exclusive where given.contains(one) && given.contains(other) {
            try findings.report(
                locations.error(
                    .conflictingOptions, "\(one) and \(other) exclude each other, whatever their values", option: other
                ))
        }
        for name in ["srvServiceName", "srvMaxHosts"] where scheme == .mongodb && given.contains(name) {
            try findings.report(locations.error(.conflictingOptions, "\(name) needs mongodb+srv://", option: name))
        }
        if options.directConnection == true {
            if scheme == .mongodbSRV {
                try findings.report(
                    locations.error(
                        .conflictingOptions,
                        "directConnection=true cannot be combined with mongodb+srv://, which may name "
                            + "several servers", option: "directConnection"))
            }
            if hosts.count > 1 {
                try findings.report(
                    locations.error(
                        .conflictingOptions, "directConnection=true takes exactly one host", option: "directConnection")
                )
            }
        }
        if options.w == .nodes(0), options.journal == true {
            try findings.report(
                locations.error(
                    .conflictingOptions, "journal=true asks for an acknowledgement that w=0 forgoes", option: "journal")
            )
        }
        // An option that could not be parsed is not missing.
        if !unread.contains(where: { $0.isEmpty || $0.hasPrefix("proxy") }) {
            try checkProxy(options, given: given, locations: locations, findings)
        }
        try checkTopology(options, hosts: hosts, locations: locations, findings)
    }

    /// The rules that a TXT record, or the hosts from SRV records, can violate later.
    static func checkTopology(
        _ options: Options, hosts: [MongoConnectionString.Host], locations: Locations, _ findings: Findings
    ) throws(ConnectionStringError) {
        if options.loadBalanced == true {
            if hosts.count > 1 {
                try findings.report(
                    locations.error(
                        .conflictingOptions, "loadBalanced=true takes exactly one host", option: "loadBalanced"))
            }
            if options.replicaSet != nil {
                try findings.report(
                    locations.error(
                        .conflictingOptions, "loadBalanced=true cannot be combined with replicaSet",
                        option: "loadBalanced"))
            }
            if options.directConnection == true {
                try findings.report(
                    locations.error(
                        .conflictingOptions, "loadBalanced=true cannot be combined with directConnection=true",
                        option: "loadBalanced"))
            }
        }
        if let limit = options.srvMaxHosts, limit > 0 {
            if options.replicaSet != nil {
                try findings.report(
                    locations.error(
                        .conflictingOptions, "a positive srvMaxHosts cannot be combined with replicaSet",
                        option: "srvMaxHosts"
                    ))
            }
            if options.loadBalanced == true {
                try findings.report(
                    locations.error(
                        .conflictingOptions, "a positive srvMaxHosts cannot be combined with loadBalanced=true",
                        option: "srvMaxHosts"))
            }
        }
    }

    private static func checkProxy(
        _ options: Options, given: Set<String>, locations: Locations, _ findings: Findings
    ) throws(ConnectionStringError) {
        // An empty user name or password counts as not given, a bad port does not.
        var needsHost: [String] = []
        if given.contains("proxyPort") { needsHost.append("proxyPort") }
        if options.proxyUsername != nil { needsHost.append("proxyUsername") }
        if options.proxyPassword != nil { needsHost.append("proxyPassword") }
        if options.proxyHost == nil, let name = needsHost.first {
            try findings.report(locations.error(.conflictingOptions, "\(name) needs proxyHost", option: name))
        }
        if (options.proxyUsername == nil) != (options.proxyPassword == nil) {
            try findings.report(
                locations.error(
                    .conflictingOptions, "proxyUsername and proxyPassword need each other",
                    option: options.proxyUsername == nil ? "proxyPassword" : "proxyUsername"))
        }
    }

    /// What is valid but may be unexpected.
    static func warn(_ options: Options, into warnings: inout [MongoConnectionString.Warning]) {
        func warn(_ option: String, _ message: String) {
            warnings.append(MongoConnectionString.Warning(option: option, message: message))
        }
        if (options.readPreference ?? .primary) == .primary {
            let message = "has no effect with the read preference primary"
            if options.readPreferenceTags != nil { warn("readPreferenceTags", message) }
            if let seconds = options.maxStalenessSeconds, seconds > 0 { warn("maxStalenessSeconds", message) }
        }
        if let least = options.minPoolSize, let most = options.maxPoolSize, most > 0, least > most {
            warn("minPoolSize", "is more than maxPoolSize")
        }
    }
}
