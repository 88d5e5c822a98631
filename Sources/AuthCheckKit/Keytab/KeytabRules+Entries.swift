internal import GSSKerberos
internal import NameResolution

/// The keytab's entries, and how the host's names resolve.
extension KeytabRules {
    /// Whether the keytab has a key of the server's principal.
    static let principal: Rule = { evidence, words in
        guard let keytab = evidence.keytab, !keytab.entries.isEmpty, evidence.realms.isEmpty else { return [] }
        let (service, host) = (evidence.service.value, evidence.host.value)
        let pairs = keytab.entries.filter { $0.components.count == 2 }
        let ofService = pairs.filter { isSameText($0.components[0], service) }
        let ofHost = pairs.filter { isSameText($0.components[1], host) }
        let wanted = "\(service)/\(host)"
        var steps: [Diagnosis.Step] = []
        if evidence.host.source == .default {
            steps.append(
                .init(
                    "\(host) is this machine's own name: name the server's with --host, or its mongod.conf with --mongod-conf"
                ))
        }
        if evidence.cacheTrouble?.code == "KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN" {
            steps.append(
                .init(
                    "the KDC does not know \(evidence.principal) either: have it created", command: words.addPrincipal))
        }
        func found(_ code: KeytabFindingCode, _ cause: String, _ first: [Diagnosis.Step]) -> [Finding] {
            [error(code, .noCredentials, .server, cause, first + steps + words.newKeySteps)]
        }
        if !ofService.isEmpty {
            let others = KeytabWords.list(ofService.map(\.principal))
            let sameButCase = ofService.first { asciiLowercased($0.components[1]) == asciiLowercased(host) }
            if let sameButCase {
                // A key for a name with upper-case letters is useless: drivers ask for lower case.
                let isKeytabs = isSameText(asciiLowercased(host), host)
                return [
                    error(
                        .wrongHost, .noCredentials, .server,
                        "the keytab has a key of \(sameButCase.principal), and the server uses \(wanted): Kerberos "
                            + "is case-sensitive, and drivers ask for lower case",
                        isKeytabs
                            ? words.newKeySteps
                            : [
                                .init(
                                    "write the server's host in lower case: setParameter saslHostName in mongod.conf, or --host"
                                )
                            ])
                ]
            }
            return found(
                .wrongHost, "the keytab has keys of \(others), and none of \(wanted), which the server uses",
                [
                    .init(
                        "if clients know the server by the name in the keytab, make mongod use it: setParameter saslHostName in "
                            + "mongod.conf")
                ])
        }
        if !ofHost.isEmpty {
            return found(
                .serviceMissing,
                "the keytab has keys of \(KeytabWords.list(ofHost.map(\.principal))), and none of the service \(service) on \(host)",
                [])
        }
        return found(
            .principalMissing,
            "the keytab has keys of \(KeytabWords.list(keytab.entries.map(\.principal))), and none of \(wanted)", [])
    }

    static let realms: Rule = { evidence, words in
        let realms = evidence.realms
        guard let realm = evidence.realm, !realms.isEmpty else { return [] }
        if realms.count > 1 {
            return [
                warning(
                    .severalRealms, .server,
                    "the keytab has keys of \(evidence.service.value)/\(evidence.host.value) in the realms "
                        + "\(KeytabWords.list(realms)); the one of \(realm) is checked",
                    [.init("if only one of them is meant, create a keytab with that one alone")])
            ]
        }
        guard let configured = evidence.configuredRealm, !isSameText(configured, realm) else { return [] }
        return [
            warning(
                .otherRealm, .server,
                "the keytab's key is one of \(realm), and this machine's configuration puts the host in \(configured)",
                [
                    .init(
                        "make [domain_realm] or default_realm of krb5.conf say \(realm), or create the key in \(configured)"
                    )
                ])
        ]
    }

    static let encryption: Rule = { evidence, words in
        let version = evidence.newestVersion
        let newest = evidence.keys.filter { $0.keyVersion == version }
        guard !newest.isEmpty, newest.allSatisfy({ isWeak($0.encryptionType) }) else { return [] }
        return [
            warning(
                .weakEncryption, .kdc,
                "the keys of \(evidence.principal) are of \(KeytabWords.list(newest.map(\.encryptionType))) only, which is weak and "
                    + "which newer systems refuse",
                [
                    .init(
                        "give the service's account AES keys (in Active Directory: msDS-SupportedEncryptionTypes)"
                    )
                ]
                    + words.newKeySteps)
        ]
    }

    /// RC4 and DES; libkrb5 no longer has names for the types of DES.
    private static func isWeak(_ type: String) -> Bool {
        ["arcfour", "des"].contains { type.utf8.starts(with: $0.utf8) }
            || ["etype 1", "etype 2", "etype 3", "etype 16", "etype 23", "etype 24"].contains(type)
    }

