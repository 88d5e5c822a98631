import SaslBSON

/// What happens to the fields of one step's reply.
struct ReplyDamage {
    private let misbehaviour: Misbehaviour
    private let step: Misbehaviour.Step

    init(_ misbehaviour: Misbehaviour, _ step: Misbehaviour.Step) {
        self.misbehaviour = misbehaviour
        self.step = step
    }

    func applied(to reply: BSONDocument) -> BSONDocument {
        var reply = reply
        switch misbehaviour {
        case .oddity(let oddity):
            apply(oddity, to: &reply)
        case .outcome(let damage, step):
            apply(damage, to: &reply)
        case .field(let damage, step):
            apply(damage, to: &reply)
        default:
            break
        }
        return reply
    }

    private func apply(_ oddity: Misbehaviour.Oddity, to reply: inout BSONDocument) {
        switch oddity {
        case .okAsInt32: reply["ok"] = .int32(1)
        case .okAsInt64: reply["ok"] = .int64(1)
        case .okAsDouble: reply["ok"] = .double(1)
        case .okAsBool: reply["ok"] = .bool(true)
        case .manyRoles:
            guard step == .identity, var info = reply["authInfo"]?.documentValue else { return }
            let name = String(repeating: "\"\u{1B}x", count: 1000)
            info["authenticatedUserRoles"] = .array(
                BSONArray((0..<250).map { .document(["role": .string("\($0)\(name)"), "db": .string(name)]) }))
            reply["authInfo"] = .document(info)
        case .unknownFields: for (key, value) in Self.everyType { reply.append(key, value) }
        default: break
        }
    }

    private func apply(_ damage: Misbehaviour.OutcomeDamage, to reply: inout BSONDocument) {
        switch damage {
        case .okMissing: reply["ok"] = nil
        case .okTwice: reply.append("ok", 1.0)
        case .okString: reply["ok"] = "1"
        case .okNull: reply["ok"] = .null
        case .okDocument: reply["ok"] = ["1": 1]
        case .okTwo: reply["ok"] = 2
        case .okNotANumber: reply["ok"] = .double(.nan)
        }
    }

    private func apply(_ damage: Misbehaviour.FieldDamage, to reply: inout BSONDocument) {
        switch damage {
        case .payloadMissing: reply["payload"] = nil
        case .payloadNull: reply["payload"] = .null
        case .payloadInteger: reply["payload"] = 1
        case .payloadDocument: reply["payload"] = ["0": 1]
        case .payloadSubtype:
            reply["payload"] = .binary(BSONBinary(subtype: 5, bytes: reply["payload"]?.binaryValue?.bytes ?? []))
        case .payloadNotBase64: reply["payload"] = "not base64!"
        case .payloadTwice: reply.append("payload", reply["payload"] ?? .null)
        case .doneTwice: reply.append("done", true)
        case .conversationIDTwice: reply.append("conversationId", 1)
        case .doneMissing: reply["done"] = nil
        case .doneString: reply["done"] = "true"
        case .conversationIDMissing: reply["conversationId"] = nil
        case .conversationIDString: reply["conversationId"] = "1"
        case .conversationIDWrong: reply["conversationId"] = 2
        }
    }

    private static let objectID = BSONObjectID(bytes: [UInt8](repeating: 7, count: 12))

    /// A field of every type that BSON has.
    private static let everyType: BSONDocument = [
        "a": 1.5, "b": "text", "c": ["x": 1], "d": [1, "two"], "e": .binary(BSONBinary(subtype: 0x80, bytes: [1, 2])),
        "f": .undefined, "g": objectID.map { .objectID($0) } ?? nil, "h": true,
        "i": .datetime(BSONDatetime(millisecondsSince1970: 0)), "j": nil,
        "k": .regex(BSONRegex(pattern: "^a", options: "i")),
        "l": objectID.map { .dbPointer(BSONDBPointer(namespace: "a.b", id: $0)) } ?? nil,
        "m": .javascript("f()"), "n": .symbol("s"),
        "p": .javascriptWithScope(BSONJavaScriptWithScope(code: "f()", scope: ["x": 1])), "q": .int32(3),
        "r": .timestamp(BSONTimestamp(seconds: 1, increment: 2)), "s": .int64(4),
        "t": .decimal128(BSONDecimal128(high: 0x3040_0000_0000_0000, low: 1)), "u": .minKey, "v": .maxKey,
    ]
}
