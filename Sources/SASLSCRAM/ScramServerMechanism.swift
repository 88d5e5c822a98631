internal import Crypto
public import SASL

/// The mechanisms SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), server side, and their forms with channel
/// binding.
///
/// ```swift
/// let mechanism = ScramServerMechanism(.sha256) { user in database.keys(of: user) }
/// var session = try SaslServerSession(mechanism)
/// ```
///
/// An unknown user is indistinguishable from a wrong password: it gets its own salt, always the same, and is refused at
/// the proof, after the same work.
public struct ScramServerMechanism: SaslServerMechanism {
    /// The keys of a user; `nil` for an unknown one. It should take the same time in both cases.
    public typealias Lookup = @Sendable (_ username: String) throws(SaslError) -> ScramStoredKeys?

    /// The server's policy for channel binding (RFC 5802 section 6).
    @nonexhaustive
    public enum ChannelBinding: Sendable, Hashable {
        /// The connection has no bindings.
        case none
        /// This is the plain form, and the `-PLUS` form is offered too: a client that could bind but did not see that
        /// offer is refused, as someone has changed the list of mechanisms.
        case offered
        /// This is the `-PLUS` form: the client chooses one of these bindings of the connection.
        case required([SaslChannelBinding])
    }

    /// How to run the exchange.
    public struct Options: Sendable {
        /// What is done about channel binding.
        public var channelBinding = ChannelBinding.none
        /// How the user name is prepared before it is looked up.
        public var usernamePreparation = ScramMechanism.UsernamePreparation.saslPrep
        /// The iteration count for an unknown user; use that of most users.
        public var iterations = 15_000
        /// The scope of the users, for example a database: a name that is unknown in several scopes has a different
        /// salt in each, as known users do.
        public var realm = ""
        /// The length of an unknown user's salt, from 1 to 32 bytes; use that of most users.
        public var saltLength = 16
        /// The secret from which the salts of unknown users are derived; random by default. Several servers, and a
        /// server after a restart, should use the same secret, or a client can see which users exist.
        public var mockSecret = Secret(bytes: ScramStoredKeys.randomSalt())
        /// Makes the server's part of the nonce; replace it only in tests.
        public var makeNonce: @Sendable () -> String = ScramMechanism.randomNonce

        /// Creates the options of the RFCs.
        public init() {}
    }

    let hash: ScramMechanism.Hash
    let options: Options
    private let lookup: Lookup

    /// Creates the mechanism.
    ///
    /// - Parameters:
    ///   - hash: SCRAM-SHA-1 or SCRAM-SHA-256.
    ///   - options: Channel binding, and how names are prepared.
    ///   - lookup: Asked once for each authentication, with the name after its preparation.
    public init(_ hash: ScramMechanism.Hash, options: Options = Options(), lookup: @escaping Lookup) {
        self.hash = hash
        self.options = options
        self.lookup = lookup
    }

    /// `SCRAM-SHA-1` or `SCRAM-SHA-256`, with `-PLUS` where channel binding is required.
    public var name: SaslMechanismName {
        if case .required = options.channelBinding { return hash.name(isBound: true) }
        return hash.name(isBound: false)
    }

    /// The client speaks first, the server proves itself, and a look-up may take long.
    public var traits: SaslMechanismTraits { SaslMechanismTraits(authenticatesServer: true, mayBlock: true) }

    /// Begins an authentication.
    ///
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for a nonce or a length of salts that cannot be used.
    public func makeExchange() throws(SaslError) -> some SaslServerExchange {
        let nonce = options.makeNonce()
        guard !nonce.isEmpty, nonce.utf8.allSatisfy(ScramMessage.isNonceByte) else {
            throw SaslError(.invalidConfiguration, "a nonce is made of printable ASCII characters other than ','")
        }
        guard (1...32).contains(options.saltLength) else {
            throw SaslError(.invalidConfiguration, "the salt of an unknown user has from 1 to 32 bytes")
        }
        return ScramServerExchange(self, nonce: nonce)
    }

    /// The user's name as looked up, and its keys, or keys that no user has.
    func user(_ username: String) throws(SaslError) -> (name: String, keys: ScramStoredKeys, isKnown: Bool) {
        var name = username
        if options.usernamePreparation == .saslPrep {
            do throws(SaslPrep.Failure) {
                name = String(decoding: try SaslPrep.prepare(username.utf8), as: UTF8.self)
            } catch {
                return (username, mock(username), false)
            }
        }
        if let keys = try lookup(name) { return (name, keys, true) }
        return (name, mock(name), false)
    }

    private func mock(_ username: String) -> ScramStoredKeys {
        let key = options.mockSecret.withBytes { SymmetricKey(data: $0) }
        let salt = HMAC<SHA256>.authenticationCode(
            for: Array(hash.name(isBound: false).rawValue.utf8) + [0] + Array(options.realm.utf8) + [0]
                + Array(username.utf8),
            using: key
        ).prefix(options.saltLength)
        let none = Secret(bytes: [UInt8](repeating: 0, count: hash.byteCount))
        return ScramStoredKeys(salt: Array(salt), iterations: options.iterations, storedKey: none, serverKey: none)
    }
}
