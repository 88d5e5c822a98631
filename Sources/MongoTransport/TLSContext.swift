internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOSSL
internal import SecretMemory

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// ``TLSOptions`` ready for use: their files are read and checked.
///
/// Reading the system's authorities costs more than a handshake. For many connections create one context and
/// share it; a new one reads changed files.
public final class TLSContext: Sendable {
    /// The options that it was created from.
    public let options: TLSOptions

    let context: NIOSSLContext
    /// Who is trusted.
    let trust: TrustedAuthorities
    /// The revocation lists; `nil` if not requested.
    let revocations: RevocationLists?

    /// Whether it is still what reading the files now would give, as far as the time goes: which of several
    /// authorities of one name is used depends on which are valid.
    func isCurrent(at now: Int64) -> Bool { trust.changesAt.map { now < $0 } ?? true }

    /// Reads the files, on a thread for blocking calls: a file system that hangs delays no other work.
    ///
    /// - Throws: ``TransportError`` with ``TransportError/Code/tls``, which names the file that cannot be used, or with
    ///   ``TransportError/Code/deadlineExceeded``; `CancellationError`.
    public static func load(_ options: TLSOptions, by deadline: ContinuousClock.Instant) async throws -> TLSContext {
        try await TLSContextCache().context(for: options, by: deadline)
    }

    /// Reads the files. It blocks for a short time: in asynchronous code use ``load(_:by:)``.
    ///
    /// - Throws: ``TransportError`` with ``TransportError/Code/tls``, which names the file that cannot be used.
    public convenience init(_ options: TLSOptions) throws(TransportError) {
        try self.init(options, at: Int64(time(nil)))
    }

    /// - Parameter now: In seconds since 1970.
    init(_ options: TLSOptions, at now: Int64) throws(TransportError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // The certificate's names are checked by this module, see ServerIdentity.
        configuration.certificateVerification = options.verifiesCertificate ? .noHostnameVerification : .none
        configuration.curves = [.x25519, .secp256r1, .secp384r1, .secp521r1]
        configuration.verifySignatureAlgorithms = Self.signatureAlgorithms
        // close_notify is sent; the server's close_notify is not waited for.
        configuration.shutdownTimeout = .zero

        // BoringSSL calls this only if the server has requested a certificate.
        configuration.sslContextCallback = { _, promise in
            CertificateRequest.current?.note()
            promise.succeed(.noChanges)
        }

        trust =
            try options.verifiesCertificate
            ? TrustedAuthorities(options.authoritiesFile, now: now) : TrustedAuthorities()
        trust.configure(&configuration)
        do {
            let file = options.verifiesCertificate ? options.revocationListsFile : nil
            revocations = try file.map { try RevocationLists(file: $0) }
        } catch {
            throw Self.failure(.revocationLists, options.revocationListsFile, "\(error)")
        }
        do {
            // First without the client's certificate, so that it is known which file cannot be used.
            var context = try NIOSSLContext(configuration: configuration)
            if let path = options.certificateKeyFile {
                context = try Self.context(configuration, path, password: options.certificateKeyPassword)
            }
            self.context = context
        } catch let error as TransportError {
            throw error
        } catch {
            throw TransportError(
                .tls, phase: .tls, "TLS cannot be set up with \(trust): \(error)", underlying: error,
                tlsFailure: .authoritiesFile)
        }
        self.options = options
    }

    /// What OpenSSL's drivers accept by default. BoringSSL's own list has neither P-521 nor Ed25519.
    private static let signatureAlgorithms: [SignatureAlgorithm] = [
        .ecdsaSecp256R1Sha256, .rsaPssRsaeSha256, .rsaPkcs1Sha256, .ecdsaSecp384R1Sha384, .rsaPssRsaeSha384,
        .rsaPkcs1Sha384, .ecdsaSecp521R1Sha512, .rsaPssRsaeSha512, .rsaPkcs1Sha512, .ed25519,
    ]

    private static func context(
        _ configuration: TLSConfiguration, _ path: String, password: Secret?
    ) throws -> NIOSSLContext {
        var configuration = configuration
        let (chain, key) = try certificateAndKey(in: path, password: password)
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw failure(.certificateKeyFile, path, "its key does not belong to its first certificate")
        } catch {
            throw failure(.certificateKeyFile, path, "\(error)")
        }
    }

    private static func certificateAndKey(
        in path: String, password: Secret?
    ) throws -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        // BoringSSL takes a C string, and NIOSSL only ASCII.
        guard password?.withBytes({ $0.allSatisfy { $0 < 0x80 } }) ?? true else {
            throw failure(
                .certificateKeyPassword, path, "passwords with non-ASCII characters are not supported")
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
                    throw PEMFile.Failure(
                        description:
                            "it holds no private key in PEM form, a damaged one, or one that BoringSSL does not read, as those of "
                            + "RSA-PSS and Ed448")
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

    static func failure(_ reason: TLSFailure, _ path: String?, _ message: String) -> TransportError {
        let what =
            switch reason {
            case .authoritiesFile: "the file of trusted authorities"
            case .revocationLists: "the file of revocation lists"
            default: "the file with the client's certificate"
            }
        return TransportError(
            .tls, phase: .tls, "\(what), \(path ?? ""), cannot be used: \(message)", tlsFailure: reason)
    }
}

/// Whether the server of one connection has requested the client's certificate.
///
/// A context is used by many connections, and its callback does not know which one. It is called while a connection's
/// bytes are processed, so that connection is set as the current one meanwhile.
final class CertificateRequest: Sendable {
    @TaskLocal static var current: CertificateRequest?

    private let noted = NIOLockedValueBox(false)

    /// Whether it has.
    var isNoted: Bool { noted.withLockedValue { $0 } }

    func note() {
        noted.withLockedValue { $0 = true }
    }
}
