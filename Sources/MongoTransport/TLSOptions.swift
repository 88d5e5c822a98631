internal import NIOSSL

/// How a connection is encrypted, and how the server's certificate is checked.
public struct TLSOptions: Sendable {
    /// Whether the certificate must come from a trusted authority.
    public var verifiesCertificate = true
    /// Whether the certificate must be made out to the host.
    public var verifiesHostname = true
    /// A file with trusted authorities, PEM; `nil` means those of the system.
    public var authoritiesFile: String?
    /// A file with this client's certificate chain and key, PEM.
    public var certificateKeyFile: String?
    /// The password of the key, where it has one. Never printed.
    public var certificateKeyPassword: [UInt8]?

    /// Creates options that check everything against the system's authorities.
    public init() {}

    /// The options in the form that swift-nio-ssl takes. Reads the files.
    func makeContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification =
            if !verifiesCertificate { .none } else if verifiesHostname { .fullVerification } else { .noHostnameVerification }
        if let authoritiesFile { configuration.trustRoots = .file(authoritiesFile) }
        if let certificateKeyFile {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateKeyFile)
                .map { .certificate($0) }
            let key =
                if let password = certificateKeyPassword {
                    try NIOSSLPrivateKey(file: certificateKeyFile, format: .pem) { $0(password) }
                } else {
                    try NIOSSLPrivateKey(file: certificateKeyFile, format: .pem)
                }
            configuration.privateKey = .privateKey(key)
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

extension TLSOptions: CustomStringConvertible, CustomReflectable {
    /// The options without the password.
    public var description: String {
        "TLSOptions(verifiesCertificate: \(verifiesCertificate), verifiesHostname: \(verifiesHostname), "
            + "authoritiesFile: \(authoritiesFile ?? "system"), certificateKeyFile: \(certificateKeyFile ?? "none"))"
    }

    /// Shows nothing of the password.
    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
