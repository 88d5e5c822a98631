package import SaslBSON

/// A command's reply whose field `ok` has been read.
package struct CommandReply: Sendable, Hashable {
    /// The reply's body.
    package let document: BSONDocument
    /// The value of the field `ok`.
    package let isOK: Bool

    /// A handshake needs few elements; most are for the user's roles, three for each, and a directory's user may have
    /// some thousand groups. A message of the shortest elements takes twenty times its size in memory, and all
    /// connections of an event loop wait while it is decoded.
    private static let limits = BSONLimits(maximumElementCount: 20_000)

    /// Reads a reply.
    ///
    /// - Throws: ``MongoAuthError/Code/malformedReply`` for bytes that are not one document, or for the reasons of the
    ///   other initializer.
    package init(_ bytes: [UInt8], to command: String) throws(MongoAuthError) {
        let document: BSONDocument
        do {
            document = try BSONDocument(decoding: bytes, limits: Self.limits)
        } catch {
            throw MongoAuthError(
                .malformedReply, "the reply to \(command) is not BSON: \(error.message)", underlying: error)
        }
        try self.init(document, to: command)
    }

    /// Reads the field `ok`: 1 or 0 as int32, int64 or double, or a Boolean, since servers have used all of them.
    ///
    /// - Throws: ``MongoAuthError/Code/malformedReply`` if it is missing, given twice, or anything else.
    ///   A malformed reply must not count as success.
    package init(_ document: BSONDocument, to command: String) throws(MongoAuthError) {
        let fields = document.lazy.filter { $0.key == "ok" }.prefix(2).map(\.value)
        func malformed(_ what: String) -> MongoAuthError {
            MongoAuthError(.malformedReply, "the reply to \(command) \(what)")
        }
        guard let field = fields.first else { throw malformed("has no field ok") }
        guard fields.dropFirst().isEmpty else { throw malformed("has the field ok twice") }
        guard let isOK = Self.truth(of: field) else { throw malformed("has a field ok that is neither 0 nor 1") }
        self.document = document
        self.isOK = isOK
    }

    /// Why the command failed; nil if it succeeded.
    package var failure: CommandFailure? {
        guard !isOK else { return nil }
        return CommandFailure(
            code: document["code"]?.integerValue.map { CommandFailure.Code(rawValue: $0) },
            codeName: document["codeName"]?.stringValue,
            message: document["errmsg"]?.stringValue ?? "")
    }

    /// The reply's body.
    /// - Throws: `CommandFailure` if the command failed.
    package func get() throws(CommandFailure) -> BSONDocument {
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
