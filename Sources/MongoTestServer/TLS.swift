import NIOCore
import NIOPosix
import NIOSSL

extension MongoTestServer {
    /// The server's TLS configuration. The server then accepts only TLS, versions 1.2 and 1.3.
    ///
    /// The files are read once, when the server starts.
    package struct TLS: Sendable, Hashable {
        /// The server's policy for client certificates.
        package enum ClientCertificates: String, Sendable, Hashable, CaseIterable {
            /// It asks for no certificate.
            case none
            /// It requests one, verifies it, and accepts clients without one.
            case ask
            /// It refuses clients without one.
            case demand
        }

        /// A file with the server's certificate, those of the authorities between it and the root, and its key, PEM.
        /// The key has no password.
        package var certificateKeyFile: String
        /// A file with the authorities that clients' certificates must come from, PEM.
        package var authoritiesFile: String?
        /// The policy for client certificates. Anything but ``ClientCertificates/none`` needs ``authoritiesFile``.
        package var clientCertificates: ClientCertificates

        /// TLS with the given certificate; by default for all clients.
        package init(
            certificateKeyFile: String, authoritiesFile: String? = nil, clientCertificates: ClientCertificates = .none
        ) {
            self.certificateKeyFile = certificateKeyFile
            self.authoritiesFile = authoritiesFile
            self.clientCertificates = clientCertificates
        }
    }
}

extension MongoTestServer.TLS {
    /// Reads the files, on a thread that may block.
    func context() async throws(MongoTestServerError) -> NIOSSLContext {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try makeContext() }
        } catch let error as MongoTestServerError {
            throw error
        } catch {
            throw MongoTestServerError(
                .invalidConfiguration,
                "the key in \(certificateKeyFile) does not match its certificate, or "
                    + "\(authoritiesFile ?? "the system's authorities") cannot be used", underlying: error)
        }
    }

    private func makeContext() throws -> NIOSSLContext {
        let chain = try read(certificateKeyFile, "certificates") { try NIOSSLCertificate.fromPEMFile($0) }
        let key = try read(certificateKeyFile, "a key without a password") {
            try NIOSSLPrivateKey(file: $0, format: .pem)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        // A client need not answer close_notify.
        configuration.shutdownTimeout = .zero
        if clientCertificates != .none {
            guard let authoritiesFile else {
                throw MongoTestServerError(
                    .invalidConfiguration, "clients' certificates cannot be checked without a file with authorities")
            }
            configuration.trustRoots = .certificates(
                try read(authoritiesFile, "certificates") { try NIOSSLCertificate.fromPEMFile($0) })
            configuration.certificateVerification =
                clientCertificates == .ask ? .optionalVerification : .noHostnameVerification
        }
        return try NIOSSLContext(configuration: configuration)
    }

    private func read<Contents>(_ path: String, _ what: String, _ body: (String) throws -> Contents) throws -> Contents
    {
        do {
            return try body(path)
        } catch {
            throw MongoTestServerError(
                .invalidConfiguration, "\(path) must be a file that can be read and holds \(what) in PEM form",
                underlying: error)
        }
    }
}
