internal import NIOSSL

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The trusted authorities, and their source: a named file, or else those of the system, which the
/// variables SSL_CERT_FILE and SSL_CERT_DIR replace in part, as in drivers on OpenSSL.
struct TrustedAuthorities: CustomStringConvertible {
    /// For a sentence: "this system's authorities", "the authorities in /etc/ca.pem".
    private(set) var description = "this system's authorities"
    /// The authorities that were read here; those of the system are read by BoringSSL.
    private(set) var known: [PeerCertificate] = []
    /// Server certificates that are trusted directly, in DER form: if all trusted ones are self-issued, and their
    /// keyUsage does not allow them to sign others. OpenSSL accepts such a certificate as its own issuer; BoringSSL
    /// does not.
    private(set) var servers: Set<[UInt8]> = []
    /// Whether there are none at all.
    var isEmpty: Bool { certificates.isEmpty && !usesSystem }

    /// When the choice between authorities of one name changes, in seconds since 1970; `nil` for never.
    private(set) var changesAt: Int64?

    private var certificates: [NIOSSLCertificate] = []
    /// Whether those of the system are trusted, and there are any.
    private var usesSystem = false

    /// None, without verification.
    init() {}

    /// - Parameter file: The named file; `nil` is those of the system.
    /// - Throws: ``TransportError`` for a named file that cannot be used.
    init(
        _ file: String?, environment: (String) -> String? = Self.environment, now: Int64 = Int64(time(nil))
    ) throws(TransportError) {
        if let file {
            do {
                certificates = try Self.certificates(in: file)
            } catch {
                throw TLSContext.failure(.authoritiesFile, file, "\(error)")
            }
            description = "the authorities in \(file)"
        } else {
            addVariables(environment)
        }
        let encoded = certificates.compactMap { try? $0.toDERBytes() }
        known = encoded.compactMap { try? PeerCertificate(der: $0) }
        let areServers = known.count == certificates.count && known.allSatisfy { $0.isSelfIssued && !$0.maySignOthers }
        if areServers, !usesSystem { servers = Set(encoded) }
        leaveOutNamesakes(at: now)
    }

    /// Drops an invalid certificate if a valid one has the same name, such as that of a renewed authority:
    /// BoringSSL uses the first one with an issuer's name, and OpenSSL the first valid one.
    private mutating func leaveOutNamesakes(at now: Int64) {
        let namesakes = Dictionary(grouping: known, by: \.subject).values.filter { $0.count > 1 }.joined()
        changesAt = namesakes.flatMap { [$0.notBefore, $0.notAfter + 1] }.filter { $0 > now }.min()
        let names = Set(known.filter { $0.isValid(at: now) }.map(\.subject))
        guard known.contains(where: { !$0.isValid(at: now) && names.contains($0.subject) }) else { return }
        certificates.removeAll { certificate in
            guard let bytes = try? certificate.toDERBytes(), let read = try? PeerCertificate(der: bytes) else {
                return false
            }
            return !read.isValid(at: now) && names.contains(read.subject)
        }
    }

    /// Whether a server's certificate is, byte for byte, one of ``servers``, valid and for servers. Its names are
    /// checked elsewhere.
    func isServer(_ certificate: NIOSSLCertificate?, at now: Int64) -> Bool {
        guard let bytes = try? certificate?.toDERBytes(), servers.contains(bytes),
            let certificate = try? PeerCertificate(der: bytes)
        else { return false }
        return certificate.isValid(at: now) && certificate.isForServers && PeerCertificate.isUnderstood(bytes)
    }

    /// OpenSSL's defaults are one file and one folder, and each of the variables replaces one of them. Where a system
    /// has a folder by OpenSSL's names, as Debian has, its authorities are there and the file is not; elsewhere they
    /// are in the file. A file or folder that a variable names need not exist.
    private mutating func addVariables(_ environment: (String) -> String?) {
        var parts: [String] = []
        let hasFolder = Self.entries(of: "/etc/ssl/certs").contains(where: Self.isHashed)
        usesSystem = hasFolder || Self.hasSystemFile
        if let file = environment("SSL_CERT_FILE"), !file.isEmpty {
            usesSystem = usesSystem && hasFolder
            do {
                certificates += try Self.certificates(in: file)
                parts.append("those in SSL_CERT_FILE (\(file))")
            } catch {
                parts.append("none from SSL_CERT_FILE (\(file): \(error))")
            }
        }
        if let folders = environment("SSL_CERT_DIR"), !folders.isEmpty {
            usesSystem = usesSystem && !hasFolder
            let read = folders.unicodeScalars.split(separator: ":").map { Self.hashedCertificates(in: String($0)) }
            certificates += read.joined()
            parts.append("\(read.joined().count) in SSL_CERT_DIR (\(folders))")
        }
        guard !parts.isEmpty else { return }
        if usesSystem { parts.insert(description, at: 0) }
        description =
            usesSystem ? parts.joined(separator: " and ") : "the authorities: " + parts.joined(separator: ", ")
    }

    func configure(_ configuration: inout TLSConfiguration) {
        // Without any, NIOSSL refuses to work, and the reason is described here.
        guard usesSystem else {
            configuration.trustRoots = .certificates(certificates)
            return
        }
        configuration.trustRoots = .default
        if !certificates.isEmpty { configuration.additionalTrustRoots = [.certificates(certificates)] }
    }

    // MARK: - Files

    private struct NoCertificates: Error, CustomStringConvertible {
        var description: String { "it holds no certificates in PEM form, or a damaged one" }
    }

    private static func certificates(in path: String) throws -> [NIOSSLCertificate] {
        try PEMFile.withContents(of: path) { contents in
            if let certificates = try? NIOSSLCertificate.fromPEMBytes(contents) { return certificates }
            // One that BoringSSL cannot read must not invalidate all others, as with OpenSSL.
            let certificates = PEMFile.blocks("CERTIFICATE", in: contents).blocks.compactMap {
                try? NIOSSLCertificate(bytes: $0, format: .pem)
            }
            guard !certificates.isEmpty else { throw NoCertificates() }
            return certificates
        }
    }

    /// The certificates of a folder by the names that OpenSSL looks for: a hash of the subject in 8 hexadecimal digits,
    /// a period and a number.
    private static func hashedCertificates(in folder: String) -> [NIOSSLCertificate] {
        entries(of: folder).sorted().filter(isHashed).flatMap { (try? certificates(in: "\(folder)/\($0)")) ?? [] }
    }

    private static func isHashed(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].count == 8
            && UInt32(String(decoding: parts[0], as: UTF8.self), radix: 16) != nil
            && Int(String(decoding: parts[1], as: UTF8.self)) != nil
    }

    private static func entries(of folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }

    /// Where NIOSSL looks.
    private static var hasSystemFile: Bool {
        #if os(Linux)
        let bundles: [String] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]
        return bundles.contains { path in access(path, R_OK) == 0 }
        #else
        return true
        #endif
    }
}
