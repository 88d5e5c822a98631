/// The result of one step of a SASL exchange.
enum SaslOutcome: Sendable, Hashable {
    /// The client must answer this challenge.
    case challenge([UInt8])
    /// The exchange succeeded, for this user; `data` goes along with success.
    case authenticated(user: String, data: [UInt8] = [])
    /// The exchange failed, for a reason that the client must not learn.
    case failed(reason: String)
}

/// A client's request for an exchange.
struct SaslRequest: Sendable, Hashable {
    var mechanism: String
    /// The client's database.
    var database: String
    var token: [UInt8]
    /// Whether the last message of the mechanism may come along with success (`options.skipEmptyExchange`).
    var skipsEmptyExchange = false
}

/// The server side of SASL: Cyrus' library, or this package's.
///
/// Both calls may read files and take milliseconds: make them on a thread that may block.
protocol ServerSasl: Sendable {
    func begin(_ request: SaslRequest) -> any ServerExchange
}

/// One SASL exchange of a server, which takes one call at a time.
protocol ServerExchange: Sendable {
    /// Processes the client's token, and returns the result.
    func step(_ token: [UInt8]) -> SaslOutcome
}
