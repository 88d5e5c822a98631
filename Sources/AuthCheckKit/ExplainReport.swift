internal import KerberosCredentials
internal import MongoConnect
package import SaslConnectionString
internal import SecretMemory

/// What a driver would do with a connection string. Holds no secret.
///
/// The JSON's keys are stable: keys are only added.
package struct ExplainReport: Sendable, Hashable, Encodable {
    /// A host identifier.
    package struct Host: Sendable, Hashable, Encodable {
        /// The name, address or socket path.
        package var host: String
        /// The port; `nil` for a socket, and for the name behind `mongodb+srv`.
        @NullWhenAbsent package var port: UInt16?
        /// `hostname`, `ipv4`, `ip_literal` or `unix`.
        package var type: String
        /// The Kerberos principal that would be requested for the host; `nil` for other mechanisms, and if the DNS
        /// decides: with `mongodb+srv`, and with CANONICALIZE_HOST_NAME.
        @NullWhenAbsent package var principal: String?
    }

    /// The credential.
    package struct Credential: Sendable, Hashable, Encodable {
        /// The user's name.
        @NullWhenAbsent package var username: String?
        /// Whether a password is given. The password itself is never shown.
        package var passwordSet: Bool
        /// The database of the authentication.
        package var source: String
        /// The mechanism; `nil` lets the server's offer decide.
        @NullWhenAbsent package var mechanism: String?
        /// The mechanism's properties, defaults included; secrets redacted.
        package var mechanismProperties: [String: String]

    }

    /// The name and version of this format.
    package let schema = "authcheck.explain/1"
    /// The string as parsed, with the password redacted.
    package var uri: String
    /// Whether the hosts come from the SRV records of the given host.
    package var srv: Bool
    /// Whether connections are encrypted.
    package var tls: Bool
    /// The hosts, in the string's order.
    package var hosts: [Host]
    /// The credential; `nil` if there is none.
    @NullWhenAbsent package var credential: Credential?
    /// The default database.
    @NullWhenAbsent package var database: String?
    /// The options that are set.
    package var options: OptionList
    /// Warnings.
    package var warnings: [String]

    private static func principal(of host: MongoConnectionString.Host, _ string: MongoConnectionString) -> String? {
        guard let properties = string.credential?.gssapiProperties, properties.canonicalizeHostName == .none,
            properties.serviceHost != nil || !string.isSRV
        else { return nil }
        let given = properties.serviceHost ?? (host.kind == .unix ? "localhost" : host.asciiName)
        let service = ServicePrincipal.unresolved(
            service: properties.serviceName, realm: properties.serviceRealm, host: given)
        return "\(service)"
    }

    /// Explains a connection string.
    package init(_ string: MongoConnectionString) {
        uri = string.description
        srv = string.isSRV
        tls = string.usesTLS
        hosts = string.hosts.map { host in
            Host(
                host: host.scopedName, port: host.kind == .unix || string.isSRV ? nil : host.port,
                type: host.kind.rawValue, principal: Self.principal(of: host, string))
        }
        credential = string.credential.map { credential in
            var properties: [String: String] = [:]
            for property in credential.mechanismProperties.properties {
                properties[property.name] = property.printableValue
            }
            return Credential(
                username: credential.username, passwordSet: credential.password != nil, source: credential.source,
                mechanism: credential.mechanism?.rawValue, mechanismProperties: properties)
        }
        database = string.database
        options = OptionList(entries: string.options.entries)
        warnings =
            string.warnings.map(\.description)
            + (string.unusedOptionWarnings + string.safetyWarnings + string.serviceNameWarnings).map(\.sentence)
        let properties = string.credential?.gssapiProperties
        if let found = ServiceNames.wholePrincipal(
            serviceName: properties?.serviceName, serviceHost: properties?.serviceHost)
        {
            warnings.append(
                "\(found.property) is one part of the server's principal, and this is the whole principal: write \(found.advice)"
            )
        }
    }
}

/// Options, encoded as one object.
package struct OptionList: Sendable, Hashable, Encodable {
    /// The options that are set, by the specification's names.
    package var entries: [MongoConnectionString.Options.Entry]

    /// Encodes a key for each option.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for entry in entries { try container.encode(entry.value, forKey: Key(stringValue: entry.name)) }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) {
            self.stringValue = stringValue
        }

        init?(intValue: Int) {
            nil
        }
    }
}

extension MongoConnectionString.Options.PrintableValue: Encodable {
    /// Encodes the value as the JSON of its own kind.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .text(let value): try container.encode(value)
        case .list(let values): try container.encode(values)
        case .properties(let properties):
            try container.encode(
                Dictionary(properties.properties.map { ($0.name, $0.printableValue) }, uniquingKeysWith: { $1 }))
        case .tagSets(let sets): try container.encode(sets)
        case .redacted: try container.encode(Secret.redacted)
        }
    }
}

extension ExplainReport {
    /// The report for a person.
    package func text(_ style: TextStyle) -> String {
        var page = TextPage(style)
        for line in lines {
            // Wrapped text is indented to its value.
            let lead = line.hasPrefix("  ! ") ? "  ! " : line.hasPrefix("  ") ? String(line.prefix(14)) : ""
            page.add(String(line.dropFirst(lead.count)), lead: lead)
        }
        return page.text
    }

    private var lines: [String] {
        var lines = [uri]
        let hostNames = hosts.map { host in
            let name = host.type == "ip_literal" ? "[\(host.host)]" : host.host
            return name + (host.port.map { ":\($0)" } ?? "")
        }
        lines.append("  hosts       " + hostNames.joined(separator: ", ") + (srv ? " (by its SRV records)" : ""))
        let principals = hosts.compactMap(\.principal)
        for name in principals.indices where !principals[..<name].contains(principals[name]) {
            lines.append("  principal   " + principals[name])
        }
        lines.append("  tls         " + (tls ? "yes" : "no"))
        if let credential {
            lines.append(
                "  mechanism   " + (credential.mechanism ?? "as the server offers, SCRAM-SHA-256 or SCRAM-SHA-1"))
            lines.append("  user        " + (credential.username ?? "(none)"))
            lines.append("  password    " + (credential.passwordSet ? "set" : "not set"))
            lines.append("  source      " + credential.source)
            for (name, value) in credential.mechanismProperties.sorted(by: { $0.key < $1.key }) {
                lines.append("  property    \(name) = \(value)")
            }
        } else {
            lines.append("  credential  none: a driver would not authenticate")
        }
        if let database { lines.append("  database    " + database) }
        for option in options.entries { lines.append("  option      \(option)") }
        for warning in warnings { lines.append("  ! " + warning) }
        return lines
    }
}
