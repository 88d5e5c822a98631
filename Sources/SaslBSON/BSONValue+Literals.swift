extension BSONValue: ExpressibleByStringInterpolation {
    /// Lets a string literal stand for a value of type `string`.
    public init(stringLiteral value: String) {
        self = .string(value)
    }
}

extension BSONValue: ExpressibleByIntegerLiteral {
    /// An `int32` if the number fits, otherwise an `int64`.
    public init(integerLiteral value: Int64) {
        if let small = Int32(exactly: value) {
            self = .int32(small)
        } else {
            self = .int64(value)
        }
    }
}

extension BSONValue: ExpressibleByFloatLiteral {
    /// Lets a floating-point literal stand for a value of type `double`.
    public init(floatLiteral value: Double) {
        self = .double(value)
    }
}

extension BSONValue: ExpressibleByBooleanLiteral {
    /// Lets `true` and `false` stand for values of type `bool`.
    public init(booleanLiteral value: Bool) {
        self = .bool(value)
    }
}

extension BSONValue: ExpressibleByNilLiteral {
    /// A `null`.
    public init(nilLiteral: ()) {
        self = .null
    }
}

extension BSONValue: ExpressibleByArrayLiteral {
    /// An `array` with the keys "0", "1", and so on.
    public init(arrayLiteral elements: BSONValue...) {
        self = .array(BSONArray(elements))
    }
}

extension BSONValue: ExpressibleByDictionaryLiteral {
    /// A `document` with the elements in the order written, duplicate keys included.
    public init(dictionaryLiteral elements: (String, BSONValue)...) {
        self = .document(BSONDocument(elements.map { (key: $0.0, value: $0.1) }))
    }
}
