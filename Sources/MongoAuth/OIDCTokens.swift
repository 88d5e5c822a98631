internal import BlockingWork
public import SASL
internal import SaslBSON

/// The source and the cache of MONGODB-OIDC's access tokens: one for each identity, kept by the creator of the
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
    /// How tokens are obtained.
    @nonexhaustive
    public enum Flow: Sendable, Hashable {
        /// A workload gets its token from its platform.
        case machine
        /// A person logs in at the identity provider that the server names. Only for hosts in this list, as a server
        /// could name any provider: exact names, or `*.` before a domain.
        case human(allowedHosts: [String] = OIDCTokens.defaultAllowedHosts)
    }

    /// The server's description of its identity provider; only for people. It is a claim that only TLS authenticates.
    public struct IdentityProvider: Sendable, Hashable {
        /// The URL of the issuer; the provider's metadata is under it (OpenID Connect Discovery).
        public var issuer: String
        /// The client's identifier at the provider; `nil` if the server names none.
        public var clientID: String?
        /// The scopes that a request for a token needs, as the server announces them; empty if it names none.
        public var requestScopes: [String]

        /// Describes a provider.
        public init(issuer: String, clientID: String? = nil, requestScopes: [String] = []) {
            self.issuer = issuer
            self.clientID = clientID
            self.requestScopes = requestScopes
        }
    }

    /// The request to the callback.
    public struct Request: Sendable {
        /// The version of this interface, 1.
        public let version = 1
        /// The user's name; empty if the connection string has none.
        public var username: String
        /// The deadline of the first caller. The callback's task is cancelled when no caller waits any more.
        public var deadline: ContinuousClock.Instant
        /// Where to log in; `nil` for machines.
        public var identityProvider: IdentityProvider?
        /// The refresh token, which replaces another login; `nil` if there is none.
        public var refreshToken: Secret?
    }

    /// The callback's result.
    public struct Token: Sendable {
        /// The token for the server, a JWT. Anyone who has it can act as the user.
        public var accessToken: Secret
        /// How long it is valid; `nil` and zero mean until a server refuses it (auth.md).
        public var expiresIn: Duration?
        /// The refresh token for the next one.
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

    /// A call that is under way.
    private struct Login {
        let number: Int
        let provider: IdentityProvider?
        var task: Task<Void, Never>?
        /// No caller waits any more, so it is cancelled, and no caller joins it.
        var isAbandoned = false
        var waiters: [Int: OneShot<Numbered>] = [:]
    }

    /// An access token with its number.
    struct Numbered: Sendable {
        var secret: Secret
        var number: Int
    }

    private struct State {
        var username: String?
        var accessToken: Numbered?
        var end: ContinuousClock.Instant?
        var refreshToken: Secret?
        var identityProvider: IdentityProvider?
        var login: Login?
        var numbers = 0

        mutating func number() -> Int {
            numbers += 1
            return numbers
        }
    }

    let flow: Flow
    private let callback: Callback
    private let state = Locked(State())

    /// Creates a source without tokens. Nothing is called.
    public init(_ flow: Flow, callback: @escaping Callback) {
        self.flow = flow
        self.callback = callback
    }

    /// Drops the access token: the next connection gets another one.
    public func invalidate() {
        state.withLock { $0.accessToken = nil }
    }

    /// Drops the access token of a connection that the server requires to reauthenticate (error 391). A newer token
    /// stays: many connections with the same token get this error, and the first of them gets the next token for all.
    ///
    /// - Parameter details: The details of the connection's authentication.
    public func invalidate(after details: AuthenticationDetails) {
        state.withLock { if $0.accessToken?.number == details.tokenNumber { $0.accessToken = nil } }
    }

    /// The latest token, if it is still valid.
    var current: Numbered? {
        state.withLock { state in
            // A token that expires on the way to the server is useless.
            if let end = state.end, end < .now + .seconds(10) { state.accessToken = nil }
            return state.accessToken
        }
    }

    /// The provider, if a token can be obtained without another login.
    var refreshable: IdentityProvider? {
        state.withLock { $0.refreshToken == nil ? nil : $0.identityProvider }
    }

    /// Drops a token that a server refused, if it was not replaced yet.
    func drop(_ refused: Numbered) {
        state.withLock { if $0.accessToken?.number == refused.number { $0.accessToken = nil } }
    }

    /// Drops the refresh token.
    func dropRefreshToken() {
        state.withLock { $0.refreshToken = nil }
    }

    /// Calls for a token, or waits for a call that is under way. One call at a time: a call for another provider, or
    /// after a cancelled one, starts when that has ended.
    ///
    /// - Parameter refreshes: Whether the refresh token is used, instead of a login.
    func token(
        username: String, from provider: IdentityProvider?, refreshes: Bool = false,
        by deadline: ContinuousClock.Instant
    ) async throws -> Numbered {
        while true {
            let answer = OneShot<Numbered>()
            let (number, isOther) = state.withLock { state in
                let number = state.number()
                if state.login == nil {
                    let request = Request(
                        username: username, deadline: deadline, identityProvider: provider,
                        refreshToken: refreshes ? state.refreshToken : nil)
                    let callback = callback
                    var login = Login(number: number, provider: provider)
                    login.task = Task {
                        let result: Result<Token, any Error>
                        do { result = .success(try await callback(request)) } catch { result = .failure(error) }
                        self.ended(number, result)
                    }
                    state.login = login
                }
                state.login?.waiters[number] = answer
                let login = state.login
                return (number, login?.isAbandoned == true || login?.provider != provider)
            }
            let token: Numbered
            do {
                token = try await answer.value(
                    by: deadline, waitingFor: { "the callback for MONGODB-OIDC" }, giveUp: { self.leave(number) })
            } catch is CancellationError where Task.isCancelled {
                throw CancellationError()
            } catch let error as BlockingWorkError {
                throw MongoAuthError.translated(error)
            } catch {
                guard !isOther else { continue }
                // The callback's error may hold a token, so its text is not used.
                throw MongoAuthError(
                    .oidcCallback, "the callback for MONGODB-OIDC gave no token (\(type(of: error)))", underlying: error
                )
            }
            guard isOther else { return token }
        }
    }

    /// The last waiting caller cancels the call. It is removed only when it has ended: two calls must not run
    /// concurrently.
    private func leave(_ number: Int) {
        let task = state.withLock { state in
            guard state.login?.waiters.removeValue(forKey: number) != nil, state.login?.waiters.isEmpty == true else {
                return Task<Void, Never>?.none
            }
            state.login?.isAbandoned = true
            return state.login?.task
        }
        task?.cancel()
    }

    private func ended(_ number: Int, _ given: Result<Token, any Error>) {
        struct NegativeDuration: Error {}
        let result = given.flatMap { token in
            token.expiresIn.map { $0 < .zero } ?? false ? .failure(NegativeDuration()) : .success(token)
        }
        let waiters = state.withLock { state -> [OneShot<Numbered>] in
            guard let login = state.login, login.number == number else { return [] }
            state.login = nil
            if case .success(let token) = result {
                state.accessToken = Numbered(secret: token.accessToken, number: number)
                state.end = token.expiresIn.flatMap { $0 == .zero ? nil : .now + $0 }
                if let refreshToken = token.refreshToken { state.refreshToken = refreshToken }
                state.identityProvider = login.provider
            }
            return Array(login.waiters.values)
        }
        let numbered = result.map { Numbered(secret: $0.accessToken, number: number) }
        for waiter in waiters { waiter.resolve(numbered) }
    }

    /// - Throws: ``MongoAuthError/Code/invalidCredential`` for a user other than the first one: a token belongs to one
    ///   user.
    func check(username: String) throws(MongoAuthError) {
        let isSame = state.withLock { state in
            if state.username == nil { state.username = username }
            return state.username.map { $0.utf8.elementsEqual(username.utf8) } ?? true
        }
        guard isSame else {
            throw MongoAuthError(.invalidCredential, "these tokens of MONGODB-OIDC are another user's")
        }
    }

    /// - Throws: ``MongoAuthError/Code/invalidCredential`` for a host that is not allowed for a person's token.
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
