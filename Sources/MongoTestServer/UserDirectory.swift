internal import SASL
internal import SASLSCRAM
internal import SecretMemory

/// The users. Names are compared byte by byte: canonically equivalent names are different users.
struct UserDirectory: Sendable {
    private struct Name: Hashable {
        var database: [UInt8]
        var user: [UInt8]

        init(_ user: String, on database: String) {
            (self.database, self.user) = (Array(database.utf8), Array(user.utf8))
        }
    }

    private struct Entry {
        var user: MongoTestServer.User
        var keys: [ScramMechanism.Hash: ScramStoredKeys] = [:]
    }

    /// Where the salts of unknown users come from.
    let mockSecret = Secret(bytes: ScramStoredKeys.randomSalt())
    private var entries: [Name: Entry] = [:]
    private let mechanisms: [String]

    /// Derives the keys of passwords, which takes time.
    ///
    /// - Parameter mechanisms: What the server offers.
    /// - Throws: ``MongoTestServerError`` for users without any usable mechanism, and duplicate ones.
    init(_ users: [MongoTestServer.User], mechanisms: [String]) throws(MongoTestServerError) {
        self.mechanisms = mechanisms
        for user in users {
            let place = Name(user.name, on: user.database)
            guard entries[place] == nil else {
                throw MongoTestServerError(
                    .invalidConfiguration, "there are two users \(user.name) of \(user.database)")
            }
            var entry = Entry(user: user)
            if user.database != "$external" {
                guard let password = user.password else {
                    throw MongoTestServerError(
                        .invalidConfiguration, "the user \(user.name) of \(user.database) needs a password")
                }
                for hash in ScramMechanism.Hash.allCases where Self.may(user, Self.name(of: hash), mechanisms) {
                    entry.keys[hash] = try Self.keys(hash, user.name, password)
                }
            }
            entries[place] = entry
        }
    }

    private static func keys(
        _ hash: ScramMechanism.Hash, _ user: String, _ password: Secret
    ) throws(MongoTestServerError) -> ScramStoredKeys {
        do throws(SaslError) {
            return try ScramStoredKeys(
                hash, username: user, password: password,
                preparation: hash == .sha1 ? .mongoDBDigest : .saslPrep,
                salt: ScramStoredKeys.randomSalt(count: saltLength(hash)), iterations: iterations(hash))
        } catch {
            throw MongoTestServerError(
                .invalidConfiguration, "the password of \(user) cannot be used", underlying: error)
        }
    }

    func user(_ name: String, on database: String) -> MongoTestServer.User? {
        entries[Name(name, on: database)]?.user
    }

    /// The keys of a user; `nil` for an unknown one.
    ///
    /// - Throws: For a user who has keys of another hash only. Real servers fail there, too, and clients with
    ///   speculative authentication rely on that.
    func keys(
        of user: String, on database: String, _ hash: ScramMechanism.Hash
    ) throws(SaslError) -> ScramStoredKeys? {
        guard let entry = entries[Name(user, on: database)] else { return nil }
        guard let keys = entry.keys[hash] else {
            throw SaslError(.credentialsRejected, "the user has no keys of \(Self.name(of: hash))")
        }
        return keys
    }

    /// Whether a mechanism can be started on a database, by any client.
    func offers(_ mechanism: String, on database: String) -> Bool {
        mechanisms.contains(mechanism) && Self.isExternal(mechanism) == (database == "$external")
    }

    /// What a user can authenticate with, in the order in which the server names its mechanisms; `nil` for an unknown
    /// user.
    func mechanisms(of name: String, on database: String) -> [String]? {
        guard let user = user(name, on: database) else { return nil }
        return mechanisms.filter { Self.may(user, $0, mechanisms) }
    }

    private static func may(_ user: MongoTestServer.User, _ mechanism: String, _ offered: [String]) -> Bool {
        guard offered.contains(mechanism), isExternal(mechanism) == (user.database == "$external") else { return false }
        // A password is for LDAP there; users without one have a ticket or a certificate.
        guard user.database != "$external" || (mechanism == "PLAIN") == (user.password != nil) else { return false }
        return user.mechanisms?.contains(mechanism) ?? true
    }

    private static func isExternal(_ mechanism: String) -> Bool { !mechanism.utf8.starts(with: "SCRAM-".utf8) }

    private static func name(of hash: ScramMechanism.Hash) -> String { hash == .sha1 ? "SCRAM-SHA-1" : "SCRAM-SHA-256" }

    /// Those of MongoDB's `scramIterationCount` and `scramSHA256IterationCount`.
    static func iterations(_ hash: ScramMechanism.Hash) -> Int { hash == .sha1 ? 10_000 : 15_000 }

    static func saltLength(_ hash: ScramMechanism.Hash) -> Int { hash == .sha1 ? 16 : 28 }
}
