internal import SaslBSON

/// What a server says of itself in its reply to hello. Of each text that is read from a reply 1 KiB is kept, with control
/// characters escaped, and of a list the first hundred entries.
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
    /// The whole reply, one BSON document; empty where a driver has said hello itself.
    public var reply: [UInt8]

    /// Describes a server, for a driver that says hello itself.
    public init(
        minWireVersion: Int = 0, maxWireVersion: Int = 0, saslSupportedMechs: [String]? = nil, setName: String? = nil,
        me: String? = nil, localTimeMilliseconds: Int64? = nil, reply: [UInt8] = []
    ) {
        self.minWireVersion = minWireVersion
        self.maxWireVersion = maxWireVersion
        self.saslSupportedMechs = saslSupportedMechs
        self.setName = setName
        self.me = me
        self.localTimeMilliseconds = localTimeMilliseconds
        self.reply = reply
    }

    /// Reads the reply to a hello that a driver has sent itself.
    ///
    /// - Parameter reply: One BSON document.
    /// - Throws: ``MongoAuthError/Code/malformedReply``; ``CommandFailure`` where the server refused.
    public init(reply bytes: [UInt8]) throws {
        let reply = try CommandReply(bytes, to: "hello").get()
        self.init(
            minWireVersion: reply["minWireVersion"]?.integerValue.flatMap(Int.init(exactly:)) ?? 0,
            maxWireVersion: reply["maxWireVersion"]?.integerValue.flatMap(Int.init(exactly:)) ?? 0,
            saslSupportedMechs: reply["saslSupportedMechs"]?.arrayValues?.prefix(BoundedText.peerEntries)
                .compactMap(\.stringValue).map { BoundedText.ofPeer($0) },
            setName: reply["setName"]?.stringValue.map { BoundedText.ofPeer($0) },
            me: reply["me"]?.stringValue.map { BoundedText.ofPeer($0) }, reply: bytes)
        if case .datetime(let time)? = reply["localTime"] { localTimeMilliseconds = time.millisecondsSince1970 }
    }
}

/// The first command on a connection.
public struct Hello: Sendable {
    /// Who talks to the server, for its log: a driver and its version.
    public struct Driver: Sendable, Hashable {
        /// The driver's name.
        public var name: String
        /// The driver's version.
        public var version: String

        /// Names a driver.
        public init(name: String, version: String) {
            self.name = name
            self.version = version
        }

        /// This package.
        public static let own = Driver(name: "swift-mongo-sasl", version: ClientVersion.current)
    }

    /// The driver that connects.
    public var driver: Driver
    /// The application's name, for the server's log; at most 128 bytes.
    public var applicationName: String?
    /// Asks which mechanisms this user of this database can use.
    public var saslSupportedMechsFor: (database: String, username: String)?

    /// Creates the command.
    public init(
        driver: Driver = .own, applicationName: String? = nil,
        saslSupportedMechsFor: (database: String, username: String)? = nil
    ) {
        self.driver = driver
        self.applicationName = applicationName
        self.saslSupportedMechsFor = saslSupportedMechsFor
    }

    /// Sends the command; where the server does not know it, the older `isMaster`.
    ///
    /// - Throws: ``MongoAuthError`` for a refusal or a malformed reply; what the runner throws.
    public func run(
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver? = nil
    ) async throws -> ServerDescription {
        observe?(.helloBegan)
        let server: ServerDescription
        do {
            server = try ServerDescription(reply: try await runner.run(command(named: "hello"), by: deadline))
        } catch let failure as CommandFailure where Self.isUnknownCommand(failure) {
            do {
                server = try ServerDescription(reply: try await runner.run(command(named: "isMaster"), by: deadline))
            } catch let failure as CommandFailure {
                throw Self.refused(failure)
            }
        } catch let failure as CommandFailure {
            throw Self.refused(failure)
        }
        observe?(.helloEnded(server))
        return server
    }

    /// The command as one BSON document.
    ///
    /// - Throws: ``MongoAuthError/Code/invalidCredential`` where a name cannot stand in BSON.
    public func command() throws(MongoAuthError) -> [UInt8] {
        try command(named: "hello")
    }

    private func command(named name: String) throws(MongoAuthError) -> [UInt8] {
        var client: BSONDocument = [
            "driver": ["name": .string(driver.name), "version": .string(driver.version)],
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
        return try Command.encoded(command)
    }

    private static func isUnknownCommand(_ failure: CommandFailure) -> Bool {
        failure.code == .commandNotFound || failure.message.hasPrefix("no such c")
    }

    private static func refused(_ failure: CommandFailure) -> MongoAuthError {
        MongoAuthError(.malformedReply, "the server refused hello: \(failure)", underlying: failure)
    }
}

/// Commands as bytes.
enum Command {
    static func encoded(_ document: BSONDocument) throws(MongoAuthError) -> [UInt8] {
        do {
            return try document.encoded()
        } catch {
            throw MongoAuthError(.invalidCredential, "a command cannot be encoded: \(error.message)", underlying: error)
        }
    }
}

/// This client, as it names itself to servers and in reports.
public enum ClientVersion {
    /// The package's version.
    public static let current = "0.2.0"

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
