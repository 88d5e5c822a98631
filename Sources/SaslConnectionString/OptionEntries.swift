extension MongoConnectionString.Options {
    /// One option that is set, for reports.
    public struct Entry: Sendable, Hashable {
        /// The option's name, spelled as the specification does.
        public var name: String
        /// The value, typed for JSON. Secrets are redacted.
        public var value: PrintableValue

        /// Creates an entry.
        public init(name: String, value: PrintableValue) {
            self.name = name
            self.value = value
        }
    }

    /// An option's value in a form that can be shown.
    @nonexhaustive
    public enum PrintableValue: Sendable, Hashable {
        /// `true` or `false`.
        case boolean(Bool)
        /// A whole number.
        case integer(Int)
        /// Words, as the string has them.
        case text(String)
        /// Several texts.
        case list([String])
        /// Names and values in the string's order; `<redacted>` stands for secret values.
        case properties(MechanismProperties)
        /// Tag sets, in the string's order.
        case tagSets([[String: String]])
        /// A value that is kept secret.
        case redacted
    }

    /// The options that are set, in alphabetical order, with their secrets redacted.
    public var entries: [Entry] {
        OptionSpec.all.compactMap { spec in printableValue(of: spec).map { Entry(name: spec.name, value: $0) } }
    }

    private func printableValue(of spec: OptionSpec) -> PrintableValue? {
        switch spec.form {
        case .boolean(let path): self[keyPath: path].map(PrintableValue.boolean)
        case .integer(_, let path): self[keyPath: path].map(PrintableValue.integer)
        case .text(let path): self[keyPath: path].map(PrintableValue.text)
        case .secret(let path): self[keyPath: path].map { _ in .redacted }
        case .special(let special): printableValue(of: special)
        }
    }

    private func printableValue(of special: OptionSpec.Special) -> PrintableValue? {
        switch special {
        case .appName: appName.map(PrintableValue.text)
        case .authMechanism: authMechanism.map { .text($0.rawValue) }
        case .authMechanismProperties: authMechanismProperties.map { .properties($0.redacted) }
        case .authSource: authSource.map(PrintableValue.text)
        case .compressors: compressors.map { .list($0.map(\.rawValue)) }
        case .maxStalenessSeconds: maxStalenessSeconds.map(PrintableValue.integer)
        case .readPreference: readPreference.map { .text($0.rawValue) }
        case .readPreferenceTags: readPreferenceTags.map(PrintableValue.tagSets)
        case .serverMonitoringMode: serverMonitoringMode.map { .text($0.rawValue) }
        case .srvServiceName: srvServiceName.map(PrintableValue.text)
        case .tls: tls.map(PrintableValue.boolean)
        case .writeAcknowledgement:
            w.map {
                switch $0 {
                case .nodes(let count): .integer(count)
                case .mode(let name): .text(name)
                }
            }
        }
    }
}

extension MongoConnectionString.Options.Entry: CustomStringConvertible {
    /// The option as in a connection string; one `name=value` for each tag set.
    public var description: String {
        func encoded(_ text: String) -> String { percentEncoded(text, keeping: .optionValue) }
        // A colon ends the name of a pair, so it is escaped there. `nil` is a secret.
        func pair(_ name: String, _ value: String?) -> String {
            "\(percentEncoded(name, keeping: .unreserved)):\(value.map(encoded) ?? "<redacted>")"
        }
        switch value {
        case .boolean(let flag): return "\(name)=\(flag)"
        case .integer(let number): return "\(name)=\(number)"
        case .text(let text): return "\(name)=\(encoded(text))"
        case .list(let texts): return "\(name)=" + texts.map(encoded).joined(separator: ",")
        case .redacted: return "\(name)=<redacted>"
        case .properties(let properties):
            let pairs = properties.properties.map { property in
                pair(property.name, property.isSecret ? nil : property.value)
            }
            return "\(name)=" + pairs.joined(separator: ",")
        case .tagSets(let sets):
            return sets.map { set in
                "\(name)=" + set.sorted { $0.key < $1.key }.map { pair($0.key, $0.value) }.joined(separator: ",")
            }.joined(separator: "&")
        }
    }
}
