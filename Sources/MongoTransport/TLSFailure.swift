/// Why a connection could not be encrypted, for errors with ``TransportError/Code/tls``. The set is open.
public struct TLSFailure: Sendable, Hashable, CustomStringConvertible {
    private enum Value: String {
        case notTrusted = "not-trusted"
        case expired
        case notYetValid = "not-yet-valid"
        case wrongHostname = "wrong-hostname"
        case certificateUsage = "certificate-usage"
        case revoked
        case revocationLists = "revocation-lists"
        case notTLS = "not-tls"
        case certificateRequired = "certificate-required"
        case certificateRejected = "certificate-rejected"
        case protocolVersion = "protocol-version"
        case handshake
        case authoritiesFile = "authorities-file"
        case certificateKeyFile = "certificate-key-file"
        case certificateKeyPassword = "certificate-key-password"
    }

    private let value: Value

    /// The server's certificate has no chain to a trusted authority, or is not for servers.
    public static let notTrusted = TLSFailure(value: .notTrusted)
    /// The server's certificate, or that of its authority, has expired.
    public static let expired = TLSFailure(value: .expired)
    /// The server's certificate is not valid yet.
    public static let notYetValid = TLSFailure(value: .notYetValid)
    /// The server's certificate is for another name or address.
    public static let wrongHostname = TLSFailure(value: .wrongHostname)
    /// The key usage of the server's certificate does not allow the handshake's use of its key.
    public static let certificateUsage = TLSFailure(value: .certificateUsage)
    /// The server's certificate is revoked.
    public static let revoked = TLSFailure(value: .revoked)
    /// The file with revocation lists cannot be used, or has no current list of the certificate's issuer.
    public static let revocationLists = TLSFailure(value: .revocationLists)
    /// The server does not speak TLS on this port.
    public static let notTLS = TLSFailure(value: .notTLS)
    /// The server requires a client certificate, and the client has none.
    public static let certificateRequired = TLSFailure(value: .certificateRequired)
    /// The server does not accept the client's certificate.
    public static let certificateRejected = TLSFailure(value: .certificateRejected)
    /// The server supports no safe version of TLS: 1.2 is the minimum.
    public static let protocolVersion = TLSFailure(value: .protocolVersion)
    /// The handshake failed in another way.
    public static let handshake = TLSFailure(value: .handshake)
    /// The file with trusted authorities cannot be read, or has no certificates.
    public static let authoritiesFile = TLSFailure(value: .authoritiesFile)
    /// The file with the client's certificate and key cannot be read, or does not have both.
    public static let certificateKeyFile = TLSFailure(value: .certificateKeyFile)
    /// The key of the client's certificate is encrypted, and its password is missing or wrong.
    public static let certificateKeyPassword = TLSFailure(value: .certificateKeyPassword)

    /// The failure's stable, hyphenated name.
    public var description: String { value.rawValue }
}
