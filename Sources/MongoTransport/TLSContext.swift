internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOSSL
internal import SecretMemory

/// ``TLSOptions`` ready for use: what their files hold is read and checked.
///
/// Reading the system's authorities costs more than a handshake. Who opens many connections makes one context and shares
/// it; a new one sees files that have changed.
public final class TLSContext: Sendable {
    /// The options that it was made of.
    public let options: TLSOptions

    let context: NIOSSLContext
    /// The authorities from the options' file; empty where those of the system are used.
    let authorities: [PeerCertificate]

    /// Reads the files, on a thread for it: a file system that hangs holds up nobody.
    ///
    /// - Throws: ``TransportError`` with ``TransportError/Code/tls``, which names the file that cannot be used, or with
    ///   ``TransportError/Code/deadlineExceeded``; `CancellationError`.
    public static func load(_ options: TLSOptions, by deadline: ContinuousClock.Instant) async throws -> TLSContext {
        try await TLSContextCache().context(for: options, by: deadline)
    }

    /// Reads the files. It blocks, if not for long: in asynchronous code use ``load(_:by:)``.
    ///
    /// - Throws: ``TransportError`` with ``TransportError/Code/tls``, which names the file that cannot be used.
    public init(_ options: TLSOptions) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification =
            if !options.verifiesCertificate { .none } else if options.verifiesHostname { .fullVerification } else {
                .noHostnameVerification
            }
        // The server is told that nothing more comes; its answer to that is not waited for.
        configuration.shutdownTimeout = .zero

        // BoringSSL asks this when the server has asked for a certificate, and only then.
        configuration.sslContextCallback = { _, promise in
            CertificateRequest.current?.note()
            promise.succeed(.noChanges)
        }

        var authorities: [PeerCertificate] = []
        if let path = options.authoritiesFile, options.verifiesCertificate {
            let certificates = try Self.authorities(in: path)
            configuration.trustRoots = .certificates(certificates)
            authorities = certificates.compactMap { try? PeerCertificate(der: $0.toDERBytes()) }
        }
        if let path = options.certificateKeyFile {
            let (chain, key) = try Self.certificateAndKey(in: path, password: options.certificateKeyPassword)
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw Self.failure(
                .certificateKeyFile, options.certificateKeyFile, "its key does not belong to its first certificate")
        } catch {
            let file = options.authoritiesFile.map { "the authorities in \($0)" } ?? "the system's authorities"
            throw TransportError(
                .tls, phase: .tls, "\(file) cannot be used: \(error)", underlying: error, tlsFailure: .authoritiesFile)
        }
        self.options = options
        self.authorities = authorities
    }

    private static func authorities(in path: String) throws -> [NIOSSLCertificate] {
        do {
            return try PEMFile.withContents(of: path) { try NIOSSLCertificate.fromPEMBytes($0) }
        } catch let error as PEMFile.Failure {
            throw failure(.authoritiesFile, path, "\(error)")
        } catch {
            throw failure(.authoritiesFile, path, "it holds no certificates in PEM form, or a damaged one")
        }
    }

    private static func certificateAndKey(
        in path: String, password: Secret?
    ) throws -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        // BoringSSL takes the characters of C, and NIOSSL none beyond ASCII.
        guard password?.withBytes({ $0.allSatisfy { $0 < 0x80 } }) ?? true else {
            throw failure(
                .certificateKeyPassword, path, "passwords with other characters than those of ASCII are not supported")
        }
        do {
            return try PEMFile.withContents(of: path) { contents in
                guard let chain = try? NIOSSLCertificate.fromPEMBytes(contents) else {
                    throw PEMFile.Failure(description: "it holds no certificate in PEM form, or a damaged one")
                }
                let isEncrypted = NIOLockedValueBox(false)
                let key = try? NIOSSLPrivateKey(bytes: contents, format: .pem) { give in
                    isEncrypted.withLockedValue { $0 = true }
                    var bytes = password?.withBytes { Array($0) } ?? []
                    defer { wipe(&bytes) }
                    give(bytes)
                }
                if let key { return (chain, key) }
                guard isEncrypted.withLockedValue({ $0 }) else {
                    throw PEMFile.Failure(description: "it holds no private key in PEM form, or a damaged one")
                }
                throw failure(
                    .certificateKeyPassword, path,
                    password == nil
                        ? "its key is encrypted and no password is given" : "the password does not decrypt its key")
            }
        } catch let error as PEMFile.Failure {
            throw failure(.certificateKeyFile, path, "\(error)")
        }
    }

    private static func failure(_ reason: TLSFailure, _ path: String?, _ message: String) -> TransportError {
        let what =
            reason == .authoritiesFile ? "the file of trusted authorities" : "the file with the client's certificate"
        return TransportError(
            .tls, phase: .tls, "\(what), \(path ?? ""), cannot be used: \(message)", tlsFailure: reason)
    }
}

/// Whether the server of one connection has asked for the client's certificate.
///
/// A context serves many connections and its callback is not told which. It is called while the connection's bytes are
/// processed, so the one whose bytes these are can be the current one meanwhile.
final class CertificateRequest: Sendable {
    @TaskLocal static var current: CertificateRequest?

    private let noted = NIOLockedValueBox(false)

    /// Whether it has.
    var isNoted: Bool { noted.withLockedValue { $0 } }

    func note() {
        noted.withLockedValue { $0 = true }
    }
}
