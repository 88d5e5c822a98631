public import SASL
internal import SaslBSON

/// The commands saslStart and saslContinue as a pure state machine: replies in, commands out.
///
/// It has no transport and runs no exchange: the owner carries out the action and reports the result.
///
///     begin() ─→ .step(nil) ─→ stepped(…) ─→ .run(command) ─→ replied(…) ─→ .step(payload) ─→ … ─→ .succeeded
///
/// Success needs the server's `done: true` **and** the exchange's ``/SASL/SaslExchange/isComplete``. A server that
/// reports done while the exchange still has something to send has proven nothing.
public struct SaslConversation: Sendable {
    /// What the owner must do next.
    public enum Action: Sendable {
        /// Give this challenge to the exchange, then call ``SaslConversation/stepped(_:isComplete:)``.
        case step([UInt8]?)
        /// Send this command, one BSON document, then call ``SaslConversation/replied(_:)``.
        case run([UInt8])
        /// Both sides agree: the authentication has succeeded.
        case succeeded
    }

    private enum State {
        case ready
        /// The exchange is processing the challenge of a reply, or none at first.
        case stepping(server: Server?)
        case waiting(server: Server?)
        case over
    }

    /// What the server's last reply said.
    private struct Server {
        var conversationID: BSONValue
        var isDone: Bool
    }

    /// How many commands a conversation may take.
    public static let maximumSteps = 10

    private let mechanism: SaslMechanismName
    private let source: String
    private var state = State.ready
    private var steps = 0
    private var isExchangeComplete = false

    /// Creates a conversation.
    ///
    /// - Parameters:
    ///   - mechanism: The mechanism of the exchange.
    ///   - source: The database that the commands go to, `$external` for GSSAPI.
    public init(mechanism: SaslMechanismName, source: String) {
        self.mechanism = mechanism
        self.source = source
    }

    /// Begins: the exchange makes its first response from nothing.
    public mutating func begin() throws(MongoAuthError) -> Action {
        guard case .ready = state else { throw misused() }
        state = .stepping(server: nil)
        return .step(nil)
    }

    /// The exchange has taken its step.
    ///
    /// - Parameters:
    ///   - step: What the exchange wants done.
    ///   - isComplete: The exchange's ``/SASL/SaslExchange/isComplete`` after the step.
    public mutating func stepped(_ step: SaslStep, isComplete: Bool) throws(MongoAuthError) -> Action {
        guard case .stepping(let server) = state else { throw misused() }
        state = .over
        isExchangeComplete = isComplete
        if let server, server.isDone {
            guard case .done = step, isComplete else { throw doneTooEarly() }
            return .succeeded
        }
        let response: [UInt8]
        switch step {
        case .respond(let bytes): response = bytes
        // The exchange is done and the server is not: it gets another turn, with an empty payload.
        case .done: response = []
        }
        guard steps < Self.maximumSteps else {
            throw MongoAuthError(
                .tooManySteps, "the server did not end the authentication within \(Self.maximumSteps) steps")
        }
        steps += 1
        state = .waiting(server: server)
        return .run(try command(response, server?.conversationID))
    }

    /// The server has replied.
    ///
    /// - Throws: ``MongoAuthError``; the conversation is over then.
    public mutating func replied(_ bytes: [UInt8]) throws(MongoAuthError) -> Action {
        guard case .waiting(let previous) = state else { throw misused() }
        state = .over
        let reply = try checkedReply(bytes)
        guard let conversationID = try field("conversationId", of: reply), let number = conversationID.integerValue
        else {
            throw malformed("conversationId", "an integer", in: reply)
        }
        if let previous, previous.conversationID.integerValue != number {
            throw MongoAuthError(
                .conversationMismatch,
                "the server's reply belongs to conversation \(number), not to "
                    + "\(previous.conversationID.integerValue.map { "\($0)" } ?? "this one")")
        }
        guard let isDone = try field("done", of: reply)?.boolValue else {
            throw malformed("done", "a Boolean", in: reply)
        }
        guard let payload = Self.payload(try field("payload", of: reply)) else {
            throw malformed("payload", "binary data or a base64 string", in: reply)
        }
        // Without a payload the exchange could only report that, and hide the real problem.
        guard !isDone || isExchangeComplete || !payload.isEmpty else { throw doneTooEarly() }
        state = .stepping(server: Server(conversationID: previous?.conversationID ?? conversationID, isDone: isDone))
        return .step(payload)
    }

    /// The saslContinue that a client sends before it has a reply: an empty payload, in conversation 1, which
    /// every server uses. For pipelining: it is used if the machine produces the same command.
    func anticipatedContinue() throws(MongoAuthError) -> [UInt8] {
        try command([], .int32(1))
    }

    private func command(_ payload: [UInt8], _ conversationID: BSONValue?) throws(MongoAuthError) -> [UInt8] {
        let binary = BSONValue.binary(BSONBinary(subtype: 0, bytes: payload))
        guard let conversationID else {
            var command: BSONDocument = [
                "saslStart": 1, "mechanism": .string(mechanism.rawValue), "payload": binary,
            ]
            // The server may send its proof along with success, which saves a round trip (auth.md, "SCRAM").
            if mechanism.isScram { command.append("options", ["skipEmptyExchange": true]) }
            command.append("$db", .string(source))
            return try Command.encoded(command)
        }
        return try Command.encoded([
            "saslContinue": 1, "conversationId": conversationID, "payload": binary, "$db": .string(source),
        ])
    }

    private func checkedReply(_ bytes: [UInt8]) throws(MongoAuthError) -> BSONDocument {
        try CommandReply(bytes, to: steps == 1 ? "saslStart" : "saslContinue").accepted(mechanism)
    }

    private static func payload(_ value: BSONValue?) -> [UInt8]? {
        if let binary = value?.binaryValue { return binary.subtype == 0 ? binary.bytes : nil }
        return value?.stringValue.flatMap { SaslBase64.decode($0.utf8) }
    }

    /// A field that may occur once: with two it is unknown which one the server means.
    private func field(_ key: String, of reply: BSONDocument) throws(MongoAuthError) -> BSONValue? {
        let values = reply.lazy.filter { $0.key == key }.prefix(2).map(\.value)
        guard values.count < 2 else {
            throw MongoAuthError(.malformedReply, "the server's reply has the field \(key) twice")
        }
        return values.first
    }

    private func malformed(_ field: String, _ expected: String, in reply: BSONDocument) -> MongoAuthError {
        let found = reply[field] == nil ? "is missing" : "is not \(expected)"
        return MongoAuthError(.malformedReply, "the field \(field) of the server's reply \(found)")
    }

    private func doneTooEarly() -> MongoAuthError {
        MongoAuthError(
            .serverNotProven,
            "the server says that the authentication is done, but \(mechanism) has not verified the server yet")
    }

    private func misused() -> MongoAuthError {
        MongoAuthError(.sasl, "the conversation is over, or was called out of order")
    }
}

extension SaslMechanismName {
    var isScram: Bool { rawValue.utf8.starts(with: "SCRAM-".utf8) }
}

extension CommandReply {
    /// The body of a reply that does not refuse the authentication.
    func accepted(_ mechanism: SaslMechanismName) throws(MongoAuthError) -> BSONDocument {
        guard let failure else { return document }
        guard !failure.isUnknownMechanism else {
            throw MongoAuthError(
                .mechanismUnavailable, "the server does not have the mechanism \(mechanism) enabled (\(failure))",
                underlying: failure)
        }
        throw MongoAuthError(.refused, "the server refused the authentication: \(failure)", underlying: failure)
    }
}
