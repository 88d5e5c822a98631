public import MongoAuth
public import MongoTransport

/// A stretch of the way from a connection string to an authenticated connection, in the order in which they come.
public enum ConnectPhase: String, Sendable, Hashable, CaseIterable, Codable, CustomStringConvertible {
    /// The host's name is looked up.
    case dns
    /// Addresses are tried.
    case tcp
    /// The TLS handshake runs.
    case tls
    /// The server introduces itself.
    case hello
    /// The client's first token is made: credential and ticket.
    case kerberos
    /// The conversation runs.
    case sasl
    /// The server says who we are.
    case identity

    /// The phase's name.
    public var description: String { rawValue }
}

/// What happens on that way, for those who watch. The phase that began last, and did not end, is the one that failed.
///
/// ``ConnectPhase/tls`` can begin before its turn, while files are read, and once more after ``ConnectPhase/hello`` has
/// begun: with TLS 1.3 a server refuses the client's certificate only when the client's handshake is over.
///
/// Looking up names and trying addresses overlap; the instants tell what happened when, and events may come later.
public enum ConnectEvent: Sendable {
    /// A phase begins.
    case began(ConnectPhase, at: ContinuousClock.Instant)
    /// A phase has ended well; the text is what there is to know about it.
    case ended(ConnectPhase, at: ContinuousClock.Instant, detail: String)
    /// A phase does not apply.
    case skipped(ConnectPhase, reason: String)
    /// All attempts to connect, in the order in which they began; their times count from the beginning of the phase
    /// ``ConnectPhase/dns``.
    case attempted([ConnectReport.Attempt])
    /// Something doubtful that need not be wrong.
    case warning(String)
    /// Something that a report can tell.
    case learned(ConnectFact)
}

/// What is known once a part of the way is done.
public enum ConnectFact: Sendable {
    /// What the server said of itself; told at once, so that its clock can be compared.
    case server(ServerDescription)
    /// The Kerberos name that the server has to prove; told before a ticket is asked for.
    case service(ServicePrincipal)
    /// What the authentication came to.
    case authentication(AuthenticationDetails)
}
