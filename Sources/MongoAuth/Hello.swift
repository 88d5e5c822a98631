internal import SaslBSON

/// A server's description of itself in its reply to hello. Each text from a reply is cut to 1 KiB, with control
/// characters escaped, and each list to its first hundred entries.
public struct ServerDescription: Sendable, Hashable {
    /// The oldest wire version that the server supports.
    public var minWireVersion: Int
    /// The newest wire version that the server supports.
    public var maxWireVersion: Int
    /// The mechanisms that the user can use; `nil` if the server does not say. Never a reason not to try GSSAPI.
    public var saslSupportedMechs: [String]?
    /// The server's role in its deployment.
    public var role = ServerRole.standalone
    /// The name of the server's replica set.
    public var setName: String?
    /// The server's name for itself within its replica set, as `host:port`.
    public var me: String?
    /// The members of the replica set by the names that drivers then connect to, as `host:port`: data-bearing members
    /// and arbiters. Empty if the server is in none.
    public var members: [String] = []
    /// Those of them that the server claims are arbiters.
    public var arbiters: [String] = []
    /// Whether the server claims to be behind a load balancer (its reply has a `serviceId`).
    public var isLoadBalanced = false
    /// The server's clock, in milliseconds since 1970.
    public var localTimeMilliseconds: Int64?
    /// The whole reply, one BSON document; empty if a driver has sent hello itself.
    public var reply: [UInt8]

    /// Describes a server, for a driver that sends hello itself.
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
    /// - Parameter bytes: The reply, one BSON document.
    /// - Throws: ``MongoAuthError/Code/malformedReply``; ``CommandFailure`` if the server refused.
    public init(reply bytes: [UInt8]) throws {
        let reply = try CommandReply(bytes, to: "hello").get()
        self.init(
            minWireVersion: reply["minWireVersion"]?.integerValue.flatMap(Int.init(exactly:)) ?? 0,
            maxWireVersion: reply["maxWireVersion"]?.integerValue.flatMap(Int.init(exactly:)) ?? 0,
            saslSupportedMechs: reply["saslSupportedMechs"]?.arrayValues?.prefix(BoundedText.peerEntries)
                .compactMap(\.stringValue).map { BoundedText.ofPeer($0) },
            setName: reply["setName"]?.stringValue.map { BoundedText.ofPeer($0) },
            me: reply["me"]?.stringValue.map { BoundedText.ofPeer($0) }, reply: bytes)
        role = ServerRole(reply)
        let lists = ["hosts", "passives", "arbiters"].lazy.compactMap { reply[$0]?.arrayValues }.joined()
        members = lists.prefix(BoundedText.peerEntries).compactMap(\.stringValue).map { BoundedText.ofPeer($0) }
        arbiters = (reply["arbiters"]?.arrayValues ?? []).prefix(BoundedText.peerEntries)
            .compactMap(\.stringValue).map { BoundedText.ofPeer($0) }
        isLoadBalanced = reply["serviceId"] != nil
        if case .datetime(let time)? = reply["localTime"] { localTimeMilliseconds = time.millisecondsSince1970 }
    }

    /// The reply to a speculative authentication, in the form of a command's reply; `nil` if the server did not answer
    /// it. Read again each time: most callers need it once or never.
    var speculativeReply: [UInt8]? {
        guard
            var inner = (try? CommandReply(reply, to: "hello"))?.document["speculativeAuthenticate"]?.documentValue
        else { return nil }
        if inner["ok"] == nil { inner.append("ok", 1.0) }
        return try? inner.encoded()
    }
}

/// A server's role in its deployment, derived from the reply to hello according to the server discovery and monitoring
/// specification. The set is open.
@nonexhaustive
public enum ServerRole: String, Sendable, Hashable {
    /// A server that is in no replica set.
    case standalone
    /// A router of a sharded cluster.
    case mongos
    /// The primary of a replica set.
    case primary
    /// A secondary of a replica set.
    case secondary
    /// A member that votes and has no data, and so no users: no client can authenticate to it.
    case arbiter
    /// A member that is starting, recovering or hidden.
    case other
    /// A member that has no configuration of its set yet.
    case ghost

