internal import NameResolution
internal import SecretMemory

/// The client's side of the negotiation of a SOCKS5 tunnel: bytes in, bytes out (RFC 1928, and RFC 1929 for the
/// password).
///
/// SwiftNIO's own handler has no password, which the connection string has options for.
struct SOCKS5Client {
    /// What to do next.
    enum Action: Equatable {
        case wait
        case send([UInt8])
        /// The tunnel is open; these bytes came through it already.
        case open([UInt8])
    }

    /// Why there is no tunnel.
    struct Failure: Error, Equatable {
        let kind: ProxyFailure
        /// To follow the proxy's name: "does not …".
        let message: String
    }

    private enum State {
        case method
        case verdict
        case reply
        case over
    }

    private let target: (host: String, port: UInt16)
    private let credential: SOCKS5Proxy.Credential?
    private var state = State.method
    private var received: [UInt8] = []

    init(to host: String, port: UInt16, as credential: SOCKS5Proxy.Credential?) {
        target = (host, port)
        self.credential = credential
    }

    /// The methods that this client supports: none, and a password if it has one.
    var greeting: [UInt8] { credential == nil ? [5, 1, 0] : [5, 2, 0, 2] }

    mutating func receive(_ bytes: some Sequence<UInt8>) throws(Failure) -> Action {
        received += bytes
        switch state {
        case .method: return try readMethod()
        case .verdict: return try readVerdict()
        case .reply: return try readReply()
        case .over: return .wait
        }
    }

    private mutating func readMethod() throws(Failure) -> Action {
        if let version = received.first, version != 5 { throw foreign }
        guard let answer = take(2) else { return .wait }
        switch (answer[1], credential) {
        case (0, _):
            return try request()
        case (2, let credential?):
            state = .verdict
            return .send(try Self.message(credential))
        case (0xFF, nil):
            throw Failure(kind: .credentialRequired, message: "demands a user name and a password")
        case (0xFF, _?):
            throw Failure(
                kind: .credentialRequired, message: "accepts neither a user name and password nor anonymous clients")
        default:
            throw foreign
        }
    }

    private mutating func readVerdict() throws(Failure) -> Action {
        guard let answer = take(2) else { return .wait }
        guard answer[1] == 0 else {
            throw Failure(kind: .credentialRejected, message: "does not accept the user name and the password")
        }
        return try request()
    }

    private mutating func readReply() throws(Failure) -> Action {
        if let version = received.first, version != 5 { throw foreign }
        guard received.count >= 2 else { return .wait }
        guard received[1] == 0 else {
            throw Failure(kind: .refused, message: "did not connect to \(destination): \(Self.reason(received[1]))")
        }
        guard received.count >= 5 else { return .wait }
        let addressLength: Int
        switch received[3] {
        case 1: addressLength = 4
        case 3: addressLength = 1 + Int(received[4])
        case 4: addressLength = 16
        default: throw foreign
        }
        // The bound address at the proxy's end is not needed here.
        guard take(4 + addressLength + 2) != nil else { return .wait }
        state = .over
        return .open(received)
    }

    private mutating func request() throws(Failure) -> Action {
        state = .reply
        let address: [UInt8]
        if let literal = IPAddress(target.host) {
            address = [literal.family == .ipv4 ? 1 : 4] + literal.bytes
        } else {
            address =
                [3] + (try Self.counted(target.host.utf8, "a host name that a SOCKS5 proxy is asked for", .refused))
        }
        return .send([5, 1, 0] + address + [UInt8(target.port >> 8), UInt8(target.port & 0xFF)])
    }

    private mutating func take(_ count: Int) -> [UInt8]? {
        guard received.count >= count else { return nil }
        defer { received.removeFirst(count) }
        return Array(received.prefix(count))
    }

    private var destination: ServerEndpoint { .host(target.host, port: target.port) }
    private var foreign: Failure { Failure(kind: .notSOCKS5, message: "does not speak SOCKS version 5") }

    private static func message(_ credential: SOCKS5Proxy.Credential) throws(Failure) -> [UInt8] {
        let password = credential.password.withBytes { Array($0) }
        return try [1] + counted(credential.username.utf8, "proxyUsername") + counted(password, "proxyPassword")
    }

    private static func counted(
        _ bytes: some Collection<UInt8>, _ what: String, _ kind: ProxyFailure = .credentialRejected
    ) throws(Failure) -> [UInt8] {
        guard let count = UInt8(exactly: bytes.count), count > 0 else {
            throw Failure(kind: kind, message: "was not asked: \(what) has 1 to 255 bytes")
        }
        return [count] + bytes
    }

    /// RFC 1928 section 6.
    private static func reason(_ code: UInt8) -> String {
        switch code {
        case 1: "it failed without a reason"
        case 2: "its rules do not allow that"
        case 3: "the network is unreachable"
        case 4: "the host is unreachable, or its name does not resolve there"
        case 5: "the connection was refused"
        case 6: "the time to live ran out"
        case 7: "it does not support the command"
        case 8: "it does not support that address type"
        default: "reply \(code)"
        }
    }
}
