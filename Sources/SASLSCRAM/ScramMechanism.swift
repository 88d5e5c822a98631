public import SASL

/// The mechanisms SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), client side, and their forms with channel
/// binding (`-PLUS`).
///
/// The server never sees the password, and proves that it knows it too: the exchange is complete only when the server's
/// signature has been verified.
///
/// ```swift
/// let mechanism = ScramMechanism(.sha256, username: "ann", password: Secret("…"))
/// var session = try SaslSession(mechanism)
/// ```
///
/// For MongoDB use ``mongoDB(_:username:password:keyCache:)``, whose servers deviate from the RFC.
public struct ScramMechanism: SaslMechanism {
    /// The hash function.
    @nonexhaustive
    public enum Hash: Sendable, Hashable, CaseIterable {
        /// RFC 5802: for servers that have nothing newer.
        case sha1
        /// RFC 7677: the one to prefer.
        case sha256
    }

    /// How a user name is prepared before it is sent.
    @nonexhaustive
    public enum UsernamePreparation: Sendable, Hashable {
        /// SASLprep (RFC 4013), as RFC 5802 section 5.1 asks for.
        case saslPrep
        /// Unchanged, which is MongoDB's rule.
        case unchanged
    }

    /// How a password is prepared before keys are derived from it.
    @nonexhaustive
    public enum PasswordPreparation: Sendable, Hashable {
        /// SASLprep (RFC 4013), as RFC 5802 section 2.2 asks for.
        case saslPrep
        /// The text goes over the wire byte for byte.
        case unchanged
        /// MongoDB's rule for SCRAM-SHA-1: the hexadecimal MD5 of `username:mongo:password`, none of it prepared.
        case mongoDBDigest
    }

    /// The client's channel-binding flag (RFC 5802 section 6).
    @nonexhaustive
    public enum ChannelBinding: Sendable, Hashable {
        /// The client does not support it.
        case none
        /// The client could bind, and the server does not offer the `-PLUS` form. If someone has removed it from the
        /// server's list, the server detects that and refuses.
        case notOffered
        /// The `-PLUS` form, bound to this connection.
        case bound(SaslChannelBinding)
    }

    /// How to run the exchange.
    public struct Options: Sendable {
        /// The authorization identity; empty, the default, means the user who authenticates.
        public var authorizationIdentity = ""
        /// Binds the authentication to the TLS connection; selects the mechanism or its `-PLUS` form.
        public var channelBinding = ChannelBinding.none
        /// How the user name is prepared.
        public var usernamePreparation = UsernamePreparation.saslPrep
        /// How the password is prepared.
        public var passwordPreparation = PasswordPreparation.saslPrep
        /// The iteration counts to accept from a server, within 1 to 2^31 - 1. A low count makes it easy to guess
        /// the password from a recorded exchange, so RFC 7677 section 4 and MongoDB require at least 4096; a high
        /// count lets an unproven server use up this client's time. Servers use 4,096 (PostgreSQL, Kafka), 10,000 and
        /// 15,000 (MongoDB); 600,000 is the current recommendation for passwords in a database, and takes some tenths
        /// of a second.
        public var iterations = 4096...600_000
        /// Keeps the derived keys for later exchanges; `nil` derives them each time.
        public var keyCache: ScramKeyCache?
        /// Makes the client's nonce: printable ASCII without commas, never the same twice. The default is 24 bytes of
        /// the system's random numbers. Replace it only in tests.
        public var makeNonce: @Sendable () -> String = ScramMechanism.randomNonce

        /// Creates the options of the RFCs.
        public init() {}
    }

    private let hash: Hash
    private let username: String
    private let password: Secret
    private let options: Options

    /// Creates the mechanism.
    ///
    /// - Parameters:
    ///   - hash: Which of the two mechanisms.
    ///   - username: Who authenticates. Must not be empty.
    ///   - password: The password, as UTF-8. Must not be empty.
    ///   - options: How to run the exchange; ``makeExchange()`` checks them.
    public init(_ hash: Hash, username: String, password: Secret, options: Options = Options()) {
        self.hash = hash
        self.username = username
        self.password = password
        self.options = options
    }

    /// The mechanism according to MongoDB's driver authentication specification: the user name is not prepared;
    /// SCRAM-SHA-1 takes ``PasswordPreparation/mongoDBDigest``, SCRAM-SHA-256 takes SASLprep.
    ///
    /// - Parameters:
    ///   - hash: SCRAM-SHA-1 or SCRAM-SHA-256.
    ///   - username: The name as the server has it.
    ///   - password: Its bytes, UTF-8, before any preparation.
    ///   - keyCache: Keeps the derived keys, as that specification requires.
    public static func mongoDB(
        _ hash: Hash, username: String, password: Secret, keyCache: ScramKeyCache? = nil
    ) -> ScramMechanism {
        var options = Options()
        options.keyCache = keyCache
        options.usernamePreparation = .unchanged
        options.passwordPreparation = hash == .sha1 ? .mongoDBDigest : .saslPrep
        return ScramMechanism(hash, username: username, password: password, options: options)
    }

