public import SaslBSON
public import SaslWire

/// What a server says of itself in its reply to hello.
public struct ServerDescription: Sendable, Hashable {
    /// The oldest wire version that the server speaks.
    public var minWireVersion: Int
    /// The newest wire version that the server speaks.
    public var maxWireVersion: Int
    /// The mechanisms that the user can use; `nil` when the server does not say. Never a reason not to try GSSAPI.
    public var saslSupportedMechs: [String]?
    /// The name of the server's replica set.
    public var setName: String?
    /// The server's name for itself within its replica set.
    public var me: String?
    /// The server's clock, in milliseconds since 1970.
    public var localTimeMilliseconds: Int64?
    /// The whole reply.
    public var reply: BSONDocument

    init(_ reply: BSONDocument) {
        minWireVersion = reply["minWireVersion"]?.integerValue.flatMap(Int.init(exactly:)) ?? 0
        maxWireVersion = reply["maxWireVersion"]?.integerValue.flatMap(Int.init(exactly:)) ?? 0
        saslSupportedMechs = reply["saslSupportedMechs"]?.arrayValues?.compactMap(\.stringValue)
        setName = reply["setName"]?.stringValue
        me = reply["me"]?.stringValue
        if case .datetime(let time)? = reply["localTime"] {
            localTimeMilliseconds = time.millisecondsSince1970
        }
        self.reply = reply
    }
}

/// The first command on a connection.
public struct Hello: Sendable {
    /// The application's name, for the server's log; at most 128 bytes.
    public var applicationName: String?
    /// Asks which mechanisms this user of this database can use.
    public var saslSupportedMechsFor: (database: String, username: String)?

    /// Creates the command.
    public init(applicationName: String? = nil, saslSupportedMechsFor: (database: String, username: String)? = nil) {
        self.applicationName = applicationName
        self.saslSupportedMechsFor = saslSupportedMechsFor
    }

    /// Sends the command; where the server does not know it, the older `isMaster`.
    ///
    /// - Throws: ``MongoAuthError`` for a refusal or a malformed reply; what the runner throws.
    public func run(
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant
    ) async throws -> ServerDescription {
        do {
            return try Self.read(try await runner.run(command(named: "hello"), by: deadline))
        } catch let failure as CommandFailure where Self.isUnknownCommand(failure) {
            do {
                return try Self.read(try await runner.run(command(named: "isMaster"), by: deadline))
            } catch let failure as CommandFailure {
                throw Self.refused(failure)
            }
        } catch let failure as CommandFailure {
            throw Self.refused(failure)
        }
    }

    private func command(named name: String) -> BSONDocument {
        var client: BSONDocument = [
            "driver": ["name": "swift-mongo-sasl", "version": .string(ClientVersion.current)],
            "os": ["type": .string(ClientVersion.operatingSystem)],
        ]
        if let applicationName, !applicationName.isEmpty {
            client["application"] = ["name": .string(applicationName)]
        }
        var command = BSONDocument()
        command.append(name, 1)
        command.append("helloOk", true)
        if let (database, username) = saslSupportedMechsFor {
            command.append("saslSupportedMechs", .string("\(database).\(username)"))
        }
        command.append("client", .document(client))
        command.append("$db", "admin")
        return command
    }

    private static func read(_ reply: BSONDocument) throws -> ServerDescription {
        let checked: CommandReply
        do {
            checked = try CommandReply(reply)
        } catch {
            throw MongoAuthError(.malformedReply, "the reply to hello: \(error.message)", underlying: error)
        }
        return ServerDescription(try checked.get())
    }

    private static func isUnknownCommand(_ failure: CommandFailure) -> Bool {
        failure.code == .commandNotFound || failure.message.hasPrefix("no such c")
    }

    private static func refused(_ failure: CommandFailure) -> MongoAuthError {
        MongoAuthError(.malformedReply, "the server refused hello: \(failure)", underlying: failure)
    }
}

/// This client, as it names itself to servers and in reports.
public enum ClientVersion {
    /// The package's version.
    public static let current = "0.1.0"

    static var operatingSystem: String {
        #if os(Linux)
        "Linux"
        #elseif os(macOS)
        "Darwin"
        #else
        "Unknown"
        #endif
    }
}