    static let duplicates: Rule = { evidence, words in
        struct Key: Hashable {
            var principal: ByteText
            var version: UInt32
            var type: String
        }
        let groups = Dictionary(grouping: evidence.entries) {
            Key(principal: ByteText($0.principal), version: $0.keyVersion, type: $0.encryptionType)
        }.values.filter { $0.count > 1 }
        // In the file's order, whatever that of the dictionary is.
        let ordered = groups.sorted { one, other in
            (one[0].principal, one[0].keyVersion, one[0].encryptionType)
                < (other[0].principal, other[0].keyVersion, other[0].encryptionType)
        }
        func described(_ groups: [[KerberosKeytab.Entry]]) -> String {
            guard let first = groups.first?.first else { return "" }
            let more = groups.count > 1 ? " and \(groups.count - 1) more" : ""
            return "\(KeytabWords.list([first.principal])) version \(first.keyVersion) \(first.encryptionType)\(more)"
        }
        let conflicts = ordered.filter { Set($0.map(\.fingerprint)).count > 1 }
        let copies = ordered.filter { Set($0.map(\.fingerprint)).count == 1 }
        var findings: [Finding] = []
        if !conflicts.isEmpty {
            findings.append(
                warning(
                    .conflictingKeys, .server,
                    "the keytab has different keys under one name, version and type (\(described(conflicts))): at most one is right",
                    [.init("create the keytab again, in a new file")]))
        }
        if !copies.isEmpty {
            findings.append(
                warning(
                    .duplicateKeys, .server, "the keytab has a key more than once (\(described(copies)))",
                    [.init("nothing needs to be done; a recreated keytab is clearer")], severity: .note))
        }
        return findings
    }

    static let olderVersions: Rule = { evidence, words in
        guard let newest = evidence.newestVersion else { return [] }
        let older = Set(evidence.keys.map(\.keyVersion)).filter { $0 != newest }.sorted()
        guard !older.isEmpty else { return [] }
        let versions = older.suffix(5).map(String.init).joined(separator: ", ")
        return [
            warning(
                .olderVersions, .server,
                "besides version \(newest) the keytab has keys of older versions (\(versions)), which serve clients whose tickets are "
                    + "older than the newest key",
                [.init("once those tickets have expired, the older keys can be removed", command: words.removeOldKeys)],
                severity: .note)
        ]
    }

    // MARK: - Names of the host

    /// Clients that canonicalize a host name ask for another principal if the DNS gives another name.
    static let hostNames: Rule = { evidence, words in
        let host = evidence.host.value
        guard let names = evidence.names, IPAddress(host) == nil else { return [] }
        let operand = DiagnosisWords.operand(KeytabReport.cut(host))
        if let problem = names.problem {
            return [
                warning(
                    .hostUnresolved, .network, "the server's host \(host) has no address on this machine: \(problem)",
                    [.init("see what the name service says", command: "getent ahosts \(operand)")])
            ]
        }
        var findings: [Finding] = []
        func isOther(_ name: String) -> Bool { asciiLowercased(withoutFinalPeriod(name)) != asciiLowercased(host) }
        func steps(_ name: String) -> [Diagnosis.Step] {
            [
                .init(
                    "add \(evidence.service.value)/\(KeytabReport.cut(name)) to the keytab too, or make the DNS say \(host)"
                ),
                .init("or stop clients from following it: dns_canonicalize_hostname and rdns in their krb5.conf"),
            ]
        }
        if let canonical = names.canonicalName, isOther(canonical) {
            findings.append(
                warning(
                    .hostAlias, .network,
                    "\(host) is an alias of \(canonical): clients that follow aliases ask for "
                        + "\(evidence.service.value)/\(withoutFinalPeriod(canonical))", steps(canonical)))
        }
        // This machine's loopback address is irrelevant to other hosts.
        let other = names.addresses.first { address in
            !isLoopback(address.address) && address.name.map(isOther) == true
        }
        if let other, let name = other.name {
            findings.append(
                warning(
                    .reverseMismatch, .network,
                    "\(host) has the address \(other.address), whose name is \(name): clients that use reverse "
                        + "look-ups (rdns, the default of MIT Kerberos) ask for \(evidence.service.value)/\(name)",
                    steps(name)))
        }
        return findings
    }

    private static func isLoopback(_ address: IPAddress) -> Bool {
        address.family == .ipv4
            ? address.bytes.first == 127 : address.bytes.dropLast().allSatisfy { $0 == 0 } && address.bytes.last == 1
    }
}
