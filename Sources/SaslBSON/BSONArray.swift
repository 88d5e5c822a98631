/// An array of values.
///
/// On the wire an array is a document whose keys ought to be "0", "1", and so on. Some writers use others, so the keys
/// are kept when, and only when, they are not the expected ones: such an array re-encodes to the same bytes, and is not
/// equal to one with the regular keys.
public struct BSONArray: Sendable {
    /// The values in their order.
    public private(set) var values: [BSONValue]
    /// All keys in order if any of them is not its index in decimal; nil in the usual case.
    public private(set) var irregularKeys: [String]?

    /// Creates an array with the keys "0", "1", and so on.
    public init(_ values: some Sequence<BSONValue> = []) {
        self.values = Array(values)
    }

    /// Creates an array with the document's values, and with its keys as far as they are irregular.
    public init(_ document: BSONDocument) {
        values = document.map(\.value)
        if !document.enumerated().allSatisfy({ Self.isRegular($0.element.key.utf8, at: $0.offset) }) {
            irregularKeys = document.map(\.key)
        }
    }

    /// `keys` is nil or has as many elements as `values`, at least one of them irregular.
    init(values: [BSONValue], irregularKeys: [String]?) {
        self.values = values
        self.irregularKeys = irregularKeys
    }

    /// Adds a value under the key that is its index.
    public mutating func append(_ value: BSONValue) {
        irregularKeys?.append(String(values.count))
        values.append(value)
    }

    /// The keys and values as they are on the wire.
    public var document: BSONDocument {
        BSONDocument(values.indices.map { (key: key(at: $0), value: values[$0]) })
    }

    /// The key of the value at an index of this array.
    func key(at index: Int) -> String {
        irregularKeys.map { $0[index] } ?? String(index)
    }

    /// Whether a key is an index in decimal, without leading zeros. Compares digit by digit, to make no string.
    static func isRegular(_ key: some BidirectionalCollection<UInt8>, at index: Int) -> Bool {
        var rest = index
        for digit in key.reversed() {
            guard digit == UInt8(ascii: "0") + UInt8(rest % 10) else { return false }
            rest /= 10
            if rest == 0 { return key.count == decimalDigitCount(index) }
        }
        return false
    }

    private static func decimalDigitCount(_ number: Int) -> Int {
        var count = 1
        var rest = number / 10
        while rest > 0 {
            count += 1
            rest /= 10
        }
        return count
    }
}

extension BSONArray: RandomAccessCollection {
    /// Always 0, the key of the first value.
    public var startIndex: Int { 0 }
    /// The number of values.
    public var endIndex: Int { values.count }

    /// The value at an index, which must be one of the array's.
    public subscript(position: Int) -> BSONValue { values[position] }
}

extension BSONArray: ExpressibleByArrayLiteral {
    /// An array with the keys "0", "1", and so on.
    public init(arrayLiteral elements: BSONValue...) {
        self.init(elements)
    }
}
