public import NameResolution

/// An event of a connect, reported when it happens.
///
/// Events of one connect come one after another, most of them on its event loop: the receiver must be
/// quick. A failure is not an event but thrown, after the last event.
@nonexhaustive
public enum TransportEvent: Sendable {
    /// A name is looked up, in one family or in both at once (`nil`). An address literal needs no request.
    case lookUpBegan(host: String, family: IPAddress.Family?)
    /// The look-up's addresses came, in the resolver's order. There may be none.
    case lookedUp(host: String, family: IPAddress.Family?, addresses: [IPAddress])
    /// The look-up failed. A look-up that is overtaken by the connection has no end event.
    case lookUpFailed(host: String, family: IPAddress.Family?, error: any Error)
    /// A connect to one address begins; the first one has number 0. The address is a path and has no family for a Unix
    /// domain socket.
    case attemptBegan(number: Int, address: String, family: IPAddress.Family?)
    /// The connect with this number ended.
    case attemptEnded(number: Int, outcome: AttemptOutcome)
    /// The proxy, which is connected, is asked to connect to the server.
    case proxyAsked(proxy: ServerEndpoint, server: ServerEndpoint)
    /// From here on bytes go through the proxy unchanged.
    case proxyConnected(proxy: ServerEndpoint, server: ServerEndpoint)
    /// The TLS handshake begins, on the attempt that connected.
    case tlsBegan
    /// The TLS handshake is complete.
    case tlsEnded(TLSReport)

    /// How an attempt ended.
    @nonexhaustive
    public enum AttemptOutcome: Sendable, Hashable {
        /// This is the connection in use.
        case connected
        /// The system's reason for the failure.
        case failed(String)
        /// Another attempt was first, the deadline passed, or the caller was cancelled.
        case cancelled
    }
}
