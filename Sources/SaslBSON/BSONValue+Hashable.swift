// Comparing and hashing keep a work list of their own, as decoding does: values nested by a peer
// must not exhaust the stack.

extension BSONValue: Hashable {
    /// Whether both have the same type and the same encoded bytes.
    public static func == (left: BSONValue, right: BSONValue) -> Bool {
        guard left.isContainer else { return hasSameScalar(left, right) }
        var pending = [(left, right)]
        while let (left, right) = pending.popLast() {
            switch (left, right) {
            case (.document(let left), .document(let right)):
                guard left.count == right.count else { return false }
                for (left, right) in zip(left, right) {
                    guard left.key.hasSameUTF8(as: right.key) else { return false }
                    pending.append((left.value, right.value))
                }
            case (.array(let left), .array(let right)):
                guard left.count == right.count, left.hasSameKeys(as: right) else { return false }
                pending.append(contentsOf: zip(left, right))
            case (.javascriptWithScope(let left), .javascriptWithScope(let right)):
                guard left.code.hasSameUTF8(as: right.code) else { return false }
                pending.append((.document(left.scope), .document(right.scope)))
            default:
                guard hasSameScalar(left, right) else { return false }
            }
        }
        return true
    }

    /// Hashes the type and what `==` compares.
    public func hash(into hasher: inout Hasher) {
        guard isContainer else { return hashScalar(into: &hasher) }
        var pending = [self]
        while let value = pending.popLast() {
            switch value {
            case .document(let document):
                hasher.combine(value.typeByte)
                hasher.combine(document.count)
                for (key, value) in document {
                    key.hashUTF8(into: &hasher)
                    pending.append(value)
                }
            case .array(let array):
                hasher.combine(value.typeByte)
                hasher.combine(array.count)
                pending.append(contentsOf: array)
            case .javascriptWithScope(let code):
                hasher.combine(value.typeByte)
                code.code.hashUTF8(into: &hasher)
                pending.append(.document(code.scope))
            default:
                value.hashScalar(into: &hasher)
            }
        }
    }

    private var isContainer: Bool {
        switch self {
        case .document, .array, .javascriptWithScope: true
        default: false
        }
    }

    private static func hasSameScalar(_ left: BSONValue, _ right: BSONValue) -> Bool {
        switch (left, right) {
        case (.double(let left), .double(let right)): left.bitPattern == right.bitPattern
        case (.string(let left), .string(let right)),
            (.javascript(let left), .javascript(let right)),
            (.symbol(let left), .symbol(let right)):
            left.hasSameUTF8(as: right)
        case (.binary(let left), .binary(let right)): left == right
        case (.objectID(let left), .objectID(let right)): left == right
        case (.bool(let left), .bool(let right)): left == right
        case (.datetime(let left), .datetime(let right)): left == right
        case (.regex(let left), .regex(let right)): left == right
        case (.dbPointer(let left), .dbPointer(let right)): left == right
        case (.int32(let left), .int32(let right)): left == right
        case (.timestamp(let left), .timestamp(let right)): left == right
        case (.int64(let left), .int64(let right)): left == right
        case (.decimal128(let left), .decimal128(let right)): left == right
        case (.undefined, .undefined), (.null, .null), (.minKey, .minKey), (.maxKey, .maxKey): true
        default: false
        }
    }

    private func hashScalar(into hasher: inout Hasher) {
        hasher.combine(typeByte)
        switch self {
        case .double(let number): hasher.combine(number.bitPattern)
        case .string(let text), .javascript(let text), .symbol(let text): text.hashUTF8(into: &hasher)
        case .binary(let binary): hasher.combine(binary)
        case .objectID(let id): hasher.combine(id)
        case .bool(let flag): hasher.combine(flag)
        case .datetime(let moment): hasher.combine(moment)
        case .regex(let regex): hasher.combine(regex)
        case .dbPointer(let pointer): hasher.combine(pointer)
        case .int32(let number): hasher.combine(number)
        case .timestamp(let timestamp): hasher.combine(timestamp)
        case .int64(let number): hasher.combine(number)
        case .decimal128(let number): hasher.combine(number)
        case .undefined, .null, .minKey, .maxKey: break
        case .document, .array, .javascriptWithScope: break  // hashed by hash(into:)
        }
    }
}

extension BSONArray: Hashable {
    /// Whether both have the same values and the same keys.
    public static func == (left: BSONArray, right: BSONArray) -> Bool {
        BSONValue.array(left) == .array(right)
    }

    /// Hashes the values.
    public func hash(into hasher: inout Hasher) {
        BSONValue.array(self).hash(into: &hasher)
    }

    fileprivate func hasSameKeys(as other: BSONArray) -> Bool {
        switch (irregularKeys, other.irregularKeys) {
        case (nil, nil): true
        case (let left?, let right?): left.elementsEqual(right) { $0.hasSameUTF8(as: $1) }
        default: false
        }
    }
}

extension BSONDocument: Hashable {
    /// Whether both have the same keys and values in the same order.
    public static func == (left: BSONDocument, right: BSONDocument) -> Bool {
        BSONValue.document(left) == .document(right)
    }

    /// Hashes the keys and values in their order.
    public func hash(into hasher: inout Hasher) {
        BSONValue.document(self).hash(into: &hasher)
    }
}
