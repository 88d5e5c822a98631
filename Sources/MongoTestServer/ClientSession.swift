import Foundation
import SaslBSON

/// The state of one client, and the replies: a pure value that takes commands and SASL outcomes.
struct ClientSession {
    /// What to do about a command.
    enum Action: Equatable {
        /// Send this.
        case reply(BSONDocument)
        /// Start this exchange, and report to ``ClientSession/saslStepped(_:)``.
        case startExchange(SaslRequest)
        /// Continue the running exchange, and report to ``ClientSession/saslStepped(_:)``.
        case continueExchange(token: [UInt8])
        /// Read the client's certificate, and report to ``ClientSession/certificateSeen(subject:)``.
        case seeCertificate
    }

    /// The server's properties in its replies.
    struct ServerFacts: Sendable {
        var directory: UserDirectory
        var maximumMessageLength: Int
    }

    /// The authenticated user.
    struct User: Sendable, Hashable {
        var name: String
        var database: String
    }

    /// The type of a client's payload, and of its reply.
    private enum PayloadKind {
        case binary
        case base64

        func value(_ bytes: [UInt8]) -> BSONValue {
            switch self {
            case .binary: .binary(BSONBinary(bytes: bytes))
            case .base64: .string(Data(bytes).base64EncodedString())
            }
        }
    }

    private enum Conversation {
        case none
        /// In progress; `kind` is that of the client's last payload.
        case open(mechanism: String, database: String, steps: Int, kind: PayloadKind)
        /// The certificate is being read; `user` is the client's claim.
        case certificate(user: String?)
    }

    /// Every conversation has this id, as in real servers.
    static let conversationID: Int32 = 1
    /// A conversation with more steps than this one fails.
    static let maximumSteps = 10
    /// The longest accepted token, in bytes.
    static let maximumTokenLength = 1 << 20

    private let facts: ServerFacts
    private let connectionID: Int32
    private var conversation = Conversation.none
    /// The reply to a hello in which a conversation has begun: it waits for that conversation's first reply.
    private var waitingHello: BSONDocument?
    /// The authenticated user.
    private(set) var user: User?

    init(facts: ServerFacts, connectionID: Int32) {
        self.facts = facts
        self.connectionID = connectionID
    }

    /// A command came by OP_MSG, with its database in `$db`.
    mutating func commandReceived(_ command: BSONDocument, millisecondsSince1970 now: Int64) -> Action {
        guard let database = command["$db"]?.stringValue else {
            return .reply(CommandError.missingDatabase.reply)
        }
        return run(command, on: database, now: now)
    }

    /// A command came by OP_QUERY on the collection `database.$cmd`: only the oldest handshake does that.
    mutating func queryReceived(
        _ query: BSONDocument, on collection: String, millisecondsSince1970 now: Int64
    ) -> Action {
        guard collection.utf8.reversed().starts(with: ".$cmd".utf8.reversed()) else {
            return .reply(CommandError.unsupportedQuery.reply)
        }
        // Some clients wrap the command to add a read preference.
        let command = query["$query"]?.documentValue ?? query["query"]?.documentValue ?? query
        switch command.first?.key {
        case "hello", "isMaster", "ismaster":
            return run(command, on: String(decoding: collection.utf8.dropLast(5), as: UTF8.self), now: now)
        default:
            return .reply(CommandError.unsupportedQuery.reply)
        }
    }

    private mutating func run(_ command: BSONDocument, on database: String, now: Int64) -> Action {
        guard let name = command.first?.key else {
            return .reply(CommandError.notFound("").reply)
        }
        switch name {
        case "hello", "isMaster", "ismaster":
            return greet(hello(command, isLegacy: name != "hello", now: now), command)
        case "ping", "endSessions":
            return .reply(["ok": 1.0])
        case "buildInfo", "buildinfo":
            return .reply(Self.buildInfo)
        case "connectionStatus":
            return .reply(connectionStatus)
        case "saslStart":
            return saslStart(command, on: database)
        case "saslContinue":
            return saslContinue(command)
        case "authenticate":
            return authenticate(command, on: database)
        case "logout":
            conversation = .none
            user = nil
            return .reply(["ok": 1.0])
        default:
            return .reply((user == nil ? CommandError.unauthorized(name) : .notFound(name)).reply)
        }
    }
}

// MARK: - The conversation

extension ClientSession {
    /// The reply to hello, once the conversation that a driver may begin in it has its first reply ("speculative
    /// authentication" of the driver specifications). What cannot begin is silently left out.
    private mutating func greet(_ reply: BSONDocument, _ command: BSONDocument) -> Action {
        guard user == nil, reply["ok"] == 1.0, let first = command["speculativeAuthenticate"]?.documentValue,
            let database = first["db"]?.stringValue
        else { return .reply(reply) }
        let action: Action
        switch first.first?.key {
        case "saslStart": action = saslStart(first, on: database)
        case "authenticate": action = authenticate(first, on: database)
        default: return .reply(reply)
        }
        if case .reply = action { return .reply(reply) }
        waitingHello = reply
        return action
    }

