import Foundation
package import NIOSSL

/// Certificates made for one run of the tests with the program `openssl`.
///
/// Dates are far from now in either direction, so that no clock matters.
package struct TestAuthority: Sendable {
    /// The authorities and certificates of this run.
    package static var shared: TestAuthority {
        get async throws { try await made.value }
    }

    private static let made = Task { try await TestAuthority() }
    private static let temporaryFolder = FileManager.default.temporaryDirectory
        .appendingPathComponent("tls-\(UUID().uuidString)")

    private enum Validity: String, Sendable {
        case now = "19900101000000Z 20990101000000Z"
        case past = "19900101000000Z 20000101000000Z"
        case future = "20900101000000Z 20990101000000Z"
    }

    /// A server's policy for client certificates.
    package enum Clients: Sendable {
        /// It asks for no certificate.
        case anybody
        /// It requests a certificate, and accepts clients without one.
        case asked
        /// It refuses clients that show none.
        case demanded
    }

    /// The password of the encrypted keys.
    package static let password = "sesame"

    private let folder: URL

    /// The path of a file, whether it exists or not.
    package func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// A server's configuration with the certificate of that name and its key.
    package func server(
        _ name: String, chain: [String] = [], maximum: TLSVersion? = nil, clients: Clients = .anybody
    ) throws -> TLSConfiguration {
        let certificates = try ([name] + chain).map {
            try NIOSSLCertificate(bytes: contents($0 + ".crt"), format: .pem)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: contents(name + ".key"), format: .pem)))
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion = maximum
        switch clients {
        case .anybody: configuration.certificateVerification = .none
        case .asked: configuration.certificateVerification = .optionalVerification
        case .demanded: configuration.certificateVerification = .noHostnameVerification
        }
        configuration.trustRoots = .file(path("ca.crt"))
        return configuration
    }

    /// A file's bytes.
    package func contents(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appendingPathComponent(name)))
    }

    private init() async throws {
        folder = Self.temporaryFolder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: TestAuthority.temporaryFolder) }
        try write("ca.cnf", Self.configuration)
        try write("index.txt", "")

        try await authority("ca", "/O=Tests/CN=Test CA")
        try await authority("other-ca", "/O=Tests/CN=Other CA")
        try await authority("namesake-ca", "/O=Tests/CN=Test CA")
        try await authority("expired-ca", "/O=Tests/CN=Expired CA", .past)
        try await issue("intermediate", "/O=Tests/CN=Intermediate CA", extensions: "authority", by: "ca")

        let names = "DNS:db.test,DNS:*.wild.test"
        try await issue("server", "/O=Tests/CN=db.test", names: names, by: "ca")
        try await issue("localhost", "/O=Tests/CN=localhost", names: "DNS:localhost,IP:127.0.0.1,IP:::1", by: "ca")
        try await issue("address", "/CN=address", names: "IP:127.0.0.1,IP:::1", by: "ca")
        try await issue("address-and-name", "/CN=x", names: "DNS:other.test,IP:127.0.0.1", by: "ca")
        try await issue("common-name", "/CN=db.test", by: "ca")
        try await issue("underscore", "/CN=x", names: "DNS:my_mongo", by: "ca")
        try await issue("underscore-common-name", "/CN=my_mongo", by: "ca")
        try await issue("name-beside-address", "/CN=db.test", names: "IP:127.0.0.1", by: "ca")
        try await issue("below", "/CN=db.test", names: names, by: "intermediate")
        try await issue("expired", "/CN=db.test", names: names, by: "ca", .past)
        try await issue("future", "/CN=db.test", names: names, by: "ca", .future)
        try await issue("of-expired-ca", "/CN=db.test", names: names, by: "expired-ca")
        try await issue("of-namesake", "/CN=db.test", names: names, by: "namesake-ca")
        try await issue("client-only", "/CN=db.test", names: names, extensions: "client", by: "ca")
        try await issue(
            "elaborate", #"/DC=test/DC=corp/O=A, "B" \+ C /OU=café/CN=db.test"#,
            names: names + ",IP:192.0.2.7,email:a@b.test", by: "ca")
        try await selfSigned("self-signed", "/CN=db.test", names: names)
        try await selfSigned("self-signed-no-authority", "/CN=db.test", names: names, extensions: "no-authority")
        try await selfSigned("self-signed-expired", "/CN=db.test", names: names, extensions: "no-authority", .past)

        try await issue("client", "/O=Tests/CN=ann", extensions: "client", by: "ca")
        try await issue("stranger", "/O=Tests/CN=eve", extensions: "client", by: "other-ca")
        try await files()
    }

    // MARK: - Files

    private func files() async throws {
        for name in ["client", "stranger", "localhost", "underscore"] {
            try join(name + ".pem", [name + ".key", name + ".crt"])
        }
        try await openssl(
            "pkcs8", "-topk8", "-v2", "aes256", "-in", "client.key", "-out", "client.p8", "-passout",
            "pass:" + Self.password)
        try await openssl(
            "ec", "-aes256", "-in", "client.key", "-out", "client.old", "-passout", "pass:" + Self.password)
        try join("client-encrypted.pem", ["client.crt", "client.p8"])
        try join("client-encrypted-old.pem", ["client.old", "client.crt"])
        try join("mismatch.pem", ["stranger.key", "client.crt"])
        for name in ["ca.crt", "client.pem"] {
            try Data([0xEF, 0xBB, 0xBF] + contents(name)).write(to: folder.appendingPathComponent("marked-" + name))
        }
        // As `openssl rehash` names what it finds.
        try FileManager.default.createDirectory(atPath: path("hashed"), withIntermediateDirectories: true)
        try write("hashed/README", "no certificate\n")
        try join("hashed/ca.pem", ["ca.crt"])
        try await openssl("rehash", "hashed")
        try write("empty.pem", "")
        try write("garbage.pem", "this is no certificate\n")
        try write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        try FileManager.default.createDirectory(atPath: path("folder.pem"), withIntermediateDirectories: true)
        try join("bundle.pem", ["other-ca.crt", "ca.crt"])
        try join("no-authority-and-ca.pem", ["self-signed-no-authority.crt", "ca.crt"])
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }

    private func join(_ name: String, _ parts: [String]) throws {
        try Data(parts.flatMap { try contents($0) }).write(to: folder.appendingPathComponent(name))
    }

    // MARK: - Certificates

    private func authority(_ name: String, _ subject: String, _ validity: Validity = .now) async throws {
        try await request(name, subject)
        try await openssl(
            ["ca", "-selfsign", "-keyfile", name + ".key", "-extensions", "authority"] + common(name, validity))
    }

    private func issue(
        _ name: String, _ subject: String, names: String? = nil, extensions: String = "server", by authority: String,
        _ validity: Validity = .now
    ) async throws {
        try await request(name, subject, names)
        try await openssl(
            ["ca", "-cert", authority + ".crt", "-keyfile", authority + ".key", "-extensions", extensions]
                + common(name, validity))
    }

    private func selfSigned(
        _ name: String, _ subject: String, names: String, extensions: String = "server", _ validity: Validity = .now
    ) async throws {
        try await request(name, subject, names)
        try await openssl(
            ["ca", "-selfsign", "-keyfile", name + ".key", "-extensions", extensions] + common(name, validity))
    }

    private func request(_ name: String, _ subject: String, _ names: String? = nil) async throws {
        try await openssl(
            ["req", "-new", "-utf8", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
                + ["-config", "ca.cnf", "-subj", subject, "-keyout", name + ".key", "-out", name + ".csr"]
                + (names.map { ["-addext", "subjectAltName=\($0)"] } ?? []))
    }

    private func common(_ name: String, _ validity: Validity) -> [String] {
        let dates = validity.rawValue.split(separator: " ").map(String.init)
        return ["-batch", "-utf8", "-notext", "-config", "ca.cnf", "-in", name + ".csr", "-out", name + ".crt"]
            + ["-startdate", dates[0], "-enddate", dates[1]]
    }

    private func openssl(_ arguments: String...) async throws {
        try await openssl(arguments)
    }

    private func openssl(_ arguments: [String]) async throws {
        let result = try await Child.run(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", #"cd "$1"; shift; exec openssl "$@""#, "sh", folder.path] + arguments)
        guard result.status == 0 else {
            throw TestSupportError("openssl (package openssl) failed: \(arguments.joined(separator: " "))\n\(result)")
        }
    }

    private static let configuration = """
        [ca]
        default_ca = tests
        [tests]
        database = index.txt
        new_certs_dir = .
        rand_serial = yes
        default_md = sha256
        policy = anything
        unique_subject = no
        copy_extensions = copy
        email_in_dn = no
        [anything]
        domainComponent = optional
        organizationName = optional
        organizationalUnitName = optional
        commonName = supplied
        [req]
        distinguished_name = name
        [name]
        [authority]
        basicConstraints = critical,CA:true
        keyUsage = critical,keyCertSign,cRLSign
        subjectKeyIdentifier = hash
        [server]
        basicConstraints = CA:false
        extendedKeyUsage = serverAuth
        [no-authority]
        basicConstraints = critical,CA:false
        keyUsage = critical,digitalSignature
        extendedKeyUsage = serverAuth
        [client]
        basicConstraints = CA:false
        extendedKeyUsage = clientAuth

        """
}
