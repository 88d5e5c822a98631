internal import BlockingWork
public import SASL
internal import SaslBSON

/// Where the access tokens of MONGODB-OIDC come from, and those that are in use: one for each identity, kept by whoever makes
/// connections (auth.md, "MONGODB-OIDC").
///
/// ```swift
/// let tokens = OIDCTokens(.machine) { request in
///     OIDCTokens.Token(accessToken: Secret(try await readToken()), expiresIn: .seconds(3600))
/// }
/// let credential = MongoCredential(username: "", method: .oidc(tokens))
/// ```
///
/// The callback runs once at a time: all connections that need a token wait for the same one.
public final class OIDCTokens: Sendable {
    /// How tokens are come by.
    @nonexhaustive
    public enum Flow: Sendable, Hashable {
        /// A workload has its token from its platform.
        case machine
        /// A person logs in at the identity provider that the server names. Only hosts of this list are asked for one, as a
        /// server could name any: exact names, or `*.` before a domain.
        case human(allowedHosts: [String] = OIDCTokens.defaultAllowedHosts)
    }

    /// What the server says of its identity provider; for people only. Its word, proven by nothing but TLS.
    public struct IdentityProvider: Sendable, Hashable {
        /// The URL of the issuer; the provider's metadata is beneath it (OpenID Connect Discovery).
        public var issuer: String
        /// The client's identifier at the provider; `nil` where the server names none.
        public var clientID: String?
        /// What to ask for.
        public var requestScopes: [String]

        /// Describes a provider.
        public init(issuer: String, clientID: String? = nil, requestScopes: [String] = []) {
            self.issuer = issuer
            self.clientID = clientID
            self.requestScopes = requestScopes
        }
    }

    /// What the callback is told.
    public struct Request: Sendable {
        /// The version of this interface, 1.
        public let version = 1
        /// The user's name; empty where the connection string has none.
        public var username: String
        /// When the answer is of no more use. The callback's task is cancelled then.
        public var deadline: ContinuousClock.Instant
        /// Where to log in; `nil` for machines.
        public var identityProvider: IdentityProvider?
        /// What the provider takes in place of another login; `nil` where there is none.
        public var refreshToken: Secret?
    }

    /// What the callback gives.
    public struct Token: Sendable {
        /// The token for the server, a JWT. Whoever has it is the user.
        public var accessToken: Secret
        /// How long it is good; `nil` is until a server refuses it.
        public var expiresIn: Duration?
        /// What to get the next one with.
        public var refreshToken: Secret?

        /// Gives a token.
        public init(accessToken: Secret, expiresIn: Duration? = nil, refreshToken: Secret? = nil) {
            self.accessToken = accessToken
            self.expiresIn = expiresIn
            self.refreshToken = refreshToken
        }
    }

    /// Gets a token, from a file or a login page. May take long.
    public typealias Callback = @Sendable (Request) async throws -> Token

    /// Those of the specification.
    public static let defaultAllowedHosts = [
        "*.mongodb.net", "*.mongodb-qa.net", "*.mongodb-dev.net", "*.mongodbgov.net", "localhost", "127.0.0.1", "::1",
    ]

    private struct State {
        var accessToken: Secret?
        var end: ContinuousClock.Instant?
        var refreshToken: Secret?
        var identityProvider: IdentityProvider?
        var login: (number: Int, task: Task<Token, any Error>)?
        var logins = 0
    }

    let flow: Flow
    private let callback: Callback
    private let state = Locked(State())

    /// Creates a source without tokens. Nothing is called.
    public init(_ flow: Flow, callback: @escaping Callback) {
        self.flow = flow
        self.callback = callback
    }

    /// The token that was given last, if it is still good.
    var current: Secret? {
        state.withLock { state in
            // A token that ends on the way to the server is of no use.
            if let end = state.end, end < .now + .seconds(10) { state.accessToken = nil }
            return state.accessToken
        }
    }

    /// What is known of the provider, where a token can be had without another login.
    var refreshable: IdentityProvider? {
        state.withLock { $0.refreshToken == nil ? nil : $0.identityProvider }
    }

    /// Lets go of a token that a server has refused, if nobody has replaced it yet.
    func drop(_ refused: Secret) {
        state.withLock { if $0.accessToken == refused { $0.accessToken = nil } }
    }

    /// Lets go of what would spare a person the login.
    func dropRefreshToken() {
        state.withLock { $0.refreshToken = nil }
    }

    /// Calls for a token, or waits for who does so already.
    func token(
        username: String, from provider: IdentityProvider?, by deadline: ContinuousClock.Instant
    ) async throws -> Secret {
        let (number, task) = state.withLock { state in
            if let login = state.login { return login }
            state.logins += 1
            let request = Request(
                username: username, deadline: deadline, identityProvider: provider, refreshToken: state.refreshToken)
            let callback = callback
            let login = (number: state.logins, task: Task { try await callback(request) })
            state.login = login
            return login
        }
        // The call is everybody's: who gives up does not end it.
        let answer = OneShot<Token>()
        Task { answer.resolve(await task.result) }
        do {
            let token = try await answer.value(
                by: deadline, waitingFor: { "the callback for MONGODB-OIDC" },
                giveUp: { if deadline <= .now { task.cancel() } })
            ended(number, token, from: provider)
            return token.accessToken
        } catch {
            // Somebody's own cancellation is not the login's end.
            guard !Task.isCancelled else { throw CancellationError() }
            ended(number, nil, from: provider)
            if error is BlockingWorkError { throw MongoAuthError.translated(error) }
            throw MongoAuthError(
                .oidcCallback, "the callback for MONGODB-OIDC gave no token: \(error)", underlying: error)
        }
    }

    private func ended(_ number: Int, _ token: Token?, from provider: IdentityProvider?) {
        state.withLock { state in
            guard state.login?.number == number else { return }
            state.login = nil
            guard let token else { return }
            state.accessToken = token.accessToken
            state.end = token.expiresIn.map { .now + $0 }
            if let refreshToken = token.refreshToken { state.refreshToken = refreshToken }
            state.identityProvider = provider
        }
    }

    /// - Throws: ``MongoAuthError/Code/invalidCredential`` for a host that no person's token is for.
    func check(_ host: String) throws(MongoAuthError) {
        guard case .human(let allowed) = flow else { return }
        let name = Self.lowercased(host)
        let isAllowed = allowed.contains { pattern in
            let pattern = Self.lowercased(pattern)
            guard pattern.starts(with: "*.".utf8) else { return pattern == name }
            return name.count >= pattern.count && name.reversed().starts(with: pattern.dropFirst().reversed())
        }
        guard isAllowed else {
            throw MongoAuthError(
                .invalidCredential,
                "\(BoundedText.ofPeer(host)) is none of the hosts that a person may log in for (allowedHosts)")
        }
    }

    private static func lowercased(_ host: String) -> [UInt8] {
        host.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }
}