    /// `SCRAM-SHA-1` or `SCRAM-SHA-256`, with `-PLUS` where the exchange is bound to the connection.
    public var name: SaslMechanismName {
        if case .bound = options.channelBinding { return hash.name(isBound: true) }
        return hash.name(isBound: false)
    }

    /// The client speaks first, and the server proves itself. The key derivation takes some milliseconds or more,
    /// depending on the server's iteration count, so a step may block.
    public var traits: SaslMechanismTraits { SaslMechanismTraits(authenticatesServer: true, mayBlock: true) }

    /// Whether a server's message requires so much work that other clients should not wait for it. The message is only
    /// scanned: a long one counts as costly.
    package static func isCostly(_ challenge: [UInt8]) -> Bool {
        guard challenge.count <= 4096 else { return true }
        let count = challenge.split(separator: UInt8(ascii: ",")).first { $0.starts(with: "i=".utf8) }?.dropFirst(2)
        guard let count, count.count <= 5 else { return count != nil }
        return Int(String(decoding: count, as: UTF8.self)) ?? 0 > 50_000
    }

    /// Begins an authentication.
    ///
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for an empty user name or password, for one that
    ///   SASLprep prohibits, and for a NUL, a nonce or iteration limits that cannot be used.
    public func makeExchange() throws(SaslError) -> some SaslExchange {
        guard options.iterations.lowerBound > 0, options.iterations.upperBound <= Int32.max else {
            throw SaslError(.invalidConfiguration, "\(name) takes from 1 to \(Int32.max) iterations")
        }
        let nonce = options.makeNonce()
        guard !nonce.isEmpty, nonce.utf8.allSatisfy(ScramMessage.isNonceByte) else {
            throw SaslError(.invalidConfiguration, "a nonce is made of printable ASCII characters other than ','")
        }
        let client = ScramClient(
            username: try preparedUsername(), authorizationIdentity: try preparedIdentity(), nonce: nonce,
            channelBinding: options.channelBinding)
        return ScramExchange(
            name: name, hash: hash, client: client, password: try preparedPassword(), iterations: options.iterations,
            cache: options.keyCache)
    }

    private func preparedUsername() throws(SaslError) -> String {
        let prepared =
            switch options.usernamePreparation {
            case .unchanged: username
            case .saslPrep: try saslPrep(username, "user name")
            }
        guard !prepared.isEmpty, !prepared.utf8.contains(0) else {
            throw SaslError(.invalidConfiguration, "\(name) needs a user name, which must not have a NUL character")
        }
        return prepared
    }

    private func preparedIdentity() throws(SaslError) -> String {
        guard !options.authorizationIdentity.utf8.contains(0) else {
            throw SaslError(.invalidConfiguration, "the authorization identity has a NUL character")
        }
        return options.authorizationIdentity
    }

    private func preparedPassword() throws(SaslError) -> Secret {
        guard password.count > 0 else { throw SaslError(.invalidConfiguration, "\(name) needs a password") }
        return try options.passwordPreparation.prepared(password, of: username)
    }

    private func saslPrep(_ text: String, _ what: String) throws(SaslError) -> String {
        do throws(SaslPrep.Failure) {
            return String(decoding: try SaslPrep.prepare(text.utf8), as: UTF8.self)
        } catch {
            throw SaslError(.invalidConfiguration, "the \(what) \(error.reason)")
        }
    }

    static let randomNonce: @Sendable () -> String = {
        var generator = SystemRandomNumberGenerator()
        return SaslBase64.encode((0..<24).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }
}

extension ScramMechanism.Hash {
    func name(isBound: Bool) -> SaslMechanismName {
        switch self {
        case .sha1: isBound ? .scramSHA1Plus : .scramSHA1
        case .sha256: isBound ? .scramSHA256Plus : .scramSHA256
        }
    }
}

extension ScramMechanism.PasswordPreparation {
    /// - Throws: ``/SASL/SaslError/Code/invalidConfiguration`` for a password that SASLprep prohibits.
    func prepared(_ password: Secret, of username: String) throws(SaslError) -> Secret {
        switch self {
        case .unchanged: return password
        case .mongoDBDigest: return ScramKeys.mongoDBDigest(username: username, password: password)
        case .saslPrep:
            do throws(SaslPrep.Failure) {
                var bytes = try password.withBytes { buffer throws(SaslPrep.Failure) in try SaslPrep.prepare(buffer) }
                defer { wipe(&bytes) }
                guard !bytes.isEmpty else { throw SaslPrep.Failure.empty }
                return Secret(bytes: bytes)
            } catch {
                throw SaslError(.invalidConfiguration, "the password \(error.reason)")
            }
        }
    }
}
