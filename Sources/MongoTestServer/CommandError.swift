import SaslBSON

/// A command's failure, as sent to the client.
struct CommandError: Error, Sendable, Hashable {
    var code: Int32
    var name: String
    var message: String

    /// The reply that says so.
    var reply: BSONDocument {
        ["ok": 0.0, "errmsg": .string(message), "code": .int32(code), "codeName": .string(name)]
    }

    static func badValue(_ message: String) -> CommandError {
        CommandError(code: 2, name: "BadValue", message: message)
    }

    static func unauthorized(_ command: String) -> CommandError {
        CommandError(
            code: 13, name: "Unauthorized", message: "The command \(quoted(command)) requires authentication.")
    }

    static func wrongType(_ field: String, in command: String) -> CommandError {
        CommandError(
            code: 14, name: "TypeMismatch", message: "The field \(field) of \(command) is missing or of a wrong type.")
    }

    static func protocolError(_ message: String) -> CommandError {
        CommandError(code: 17, name: "ProtocolError", message: message)
    }

    /// Servers do not say why.
    static let authenticationFailed = CommandError(
        code: 18, name: "AuthenticationFailed", message: "Authentication failed.")

    static func notFound(_ command: String) -> CommandError {
        CommandError(code: 59, name: "CommandNotFound", message: "There is no command \(quoted(command)).")
    }

    static func mechanismUnavailable(_ mechanism: String, database: String) -> CommandError {
        CommandError(
            code: 334, name: "MechanismUnavailable",
            message: "The mechanism \(quoted(mechanism)) is not available on the database \(quoted(database)).")
    }

    static let unsupportedQuery = CommandError(
        code: 352, name: "UnsupportedOpQueryCommand", message: "Only hello and isMaster can be sent by OP_QUERY.")

    static let missingDatabase = CommandError(
        code: 40571, name: "Location40571", message: "An OP_MSG needs the field $db.")

    /// A client's text, truncated to a length that cannot fill the replies.
    private static func quoted(_ text: String) -> String {
        let cut = text.prefix(64)
        return "'\(cut)\(cut.endIndex == text.endIndex ? "" : "..")'"
    }
}
