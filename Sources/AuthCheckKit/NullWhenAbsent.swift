/// Encodes an absent value as null, so that the JSON always has every key.
@propertyWrapper
package struct NullWhenAbsent<Value: Sendable & Hashable & Encodable>: Sendable, Hashable, Encodable {
    /// The value.
    package var wrappedValue: Value?

    /// Wraps a value.
    package init(wrappedValue: Value?) {
        self.wrappedValue = wrappedValue
    }

    /// Encodes the value, or null.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}