    private mutating func saslStart(_ command: BSONDocument, on database: String) -> Action {
        // A new conversation replaces an unfinished one.
        conversation = .none
        guard let mechanism = command["mechanism"]?.stringValue else {
            return .reply(CommandError.wrongType("mechanism", in: "saslStart").reply)
        }
        guard mechanism != Self.x509, facts.directory.offers(mechanism, on: database) else {
            return .reply(CommandError.mechanismUnavailable(mechanism, database: database).reply)
        }
        do throws(CommandError) {
            let (token, kind) = try Self.payload(of: command, in: "saslStart")
            conversation = .open(mechanism: mechanism, database: database, steps: 1, kind: kind)
            // GSSAPI and PLAIN have no message that comes with success: the option changes nothing there.
            let skips = command["options"]?.documentValue?["skipEmptyExchange"]?.boolValue ?? false
            return .startExchange(
                SaslRequest(mechanism: mechanism, database: database, token: token, skipsEmptyExchange: skips))
        } catch {
            return .reply(error.reply)
        }
    }

    /// The mechanism of TLS certificates, without a SASL conversation: the TLS handshake has authenticated the client.
    static let x509 = "MONGODB-X509"

    private mutating func authenticate(_ command: BSONDocument, on database: String) -> Action {
        conversation = .none
        guard let mechanism = command["mechanism"]?.stringValue else {
            return .reply(CommandError.wrongType("mechanism", in: "authenticate").reply)
        }
        guard mechanism == Self.x509, facts.directory.offers(mechanism, on: database) else {
            return .reply(CommandError.mechanismUnavailable(mechanism, database: database).reply)
        }
        guard command["user"].map({ $0.stringValue != nil }) ?? true else {
            return .reply(CommandError.wrongType("user", in: "authenticate").reply)
        }
        conversation = .certificate(user: command["user"]?.stringValue)
        return .seeCertificate
    }

    private mutating func saslContinue(_ command: BSONDocument) -> Action {
        guard case .open(let mechanism, let database, let steps, _) = conversation else {
            return .reply(CommandError.protocolError("There is no SASL conversation to continue.").reply)
        }
        // Set again only on success: after an error a client has to start again.
        conversation = .none
        guard let number = command["conversationId"]?.integerValue, number == Int64(Self.conversationID) else {
            return .reply(CommandError.protocolError("The conversationId is not that of the conversation.").reply)
        }
        do throws(CommandError) {
            let (token, kind) = try Self.payload(of: command, in: "saslContinue")
            guard steps < Self.maximumSteps else {
                return .reply(CommandError.protocolError("The SASL conversation has too many steps.").reply)
            }
            conversation = .open(mechanism: mechanism, database: database, steps: steps + 1, kind: kind)
            return .continueExchange(token: token)
        } catch {
            return .reply(error.reply)
        }
    }

    /// The exchange took the client's token; returns the reply, and the result of the authentication if it is over.
    ///
    /// An authenticated but unknown user gets the same answer as a failed authentication.
    mutating func saslStepped(
        _ outcome: SaslOutcome
    ) -> (reply: BSONDocument, ended: MongoTestServer.Authentication?) {
        guard case .open(let mechanism, let database, _, let kind) = conversation else {
            return (CommandError.protocolError("There is no SASL conversation to continue.").reply, nil)
        }
        switch outcome {
        case .challenge(let token):
            return (said(Self.saslReply(done: false, kind.value(token))), nil)
        case .failed(let reason):
            return failed(nil, reason)
        case .authenticated(let name, let data):
            return ended(name, on: database, by: mechanism) { Self.saslReply(done: true, kind.value(data)) }
        }
    }

    /// The client's certificate names `subject`, in the form of RFC 2253; `nil` if it sent none.
    mutating func certificateSeen(
        subject: String?
    ) -> (reply: BSONDocument, ended: MongoTestServer.Authentication?) {
        guard case .certificate(let claimed) = conversation else {
            return (CommandError.protocolError("No certificate was asked for.").reply, nil)
        }
        guard let subject else { return failed(nil, "the client has shown no certificate") }
        guard claimed.map({ $0.utf8.elementsEqual(subject.utf8) }) ?? true else {
            return failed(nil, "the certificate is that of \(subject), and not of the user that the client names")
        }
        return ended(subject, on: "$external", by: Self.x509) {
            ["dbname": "$external", "user": .string(subject), "ok": 1.0]
        }
    }

