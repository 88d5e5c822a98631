public import SecretMemory

/// How a connection is encrypted, and how the server's certificate is checked.
///
/// Versions before TLS 1.2 are not supported.
public struct TLSOptions: Sendable, Hashable {
    /// Whether the certificate must come from a trusted authority and be valid now. Without that, names are not checked
    /// either.
    public var verifiesCertificate = true
    /// Whether the certificate must name the host.
    public var verifiesHostname = true
    /// A file with trusted authorities, PEM; `nil` means those of the system.
    public var authoritiesFile: String?
    /// A file with revocation lists (CRL), PEM or DER; `nil` asks for none. With one the server's certificate must not
    /// be in its issuer's list, which must exist and be current. Without ``verifiesCertificate`` it has no effect.
    public var revocationListsFile: String?
    /// A file with this client's certificate chain and key, PEM.
    public var certificateKeyFile: String?
    /// The password of the key, if it has one. Never printed.
    public var certificateKeyPassword: Secret?

    /// Creates options that check everything against the system's authorities.
    public init() {}
}

extension TLSOptions: CustomStringConvertible, CustomReflectable {
    /// The options without the password.
    public var description: String {
        "TLSOptions(verifiesCertificate: \(verifiesCertificate), verifiesHostname: \(verifiesHostname), "
            + "authoritiesFile: \(authoritiesFile ?? "system"), "
            + "revocationListsFile: \(revocationListsFile ?? "none"), certificateKeyFile: \(certificateKeyFile ?? "none"))"
    }

    /// Shows nothing of the password.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
