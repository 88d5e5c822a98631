/// Encodes an absent value as null, so that a reader of the JSON finds every key every time.
@propertyWrapper
public struct NullWhenAbsent<Value: Sendable & Hashable & Encodable>: Sendable, Hashable, Encodable {
    /// The value.
    public var wrappedValue: Value?

    /// Wraps a value.
    public init(wrappedValue: Value?) {
        self.wrappedValue = wrappedValue
    }

    /// Encodes the value, or null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue)
    }
}