    private mutating func ended(
        _ name: String, on database: String, by mechanism: String, reply: () -> BSONDocument
    ) -> (reply: BSONDocument, ended: MongoTestServer.Authentication?) {
        guard facts.directory.user(name, on: database) != nil else {
            return failed(name, "\(name) authenticated but is not a user of this server")
        }
        guard facts.directory.mechanisms(of: name, on: database)?.contains(mechanism) == true else {
            return failed(name, "\(name) authenticated by \(mechanism), which is not for this user")
        }
        conversation = .none
        user = User(name: name, database: database)
        return (said(reply()), MongoTestServer.Authentication(principal: name, failure: nil))
    }

    private mutating func failed(
        _ name: String?, _ reason: String
    ) -> (reply: BSONDocument, ended: MongoTestServer.Authentication?) {
        conversation = .none
        let reply = waitingHello.take() ?? CommandError.authenticationFailed.reply
        return (reply, MongoTestServer.Authentication(principal: name, failure: reason))
    }

    /// A reply by itself, or within the one to hello.
    private mutating func said(_ reply: BSONDocument) -> BSONDocument {
        guard var hello = waitingHello.take() else { return reply }
        hello.append("speculativeAuthenticate", .document(reply))
        return hello
    }

    private static func saslReply(done: Bool, _ payload: BSONValue) -> BSONDocument {
        ["conversationId": .int32(conversationID), "done": .bool(done), "payload": payload, "ok": 1.0]
    }

    private static func payload(
        of command: BSONDocument, in name: String
    ) throws(CommandError) -> ([UInt8], PayloadKind) {
        let token: [UInt8]
        let kind: PayloadKind
        switch command["payload"] {
        case .binary(let binary) where binary.subtype == BSONBinary.genericSubtype:
            (token, kind) = (binary.bytes, .binary)
        case .string(let text):
            // Only canonical base64, with all its padding (RFC 4648 section 3.5).
            guard let bytes = Data(base64Encoded: text), bytes.base64EncodedString() == text else {
                throw .badValue("The payload of \(name) is not base64.")
            }
            (token, kind) = (Array(bytes), .base64)
        default:
            throw .wrongType("payload", in: name)
        }
        guard token.count <= maximumTokenLength else { throw .badValue("The payload of \(name) is too long.") }
        return (token, kind)
    }
}

// MARK: - Replies

extension ClientSession {
    private func hello(_ command: BSONDocument, isLegacy: Bool, now: Int64) -> BSONDocument {
        var reply: BSONDocument = ["helloOk": true]
        reply.append(isLegacy ? "ismaster" : "isWritablePrimary", true)
        reply.append("maxBsonObjectSize", 16_777_216)
        reply.append("maxMessageSizeBytes", .int32(Int32(clamping: facts.maximumMessageLength)))
        reply.append("maxWriteBatchSize", 100_000)
        reply.append("localTime", .datetime(BSONDatetime(millisecondsSince1970: now)))
        reply.append("logicalSessionTimeoutMinutes", 30)
        reply.append("connectionId", .int32(connectionID))
        reply.append("minWireVersion", 0)
        reply.append("maxWireVersion", 21)
        reply.append("readOnly", false)
        if let name = command["saslSupportedMechs"] {
            guard let name = name.stringValue, let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")) else {
                return CommandError.badValue("saslSupportedMechs must be a string of the form database.user.").reply
            }
            let user = name[name.utf8.index(after: dot)...]
            if let mechanisms = facts.directory.mechanisms(of: String(user), on: String(name[..<dot])) {
                reply.append("saslSupportedMechs", .array(BSONArray(mechanisms.map { .string($0) })))
            }
        }
        reply.append("ok", 1.0)
        return reply
    }

    private var connectionStatus: BSONDocument {
        var users: [BSONValue] = []
        var roles: [BSONValue] = []
        if let user {
            users = [["user": .string(user.name), "db": .string(user.database)]]
            roles = (facts.directory.user(user.name, on: user.database)?.roles ?? []).map {
                ["role": .string($0.name), "db": .string($0.database)]
            }
        }
        let info: BSONValue = [
            "authenticatedUsers": .array(BSONArray(users)), "authenticatedUserRoles": .array(BSONArray(roles)),
        ]
        return ["authInfo": info, "ok": 1.0]
    }

    private static let buildInfo: BSONDocument = [
        "version": "7.0.0", "gitVersion": "mongo-test-server", "versionArray": [7, 0, 0, 0], "bits": 64, "debug": false,
        "maxBsonObjectSize": 16_777_216, "modules": [], "ok": 1.0,
    ]
}
