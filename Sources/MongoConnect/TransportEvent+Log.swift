internal import Logging
internal import MongoTransport

extension TransportEvent {
    /// Writes the events that a log has.
    func log(to logger: Logger, _ endpoint: ServerEndpoint) {
        switch self {
        case .attemptBegan(_, let address, _):
            logger.trace(
                "connecting", metadata: ["server.address": "\(endpoint)", "network.peer.address": "\(address)"])
        case .attemptEnded(_, .failed(let reason)):
            logger.debug("connect failed", metadata: ["server.address": "\(endpoint)", "error": "\(reason)"])
        case .attemptEnded(_, .connected):
            logger.debug("connected", metadata: ["server.address": "\(endpoint)"])
        case .proxyConnected(let proxy, _):
            logger.debug(
                "connected through a proxy", metadata: ["server.address": "\(endpoint)", "proxy.address": "\(proxy)"])
        case .tlsEnded(let report):
            logger.debug("encrypted", metadata: ["server.address": "\(endpoint)", "tls": "\(report)"])
        default: break
        }
    }
}
