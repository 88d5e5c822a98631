import Foundation
import TestSupport
import Testing

/// Configurations of an OpenSSL server, compared with PyMongo's TLS and the same server: Python's `ssl`, which is
/// OpenSSL with its defaults. `docs/interoperability.md` has this table.
@Suite struct TLSServersTests {
    struct Server: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// What `openssl req -newkey` makes the key of.
        var key = ["rsa:2048"]
        /// Further lines for the certificate's extensions.
        var extensions = ""
        /// For `openssl x509 -req`.
        var signing: [String] = []
        /// For `openssl s_server`.
        var options: [String] = []
        /// Words of the failure; `nil` where the handshake succeeds.
        var failure: String?
        /// Words of the hint, or of the warning where the handshake succeeds.
        var advice: String?
        /// Whether PyMongo's TLS succeeds.
        var pythonSucceeds = true
    }

    private static let weak = ["-cipher", "DEFAULT@SECLEVEL=0"]
    private static let servers: [Server] = [
        .init(testDescription: "RSA 2048"),
        .init(testDescription: "P-256", key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        .init(testDescription: "P-384", key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        .init(testDescription: "P-521", key: ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        .init(testDescription: "Ed25519", key: ["ed25519"]),
        .init(
            testDescription: "RSA-PSS", key: ["rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
            failure: "handshake_failure", advice: "RSA (but not RSA-PSS)"),
        .init(
            testDescription: "secp256k1", key: ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
            failure: "handshake_failure", advice: "P-256, P-384, P-521", pythonSucceeds: false),
        .init(
            testDescription: "RSA 1024", key: ["rsa:1024"], options: weak, advice: "its key is RSA 1024",
            pythonSucceeds: false),
        .init(
            testDescription: "a signature by SHA-1", signing: ["-sha1"], options: weak, advice: "it is signed by",
            pythonSucceeds: false),
        .init(
            testDescription: "a certificate that ends soon", signing: ["-days", "3"],
            advice: "the server's certificate expires in"),
        .init(
            testDescription: "keyUsage without digitalSignature",
            extensions: "keyUsage=keyEncipherment,dataEncipherment",
            failure: "its extension keyUsage does not have digitalSignature", advice: "digitalSignature in its keyUsage"
        ),
        .init(
            testDescription: "keyUsage without keyEncipherment, no forward secrecy",
            extensions: "keyUsage=digitalSignature", options: ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
            failure: "does not have keyEncipherment", advice: "allow cipher suites with ECDHE", pythonSucceeds: false),
        .init(testDescription: "TLS 1.2", options: ["-tls1_2"]),
        .init(
            testDescription: "TLS 1.1", options: ["-tls1_1"] + weak, failure: "neither TLS 1.2 nor TLS 1.3",
            advice: "enable TLS 1.2", pythonSucceeds: false),
        .init(testDescription: "the group P-521 only", options: ["-groups", "P-521"]),
        .init(
            testDescription: "the group X448 only", options: ["-groups", "X448"], failure: "handshake_failure",
            advice: "X25519"),
        .init(
            testDescription: "finite fields only", options: ["-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384"],
            failure: "handshake_failure", advice: "ECDHE"),
        .init(
            testDescription: "AES-CBC with SHA-384 only", options: ["-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"],
            failure: "handshake_failure", advice: "ECDHE"),
        .init(
            testDescription: "no forward secrecy", options: ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
            pythonSucceeds: false),
    ]

    @Test(arguments: servers)
    func theHandshakeComesToThat(_ test: Server) async throws {
        try await withFolder { folder in
            let process = try await start(test, in: folder)
            let authority = folder.appending(path: "ca.crt").path
            // PLAIN needs no Kerberos, and what follows the handshake is not part of this table.
            let uri =
                "mongodb://u:p@localhost:\(process.port)/?authMechanism=PLAIN&tls=true&tlsCAFile="
                + (authority.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
            let python = try await OpenSSLServer.handshakeOfPython(process.port, authorities: authority)
            #expect((python.status == 0) == test.pythonSucceeds, "\(python)")

            let outcome = try await AuthCheck.check(uri, timeout: "5s", environment: [:])
            let host = try #require(outcome.report.hosts.first)
            let phase = try #require(host.phases.first { $0.name == "tls" })
            #expect(phase.result == (test.failure == nil ? "ok" : "failed"), "\(outcome)")
            let said = test.failure == nil ? host.warnings.joined(separator: "\n") : outcome.advice
            for words in [test.failure, test.advice].compactMap(\.self) {
                #expect(said.contains(words), "\(words): \(outcome)")
            }
            if test.failure == nil, test.advice == nil { #expect(!said.contains("certificate is weak")) }
            try await process.stop()
        }
    }

    private func start(_ test: Server, in folder: URL) async throws -> ServerProcess {
        let made = try await Child.run(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", Self.certificates, "make", folder.path, test.extensions, test.signing.joined(separator: " ")]
                + test.key)
        try #require(made.status == 0, "\(made)")
        return try await OpenSSLServer.start(in: folder, OpenSSLServer.ownCertificate + test.options)
    }

    /// Arguments: a folder, lines of extensions, options for signing, the kind of key.
    private static let certificates = """
        set -e
        cd "$1"
        extensions=$2 signing=$3
        shift 3
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj "/CN=Test CA"
        openssl req -new -newkey "$@" -nodes -keyout server.key -out server.csr -subj /CN=localhost
        printf 'subjectAltName=DNS:localhost\\nextendedKeyUsage=serverAuth\\n%s\\n' "$extensions" >extensions
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile extensions $signing -out server.crt
        """
}
