/// An ordered list of keys and values.
///
/// Order and duplicate keys are kept, as both occur on the wire. Look-up by key is a linear search that yields the
/// first match; keys are compared by their UTF-8 bytes.
public struct BSONDocument: Sendable {
    /// One field, in the document's order; keys may repeat.
    public typealias Element = (key: String, value: BSONValue)

    var elements: [Element]

    /// Creates a document from elements in their order, duplicate keys included.
    public init(_ elements: some Sequence<Element> = []) {
        self.elements = Array(elements)
    }

    /// The keys in their order, duplicates included.
    public var keys: [String] {
        elements.map(\.key)
    }

    /// The value of the first element with this key.
    ///
    /// Setting a value replaces that of the first match, or appends an element if there is none. Setting nil removes
    /// every element with this key; to store a BSON null, set `.null`.
    public subscript(key: String) -> BSONValue? {
        get {
            elements.first { $0.key.hasSameUTF8(as: key) }?.value
        }
        set {
            guard let newValue else {
                elements.removeAll { $0.key.hasSameUTF8(as: key) }
                return
            }
            if let index = elements.firstIndex(where: { $0.key.hasSameUTF8(as: key) }) {
                elements[index].value = newValue
            } else {
                elements.append((key, newValue))
            }
        }
    }

    /// Adds an element at the end, even if there is one with this key already.
    public mutating func append(_ key: String, _ value: BSONValue) {
        elements.append((key, value))
    }
}

extension BSONDocument: RandomAccessCollection {
    /// Always 0, the position of the first field.
    public var startIndex: Int { 0 }
    /// The number of elements.
    public var endIndex: Int { elements.count }

    /// The element at an index, which must be one of the document's.
    public subscript(position: Int) -> Element { elements[position] }
}

extension BSONDocument: ExpressibleByDictionaryLiteral {
    /// A document with the elements in the order written, duplicate keys included.
    public init(dictionaryLiteral elements: (String, BSONValue)...) {
        self.elements = elements.map { (key: $0.0, value: $0.1) }
    }
}
