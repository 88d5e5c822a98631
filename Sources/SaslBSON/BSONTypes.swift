/// A moment in UTC, to the millisecond.
public struct BSONDatetime: Sendable, Hashable, Comparable {
    /// Milliseconds since 1970-01-01T00:00:00Z; negative before it.
    public var millisecondsSince1970: Int64

    /// Creates a moment from milliseconds since 1970-01-01T00:00:00Z.
    public init(millisecondsSince1970: Int64) {
        self.millisecondsSince1970 = millisecondsSince1970
    }

    /// The earlier one is the lesser.
    public static func < (left: BSONDatetime, right: BSONDatetime) -> Bool {
        left.millisecondsSince1970 < right.millisecondsSince1970
    }
}

/// The internal timestamp of replication and sharding.
public struct BSONTimestamp: Sendable, Hashable, Comparable {
    /// Seconds since 1970-01-01T00:00:00Z.
    public var seconds: UInt32
    /// The ordinal of the operation within its second.
    public var increment: UInt32

    /// Creates a timestamp.
    public init(seconds: UInt32, increment: UInt32) {
        self.seconds = seconds
        self.increment = increment
    }

    /// The order of the seconds, then that of the increments.
    public static func < (left: BSONTimestamp, right: BSONTimestamp) -> Bool {
        (left.seconds, left.increment) < (right.seconds, right.increment)
    }
}

/// A regular expression, in the dialect of its author.
public struct BSONRegex: Sendable {
    /// The pattern; without NUL.
    public var pattern: String
    /// The option letters; without NUL. The format wants them in alphabetical order, this type keeps any order.
    public var options: String

    /// Creates a regular expression; nothing is compiled or checked.
    public init(pattern: String, options: String = "") {
        self.pattern = pattern
        self.options = options
    }
}

extension BSONRegex: Hashable {
    /// Compares the UTF-8 bytes of both parts.
    public static func == (left: BSONRegex, right: BSONRegex) -> Bool {
        left.pattern.hasSameUTF8(as: right.pattern) && left.options.hasSameUTF8(as: right.options)
    }

    /// Hashes the UTF-8 bytes of both parts.
    public func hash(into hasher: inout Hasher) {
        pattern.hashUTF8(into: &hasher)
        options.hashUTF8(into: &hasher)
    }
}

/// A reference to a document of another collection (deprecated type 0x0C).
public struct BSONDBPointer: Sendable {
    /// The collection's full name.
    public var namespace: String
    /// The document's identifier.
    public var id: BSONObjectID

    /// Creates a reference.
    public init(namespace: String, id: BSONObjectID) {
        self.namespace = namespace
        self.id = id
    }
}

extension BSONDBPointer: Hashable {
    /// Compares the UTF-8 bytes of the name, and the identifier.
    public static func == (left: BSONDBPointer, right: BSONDBPointer) -> Bool {
        left.id == right.id && left.namespace.hasSameUTF8(as: right.namespace)
    }

    /// Hashes the UTF-8 bytes of the name, and the identifier.
    public func hash(into hasher: inout Hasher) {
        namespace.hashUTF8(into: &hasher)
        hasher.combine(id)
    }
}

/// JavaScript code with the values of its free variables (deprecated type 0x0F).
public struct BSONJavaScriptWithScope: Sendable, Hashable {
    /// JavaScript source, which nothing here runs.
    public var code: String
    /// The variables that the code sees, by name.
    public var scope: BSONDocument

    /// Creates code with a scope.
    public init(code: String, scope: BSONDocument) {
        self.code = code
        self.scope = scope
    }

    /// Compares the code's UTF-8 bytes, and the scopes.
    public static func == (left: BSONJavaScriptWithScope, right: BSONJavaScriptWithScope) -> Bool {
        left.code.hasSameUTF8(as: right.code) && left.scope == right.scope
    }

    /// Hashes the code's UTF-8 bytes, and the scope.
    public func hash(into hasher: inout Hasher) {
        code.hashUTF8(into: &hasher)
        hasher.combine(scope)
    }
}
