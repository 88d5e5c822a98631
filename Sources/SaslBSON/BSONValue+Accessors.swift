extension BSONValue {
    /// The text of a `string`; nil for every other type, `symbol` and `javascript` included.
    public var stringValue: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The `document`; nil for every other type, arrays included.
    public var documentValue: BSONDocument? {
        if case .document(let document) = self { document } else { nil }
    }

    /// The values of an `array`, without its keys; nil for every other type.
    public var arrayValues: [BSONValue]? {
        if case .array(let array) = self { array.values } else { nil }
    }

    /// The `binary`, of any subtype; nil for every other type.
    public var binaryValue: BSONBinary? {
        if case .binary(let binary) = self { binary } else { nil }
    }

    /// The `bool`; nil for every other type, numbers included.
    public var boolValue: Bool? {
        if case .bool(let flag) = self { flag } else { nil }
    }

    /// An `int32`, an `int64`, or a `double` that is a whole number and fits; nil otherwise.
    public var integerValue: Int64? {
        switch self {
        case .int32(let number): Int64(number)
        case .int64(let number): number
        case .double(let number): Int64(exactly: number)
        default: nil
        }
    }

    /// A `double`, an `int32`, or an `int64` that a double represents exactly; nil otherwise.
    public var doubleValue: Double? {
        switch self {
        case .double(let number): number
        case .int32(let number): Double(number)
        case .int64(let number): Double(exactly: number)
        default: nil
        }
    }
}
