internal import SaslBSON

/// The authenticated user of a connection, as the server reports it (command connectionStatus).
///
/// Each text is cut to 1 KiB, with control characters escaped; the roles to the first hundred.
public struct AuthenticatedIdentity: Sendable, Hashable {
    /// A role on a database.
    public struct Role: Sendable, Hashable, CustomStringConvertible {
        /// The role's name.
        public var role: String
        /// Where the role is defined, `admin` for those of the whole deployment.
        public var database: String

        /// Creates a role.
        public init(role: String, database: String) {
            self.role = role
            self.database = database
        }

        /// `role@database`
        public var description: String { "\(role)@\(database)" }
    }

    /// The user's name.
    public var user: String
    /// The user's database, `$external` for Kerberos; `nil` if the server does not name it, as some that are
    /// not MongoDB do.
    public var database: String?
    /// What the user may do.
    public var roles: [Role]
    /// How many more roles the server lists.
    public var moreRoles: Int

    /// Creates an identity.
    public init(user: String, database: String?, roles: [Role], moreRoles: Int = 0) {
        self.user = user
        self.database = database
        self.roles = roles
        self.moreRoles = moreRoles
    }

    /// Asks the server.
    ///
    /// - Throws: ``MongoAuthError`` for a refusal, a malformed reply, a server that does not report
    ///   the user (``MongoAuthError/Code/identityNotTold``), or a connection that is not authenticated; what the runner
    ///   throws.
    public static func ask(
        _ runner: some CommandRunner, by deadline: ContinuousClock.Instant,
        observe: AuthenticationObserver? = nil
    ) async throws -> AuthenticatedIdentity {
        observe?(.identityBegan)
        let reply = try await runner.run(Command.encoded(["connectionStatus": 1, "$db": "admin"]), by: deadline)
        let identity: AuthenticatedIdentity
        do {
            identity = try read(try CommandReply(reply, to: "connectionStatus").get())
        } catch let failure as CommandFailure where failure.isUnknownCommand {
            throw MongoAuthError(
                .identityNotTold, "the server does not know connectionStatus: \(failure)", underlying: failure)
        } catch let failure as CommandFailure {
            throw MongoAuthError(.refused, "the server refused connectionStatus: \(failure)", underlying: failure)
        }
        observe?(.identityEnded(identity))
        return identity
    }

    private static func read(_ reply: BSONDocument) throws -> AuthenticatedIdentity {
        guard let info = reply["authInfo"]?.documentValue, let users = info["authenticatedUsers"]?.arrayValues else {
            throw MongoAuthError(.identityNotTold, "the reply to connectionStatus has no list of authenticated users")
        }
        guard let first = users.first else {
            throw MongoAuthError(
                .serverNotProven, "the server said that the authentication succeeded, but lists no authenticated user")
        }
        guard let user = first.documentValue?["user"]?.stringValue else {
            throw MongoAuthError(.identityNotTold, "the reply to connectionStatus lists a user without a name")
        }
        let database = first.documentValue?["db"]?.stringValue
        let roles = info["authenticatedUserRoles"]?.arrayValues ?? []
        return AuthenticatedIdentity(
            user: BoundedText.ofPeer(user), database: database.map { BoundedText.ofPeer($0) },
            roles: roles.prefix(BoundedText.peerEntries).compactMap { value in
                guard let role = value.documentValue?["role"]?.stringValue,
                    let database = value.documentValue?["db"]?.stringValue
                else { return nil }
                return Role(role: BoundedText.ofPeer(role), database: BoundedText.ofPeer(database))
            }, moreRoles: max(0, roles.count - BoundedText.peerEntries))
    }
}
