/// What went wrong, in the classes of authcheck's contract; each has an exit status.
package enum FailureClass: String, Sendable, Hashable, CaseIterable, Codable {
    /// A bug in this program.
    case `internal`
    /// The name did not resolve.
    case dns
    /// No address accepted a connection.
    case connect
    /// TLS handshake, certificate or host name.
    case tls
    /// Not a MongoDB server, or a malformed message.
    case `protocol`
    /// No cache, keytab or principal to start from.
    case noCredentials = "no-credentials"
    /// No KDC answered.
    case kdcUnreachable = "kdc-unreachable"
    /// Expired, revoked, unknown client, wrong password or key.
    case credentialsRejected = "credentials-rejected"
    /// The service principal is not in the Kerberos database.
    case serviceUnknown = "service-unknown"
    /// The clocks are too far apart.
    case clockSkew = "clock-skew"
    /// Any other Kerberos or GSS failure.
    case kerberos
    /// The server refused the authentication.
    case refused
    /// The server or this client does not have the mechanism.
    case mechanismUnavailable = "mechanism-unavailable"
    /// Mutual authentication failed, or the server claimed success early.
    case serverNotProven = "server-not-proven"
    /// The negotiation of RFC 4752 was violated.
    case securityLayer = "security-layer"
    /// The deadline passed.
    case deadline
    /// Bad arguments or connection string.
    case usage

    /// The exit status of the process.
    package var exitStatus: Int32 {
        switch self {
        case .internal: 1
        case .dns: 10
        case .connect: 11
        case .tls: 12
        case .protocol: 13
        case .noCredentials: 20
        case .kdcUnreachable: 21
        case .credentialsRejected: 22
        case .serviceUnknown: 23
        case .clockSkew: 24
        case .kerberos: 25
        case .refused: 30
        case .mechanismUnavailable: 31
        case .serverNotProven: 32
        case .securityLayer: 33
        case .deadline: 40
        case .usage: 64
        }
    }
}
