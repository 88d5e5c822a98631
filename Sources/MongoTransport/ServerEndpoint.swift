/// Where a server listens.
public enum ServerEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host name or an address literal without brackets, and a TCP port.
    case host(String, port: UInt16)
    /// The path of a Unix domain socket.
    case unixSocket(path: String)

    /// `name:port`, with brackets around an IPv6 literal, or the path.
    public var description: String {
        switch self {
        case .host(let host, let port):
            host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixSocket(let path):
            path
        }
    }
}
