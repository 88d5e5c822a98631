extension BSONDocument: CustomStringConvertible, CustomDebugStringConvertible {
    /// The document in a form like extended JSON, for logs and tests: at most 1 KiB, binaries only by their length,
    /// long strings and deep levels cut short.
    ///
    /// Strings are shown. Do not log a document that has a password or a token in one.
    public var description: String { BSONValue.document(self).description }

    /// The same as ``description``, cut where that is cut.
    public var debugDescription: String { description }
}

extension BSONArray: CustomStringConvertible, CustomDebugStringConvertible {
    /// The array in a form like extended JSON, bounded as a document's description is.
    public var description: String { BSONValue.array(self).description }

    /// The same as ``description``, cut where that is cut.
    public var debugDescription: String { description }
}

extension BSONValue: CustomStringConvertible, CustomDebugStringConvertible {
    /// The value in a form like extended JSON, bounded as a document's description is.
    public var description: String {
        var renderer = ValueRenderer()
        renderer.render(self, depth: 0)
        return renderer.output.text
    }

    /// The same as ``description``, cut where that is cut.
    public var debugDescription: String { description }
}

private struct ValueRenderer {
    static let maximumDepth = 8
    static let maximumStringLength = 128

    var output = BoundedText(limit: 1024)

    mutating func render(_ value: BSONValue, depth: Int) {
        switch value {
        case .document(let document): renderDocument(document, depth: depth)
        case .array(let array): renderArray(array, depth: depth)
        case .string(let text): renderString(text)
        case .javascript(let text): renderCall("Code", text)
        case .symbol(let text): renderCall("Symbol", text)
        case .javascriptWithScope(let code):
            output.append("Code(")
            renderString(code.code)
            output.append(", ")
            renderDocument(code.scope, depth: depth)
            output.append(")")
        case .regex(let regex):
            output.append("Regex(")
            renderString(regex.pattern)
            output.append(", ")
            renderString(regex.options)
            output.append(")")
        case .dbPointer(let pointer):
            output.append("DBPointer(")
            renderString(pointer.namespace)
            output.append(", \(pointer.id.hex))")
        default:
            output.append(Self.scalar(value))
        }
    }

    private static func scalar(_ value: BSONValue) -> String {
        switch value {
        case .double(let number): number.description
        case .binary(let binary): binary.description
        case .undefined: "undefined"
        case .objectID(let id): "ObjectId(\(id.hex))"
        case .bool(let flag): flag ? "true" : "false"
        case .datetime(let moment): "Datetime(\(moment.millisecondsSince1970))"
        case .null: "null"
        case .int32(let number): number.description
        case .timestamp(let timestamp): "Timestamp(\(timestamp.seconds), \(timestamp.increment))"
        case .int64(let number): "Int64(\(number))"
        case .decimal128(let number): "Decimal128(\(number))"
        case .minKey: "MinKey"
        case .maxKey: "MaxKey"
        case .document, .array, .string, .javascript, .symbol, .javascriptWithScope, .regex, .dbPointer: ""
        }
    }

    private mutating func renderDocument(_ document: BSONDocument, depth: Int) {
        guard depth < Self.maximumDepth else { return output.append("{…}") }
        output.append("{")
        for (index, (key, value)) in document.enumerated() {
            guard !output.isFull else { return }
            output.append(index == 0 ? "" : ", ")
            renderString(key)
            output.append(": ")
            render(value, depth: depth + 1)
        }
        output.append("}")
    }

    private mutating func renderArray(_ array: BSONArray, depth: Int) {
        guard depth < Self.maximumDepth else { return output.append("[…]") }
        output.append("[")
        for (index, value) in array.enumerated() {
            guard !output.isFull else { return }
            output.append(index == 0 ? "" : ", ")
            if let keys = array.irregularKeys {
                renderString(keys[index])
                output.append(": ")
            }
            render(value, depth: depth + 1)
        }
        output.append("]")
    }

    private mutating func renderCall(_ name: String, _ text: String) {
        output.append(name + "(")
        renderString(text)
        output.append(")")
    }

    private mutating func renderString(_ text: String) {
        var piece = BoundedText(limit: Self.maximumStringLength)
        piece.appendEscaped(text, quoted: true)
        output.append("\"" + piece.text + "\"")
    }
}
