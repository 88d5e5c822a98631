/// One BSON value, of any type that bsonspec.org version 1.1 knows, deprecated ones included.
///
/// Equality and hashing follow the encoded form: two values are equal exactly when their bytes are. A NaN therefore
/// equals itself, `0.0` and `-0.0` differ, `int32(1)` and `int64(1)` differ, and texts are compared by their UTF-8 bytes,
/// not by Unicode equivalence.
public enum BSONValue: Sendable {
    /// Type 0x01, IEEE 754 binary64.
    case double(Double)
    /// Type 0x02, UTF-8; may contain NUL.
    case string(String)
    /// Type 0x03.
    case document(BSONDocument)
    /// Type 0x04.
    case array(BSONArray)
    /// Type 0x05.
    case binary(BSONBinary)
    /// Type 0x06, deprecated.
    case undefined
    /// Type 0x07.
    case objectID(BSONObjectID)
    /// Type 0x08.
    case bool(Bool)
    /// Type 0x09.
    case datetime(BSONDatetime)
    /// Type 0x0A.
    case null
    /// Type 0x0B.
    indirect case regex(BSONRegex)
    /// Type 0x0C, deprecated.
    indirect case dbPointer(BSONDBPointer)
    /// Type 0x0D.
    case javascript(String)
    /// Type 0x0E, deprecated.
    case symbol(String)
    /// Type 0x0F, deprecated.
    indirect case javascriptWithScope(BSONJavaScriptWithScope)
    /// Type 0x10.
    case int32(Int32)
    /// Type 0x11.
    case timestamp(BSONTimestamp)
    /// Type 0x12.
    case int64(Int64)
    /// Type 0x13.
    case decimal128(BSONDecimal128)
    /// Type 0xFF.
    case minKey
    /// Type 0x7F.
    case maxKey
}

extension BSONValue {
    /// The byte that announces this type in a document (bsonspec.org, `element`).
    public var typeByte: UInt8 {
        switch self {
        case .double: 0x01
        case .string: 0x02
        case .document: 0x03
        case .array: 0x04
        case .binary: 0x05
        case .undefined: 0x06
        case .objectID: 0x07
        case .bool: 0x08
        case .datetime: 0x09
        case .null: 0x0A
        case .regex: 0x0B
        case .dbPointer: 0x0C
        case .javascript: 0x0D
        case .symbol: 0x0E
        case .javascriptWithScope: 0x0F
        case .int32: 0x10
        case .timestamp: 0x11
        case .int64: 0x12
        case .decimal128: 0x13
        case .minKey: 0xFF
        case .maxKey: 0x7F
        }
    }
}
