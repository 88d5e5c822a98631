internal import SecretMemory

/// The properties of an authentication mechanism, in the string's order. Names are not case-sensitive and are kept in
/// upper case.
///
/// `AWS_SESSION_TOKEN`, and every property that no specification defines, is redacted in every printed form.
public struct MechanismProperties: Sendable, Hashable {
    /// A name with its value, which is shown only where it cannot be a secret.
    public struct Property: Sendable, Hashable {
        /// The property's name, in upper case.
        public var name: String
        /// The value itself, secret or not.
        public var value: String

        /// Whether the value must not be shown.
        public var isSecret: Bool { !MechanismProperties.printableNames.contains(name) }

        /// The value, or `<redacted>` for a secret.
        public var printableValue: String { isSecret ? Secret.redacted : value }
    }

    /// The properties of the specification whose values are no secrets.
    private static let printableNames: Set<String> = [
        "SERVICE_NAME", "SERVICE_REALM", "SERVICE_HOST", "CANONICALIZE_HOST_NAME", "ENVIRONMENT", "TOKEN_RESOURCE",
    ]

    /// The properties, in the string's order.
    public private(set) var properties: [Property] = []

    /// Creates an empty set of properties.
    public init() {}

    /// Creates properties from pairs; of two with one name the later counts.
    public init(_ pairs: [(name: String, value: String)]) {
        for pair in pairs { self[pair.name] = pair.value }
    }

    /// A property's value, secret or not, by its name in any case. Setting `nil` removes the property.
    public subscript(name: String) -> String? {
        get {
            let name = asciiUppercased(name)
            return properties.first { $0.name == name }?.value
        }
        set {
            let name = asciiUppercased(name)
            let index = properties.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): properties[index].value = value
            case (let index?, nil): properties.remove(at: index)
            case (nil, let value?): properties.append(Property(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    /// The same properties with `<redacted>` for secret values.
    public var redacted: MechanismProperties {
        MechanismProperties(properties.map { ($0.name, $0.printableValue) })
    }

    /// Whether there are no properties.
    public var isEmpty: Bool { properties.isEmpty }
}

extension MechanismProperties: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `NAME:value` separated by commas, secrets redacted.
    public var description: String {
        properties.map { "\($0.name):\($0.printableValue)" }.joined(separator: ",")
    }
    /// The same as ``description``.
    public var debugDescription: String { description }
    /// Shows the printable values.
    public var customMirror: Mirror {
        Mirror(self, children: properties.map { ($0.name, $0.printableValue) }, displayStyle: .dictionary)
    }
}

extension MechanismProperties.Property: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `NAME:value`, a secret redacted.
    public var description: String { "\(name):\(printableValue)" }
    /// The same as ``description``.
    public var debugDescription: String { description }
    /// Shows the printable value.
    public var customMirror: Mirror { Mirror(self, children: ["name": name, "value": printableValue]) }
}