    init(_ reply: BSONDocument) {
        func says(_ key: String) -> Bool { reply[key]?.boolValue ?? false }
        if reply["msg"]?.stringValue == "isdbgrid" {
            self = .mongos
        } else if reply["setName"] != nil {
            self =
                if says("hidden") { .other } else if says("isWritablePrimary") || says("ismaster") {
                    .primary
                } else if says("secondary") { .secondary } else if says("arbiterOnly") { .arbiter } else { .other }
        } else {
            self = says("isreplicaset") ? .ghost : .standalone
        }
    }
}

/// The first command on a connection.
public struct Hello: Sendable {
    /// The client, for the server's log: a driver and its version.
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
    /// Whether the client expects a load balancer. A server whose reply does not confirm that is then refused,
    /// according to the load balancer specification.
    public var isLoadBalanced: Bool

    /// The first command of an authentication, which the server may answer together with hello:
    /// ``PreparedAuthentication/speculativeCommand``.
    public var speculativeAuthenticate: [UInt8]?

    /// Creates the command.
    public init(
        driver: Driver = .own, applicationName: String? = nil,
        saslSupportedMechsFor: (database: String, username: String)? = nil, isLoadBalanced: Bool = false
    ) {
        self.driver = driver
        self.applicationName = applicationName
        self.saslSupportedMechsFor = saslSupportedMechsFor
        self.isLoadBalanced = isLoadBalanced
    }

    /// Sends the command; if the server does not know it, the older `isMaster`.
    ///
    /// - Throws: ``MongoAuthError`` for a refusal, a malformed reply, or a server that is not behind a load balancer
    ///   if one was requested; what the runner throws.
    public func run(
        over runner: some CommandRunner, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver? = nil
    ) async throws -> ServerDescription {
        observe?(.helloBegan)
        let server: ServerDescription
        do {
            server = try ServerDescription(reply: try await runner.run(command(named: "hello"), by: deadline))
        } catch let failure as CommandFailure where failure.isUnknownCommand {
            do {
                server = try ServerDescription(reply: try await runner.run(command(named: "isMaster"), by: deadline))
            } catch let failure as CommandFailure {
                throw Self.refused(failure)
            }
        } catch let failure as CommandFailure {
            throw Self.refused(failure)
        }
        try check(server)
        observe?(.helloEnded(server))
        return server
    }

    /// Checks the server's reply against the request. For drivers that send the command themselves.
    ///
    /// - Throws: ``MongoAuthError/Code/notLoadBalanced``.
    public func check(_ server: ServerDescription) throws(MongoAuthError) {
        guard !isLoadBalanced || server.isLoadBalanced else {
            throw MongoAuthError(
                .notLoadBalanced,
                "the connection string has loadBalanced=true, and the server is not behind a load balancer "
                    + "or does not support one: its reply to hello has no serviceId")
        }
    }

    /// The command as one BSON document.
    ///
    /// - Throws: ``MongoAuthError/Code/invalidCredential`` if a name cannot be encoded in BSON, or
    ///   ``speculativeAuthenticate`` is not BSON.
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
        if isLoadBalanced { command.append("loadBalanced", true) }
        if let (database, username) = saslSupportedMechsFor {
            command.append("saslSupportedMechs", .string("\(database).\(username)"))
        }
        if let bytes = speculativeAuthenticate {
            guard let inner = try? BSONDocument(decoding: bytes) else {
                throw MongoAuthError(.invalidCredential, "the speculative authentication is not one BSON document")
            }
            command.append("speculativeAuthenticate", .document(inner))
        }
        command.append("client", .document(client))
        command.append("$db", "admin")
        return try Command.encoded(command)
    }

    private static func refused(_ failure: CommandFailure) -> MongoAuthError {
        MongoAuthError(.helloRefused, "the server refused hello: \(failure)", underlying: failure)
    }
}

/// Commands as bytes.
enum Command {
    /// A command in its form within hello: `db` instead of `$db`; `nil` if it is not a document.
    static func withinHello(_ command: [UInt8]) throws(MongoAuthError) -> [UInt8]? {
        guard let document = try? BSONDocument(decoding: command) else { return nil }
        var inner = BSONDocument()
        for (key, value) in document { inner.append(key == "$db" ? "db" : key, value) }
        return try encoded(inner)
    }

    static func encoded(_ document: BSONDocument) throws(MongoAuthError) -> [UInt8] {
        do {
            return try document.encoded()
        } catch {
            throw MongoAuthError(.invalidCredential, "a command cannot be encoded: \(error.message)", underlying: error)
        }
    }
}

/// This client's name for servers and reports.
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
