extension MongoConnectionString {
    /// Applies the DNS records of a `mongodb+srv` string: the hosts of its SRV records and the text of its TXT record.
    ///
    /// The string's own options override the record's, and all rules are checked again with what the record adds. The
    /// rules about the records themselves (their parent domain, one TXT record at most, the random choice for
    /// `srvMaxHosts`) are up to the caller. ``scheme`` stays `mongodb+srv`.
    ///
    /// - Parameters:
    ///   - hosts: The chosen hosts; not empty.
    ///   - txt: The TXT record, its strings joined; `nil` when there is none.
    /// - Throws: ``ConnectionStringError``: ``ConnectionStringError/Code/invalidTXTRecord`` when the record is
    ///   malformed or has anything but `authSource`, `replicaSet` and `loadBalanced`;
    ///   ``ConnectionStringError/Code/missingHost`` without hosts; and every error of a conflict.
    public func resolved(hosts: [Host], txt: String?) throws(ConnectionStringError) -> MongoConnectionString {
        guard !hosts.isEmpty else {
            throw ConnectionStringError(
                .missingHost, "the SRV records name no host", offset: 0, part: "host 1")
        }
        var result = self
        result.hosts = hosts
        // Offsets in errors about conflicts are those of the record, which has the new option.
        var locations = Locations()
        if let txt {
            var reader = OptionReader(part: "TXT record", Findings())
            do {
                try reader.read(Array(txt.utf8)[...])
            } catch {
                throw ConnectionStringError(
                    .invalidTXTRecord, error.message, offset: error.offset, part: "TXT record")
            }
            let isAllowed = reader.given.isSubset(of: ["authSource", "replicaSet", "loadBalanced"])
            guard isAllowed, reader.unknownCount == 0 else {
                throw ConnectionStringError(
                    .invalidTXTRecord, "a TXT record may have authSource, replicaSet and loadBalanced only",
                    offset: 0, part: "TXT record")
            }
            locations = reader.locations
            result.options.authSource = options.authSource ?? reader.options.authSource
            result.options.replicaSet = options.replicaSet ?? reader.options.replicaSet
            result.options.loadBalanced = options.loadBalanced ?? reader.options.loadBalanced
            result.warnings += reader.warnings
        }
        try OptionRules.checkTopology(result.options, hosts: hosts, locations: locations, Findings())
        var repeated: [Warning] = []
        result.credential = try CredentialRules(
            userInfo: userInfo, database: database, options: result.options, locations: locations, findings: Findings()
        ).credential(warnings: &repeated)
        return result
    }
}
