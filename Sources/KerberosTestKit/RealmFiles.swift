/// Names and contents of the files in a realm's folder.
struct RealmFiles: Sendable {
    let folder: String

    var krb5Conf: String { "\(folder)/krb5.conf" }
    var kdcConf: String { "\(folder)/kdc.conf" }
    var log: String { "\(folder)/kdc.log" }
    /// What the KDC writes to its own standard output and error; the guard's script redirects there.
    var kdcOutput: String { "\(folder)/kdc.out" }
    var emptyMechanisms: String { "\(folder)/gss-mechanisms" }

    /// Everything that the Kerberos libraries would otherwise look up outside the folder.
    ///
    /// `GSS_MECH_CONFIG` names an empty file, so that no mechanism of the machine is loaded.
    func environment(cache: String?, keytab: String?, clientKeytab: String?) -> [String: String] {
        [
            "KRB5_CONFIG": krb5Conf,
            "KRB5_KDC_PROFILE": kdcConf,
            "KRB5CCNAME": cache ?? "FILE:\(folder)/default.ccache",
            "KRB5_KTNAME": keytab ?? "FILE:\(folder)/default.keytab",
            "KRB5_CLIENT_KTNAME": clientKeytab ?? "FILE:\(folder)/default-client.keytab",
            "KRB5RCACHEDIR": folder,
            "KRB5RCACHENAME": "dfl:",
            "GSS_MECH_CONFIG": emptyMechanisms,
            "TMPDIR": folder,
        ]
    }

    /// `krb5.conf` for clients, servers and the KDC. `endpoints` are in the form `127.0.0.1:88` and `[::1]:88`.
    func krb5Conf(_ configuration: KerberosRealm.Configuration, endpoints: [String]) -> String {
        let domains = configuration.domainRealm.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" }
        let own = endpoints.map { "kdc = \($0)" } + configuration.realmLines
        var realms = section(configuration.realm, own)
        for (name, lines) in configuration.otherRealms.sorted(by: { $0.key < $1.key }) {
            realms += section(name, lines)
        }
        let sections = configuration.sections.sorted { $0.key < $1.key }.flatMap { name, lines in
            ["[\(name)]"] + lines.map { "    \($0)" }
        }
        let types = configuration.encryptionTypes.joined(separator: " ")
        let libdefaults =
            configuration.libdefaults + (types.isEmpty ? [] : ["permitted_enctypes = \(types)"]) + [
                "default_realm = \(configuration.realm)",
                "dns_lookup_kdc = false",
                "dns_lookup_realm = false",
                "dns_canonicalize_hostname = false",
                "rdns = false",
                "udp_preference_limit = 1",
                "ticket_lifetime = \(configuration.ticketLifetime.components.seconds)s",
                "clockskew = \(configuration.clockSkew.components.seconds)",
                "default_ccache_name = FILE:\(folder)/default.ccache",
                "default_keytab_name = FILE:\(folder)/default.keytab",
                "default_client_keytab_name = FILE:\(folder)/default-client.keytab",
            ]
        return """
            [libdefaults]
            \(indented(libdefaults))
            [realms]
            \(indented(realms))
            [domain_realm]
            \(indented(domains))
            \(sections.joined(separator: "\n"))

            """
    }

    /// `kdc.conf` for the KDC and the database programs.
    ///
    /// The database is not synchronised to the disk: it lives as long as one test.
    func kdcConf(_ configuration: KerberosRealm.Configuration, endpoints: [String]) -> String {
        let listen = endpoints.joined(separator: " ")
        let types = configuration.encryptionTypes
        var realm = configuration.kdcLines
        if let first = types.first {
            realm += [
                "master_key_type = \(first)",
                "supported_enctypes = \(types.map { "\($0):normal" }.joined(separator: " "))",
            ]
        }
        realm += [
            "database_name = \(folder)/principal",
            "key_stash_file = \(folder)/stash",
            "acl_file = \(folder)/kadm5.acl",
            "max_life = \(configuration.maximumLifetime.components.seconds)s",
            "max_renewable_life = \(configuration.maximumRenewableLifetime.components.seconds)s",
        ]
        return """
            [kdcdefaults]
                kdc_listen = \(listen)
                kdc_tcp_listen = \(listen)
            [realms]
            \(indented(section(configuration.realm, realm)))
            [dbmodules]
            \(indented(section(configuration.realm, ["db_library = db2", "unlockiter = true"])))
            [logging]
                kdc = FILE:\(log)
                admin_server = FILE:\(folder)/kadmind.log

            """
    }

    private func section(_ name: String, _ lines: [String]) -> [String] {
        ["\(name) = {"] + lines.map { "    \($0)" } + ["}"]
    }

    private func indented(_ lines: [String]) -> String {
        lines.map { "    \($0)" }.joined(separator: "\n")
    }
}
