public import SaslBSON

/// A command's reply, of which is known whether the command succeeded.
public struct CommandReply: Sendable, Hashable {
    /// The reply's body.
    public let document: BSONDocument
    /// What the field `ok` says.
    public let isOK: Bool

    /// Reads the field `ok`: 1 or 0 as int32, int64 or double, or a Boolean, since servers have used all of them.
    /// - Throws: `WireError` with code `malformedReply` if it is missing, there twice, or anything else. A reply must not
    ///   pass for a success because it is garbled.
    public init(_ document: BSONDocument) throws(WireError) {
        let fields = document.lazy.filter { $0.key == "ok" }.prefix(2).map(\.value)
        guard let field = fields.first else {
            throw WireError(code: .malformedReply, message: "The reply to a command has no field ok.")
        }
        guard fields.dropFirst().isEmpty else {
            throw WireError(code: .malformedReply, message: "The reply to a command has the field ok twice.")
        }
        guard let isOK = Self.truth(of: field) else {
            throw WireError(
                code: .malformedReply, message: "The field ok in the reply to a command is neither 0 nor 1.")
        }
        self.document = document
        self.isOK = isOK
    }

    /// Why the command failed; nil if it succeeded.
    public var failure: CommandFailure? {
        guard !isOK else { return nil }
        return CommandFailure(
            code: document["code"]?.integerValue.map { CommandFailure.Code(rawValue: $0) },
            codeName: document["codeName"]?.stringValue,
            message: document["errmsg"]?.stringValue ?? "")
    }

    /// The reply's body.
    /// - Throws: `CommandFailure` if the command failed.
    public func get() throws(CommandFailure) -> BSONDocument {
        if let failure { throw failure }
        return document
    }

    private static func truth(of value: BSONValue) -> Bool? {
        if let flag = value.boolValue { return flag }
        return switch value.integerValue {
        case 0: false
        case 1: true
        default: nil
        }
    }
}
