import NIOCore
import NIOPosix
import NIOSSL

extension MongoTestServer {
    /// How the server encrypts its connections. It speaks TLS 1.2 and 1.3, and nothing but TLS.
    ///
    /// The files are read once, when the server starts.
    package struct TLS: Sendable, Hashable {
        /// What the server wants of its clients.
        package enum ClientCertificates: String, Sendable, Hashable, CaseIterable {
            /// It asks for no certificate.
            case none
            /// It asks for one, checks what it gets, and takes none for an answer.
            case ask
            /// It refuses clients that show none.
            case demand
        }

        /// A file with the server's certificate, those of the authorities between it and the root, and its key, PEM. The
        /// key has no password.
        package var certificateKeyFile: String
        /// A file with the authorities that clients' certificates must come from, PEM.
        package var authoritiesFile: String?
        /// Whether clients show certificates. Anything but ``ClientCertificates/none`` needs ``authoritiesFile``.
        package var clientCertificates: ClientCertificates

        /// TLS with the given certificate, for anybody unless told otherwise.
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
        // A client that is told of the end need not answer.
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
