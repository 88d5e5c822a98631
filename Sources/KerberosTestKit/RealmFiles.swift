/// Names and contents of the files in a realm's folder.
struct RealmFiles: Sendable {
    let folder: String

    var krb5Conf: String { "\(folder)/krb5.conf" }
    var kdcConf: String { "\(folder)/kdc.conf" }
    var log: String { "\(folder)/kdc.log" }
    /// What the KDC writes to its own standard output and error; the guard's script redirects there.
    var kdcOutput: String { "\(folder)/kdc.out" }
    var emptyMechanisms: String { "\(folder)/gss-mechanisms" }
    /// Samba's configuration, the program that changes its database, and the folder of both its databases and sockets.
    var smbConf: String { "\(folder)/smb.conf" }
    var sambaScript: String { "\(folder)/samba-realm.py" }
    var samba: String { "\(folder)/samba" }

    /// Everything that the Kerberos libraries would otherwise look up outside the folder.
    ///
    /// `GSS_MECH_CONFIG` names an empty file, so that none of the machine's mechanisms is loaded.
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
    func krb5Conf(
        _ configuration: KerberosRealm.Configuration, endpoints: [String]
    ) throws(KerberosTestKitError) -> String {
        let types = configuration.encryptionTypes.joined(separator: " ")
        var realms: [String] = []
        for (name, lines) in configuration.otherRealms.sorted(by: { $0.key < $1.key }) {
            realms += ["\(name) = {"] + lines.map { "    \($0)" } + ["}"]
        }
        let sections = configuration.sections.sorted { $0.key < $1.key }.flatMap { name, lines in
            ["[\(name)]"] + lines.map { "    \($0)" }
        }
        return try RealmTemplate(PackageResources.krb5_conf_template).filled([
            "LIBDEFAULTS": configuration.libdefaults + (types.isEmpty ? [] : ["permitted_enctypes = \(types)"]),
            "REALM": [configuration.realm],
            "TICKET_LIFETIME": [configuration.ticketLifetime.inSeconds],
            "CLOCK_SKEW": ["\(configuration.clockSkew.components.seconds)"],
            "FOLDER": [folder],
            "REALM_LINES": endpoints.map { "kdc = \($0)" } + configuration.realmLines,
            "OTHER_REALMS": realms,
            "DOMAIN_REALM": configuration.domainRealm.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)" },
            "SECTIONS": sections,
        ])
    }

    /// `kdc.conf` for the KDC and the database programs.
    ///
    /// The database is not synchronised to the disk: it exists only for one test.
    func kdcConf(
        _ configuration: KerberosRealm.Configuration, listen: [String]
    ) throws(KerberosTestKitError) -> String {
        let types = configuration.encryptionTypes
        let typeLines = types.first.map { first in
            [
                "master_key_type = \(first)",
                "supported_enctypes = \(types.map { "\($0):normal" }.joined(separator: " "))",
            ]
        }
        return try RealmTemplate(PackageResources.kdc_conf_template).filled([
            "LISTEN": [listen.joined(separator: " ")],
            "REALM": [configuration.realm],
            "KDC_LINES": configuration.kdcLines + (typeLines ?? []),
            "DATABASE": [folder],
            "MAXIMUM_LIFETIME": [configuration.maximumLifetime.inSeconds],
            "MAXIMUM_RENEWABLE_LIFETIME": [configuration.maximumRenewableLifetime.inSeconds],
            "DATABASE_LINES": ["unlockiter = true"],
            "KDC_LOG": ["FILE:\(log)"],
            "ADMIN_LOG": ["FILE:\(folder)/kadmind.log"],
        ])
    }
}

extension Duration {
    /// In the form of the configuration files.
    fileprivate var inSeconds: String { "\(components.seconds)s" }
}
