import Foundation
import TestSupport
import Testing

/// Revocation lists (`tlsCRLFile`), compared with Python's `ssl` and the same file, which PyMongo uses.
@Suite struct RevocationTests {
    struct File: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var name: String
        /// Words of the failure; `nil` where the handshake succeeds.
        var failure: String?
        var advice = "X509 CRL"
        /// Whether PyMongo's TLS succeeds.
        var pythonSucceeds = false
    }

    private static let files: [File] = [
        .init(testDescription: "an empty list", name: "empty.crl", pythonSucceeds: true),
        .init(testDescription: "a list of others", name: "others.crl", pythonSucceeds: true),
        .init(
            testDescription: "the certificate is listed", name: "revoked.crl", failure: "was revoked on",
            advice: "a new certificate"),
        .init(
            testDescription: "listed, in DER form", name: "revoked.der", failure: "was revoked on",
            advice: "a new certificate"),
        .init(
            testDescription: "a newer list after one that has ended", name: "older-first.crl",
            failure: "was revoked on",
            advice: "a new certificate"),
        .init(
            testDescription: "an older list that is current too, before", name: "older-before.crl",
            failure: "was revoked on",
            advice: "a new certificate"),
        .init(
            testDescription: "an older list that is current too, behind", name: "older-behind.crl",
            failure: "was revoked on",
            advice: "a new certificate"),
        .init(
            testDescription: "an authority's old key lists it, its new key does not", name: "new-key.crl",
            failure: "was revoked on", advice: "a new certificate"),
        .init(testDescription: "a current list and one of the future", name: "and-future.crl", pythonSucceeds: true),
        .init(testDescription: "a list that has ended", name: "ended.crl", failure: "expired on 2020-02-01"),
        .init(testDescription: "a list of the future", name: "future.crl", failure: "not valid before 2100-01-01"),
        .init(testDescription: "another authority's list", name: "stranger.crl", failure: "has no list of CN=Test CA"),
        .init(testDescription: "no list", name: "ca.crt", failure: "holds no revocation list"),
        .init(testDescription: "damaged", name: "damaged.crl", failure: "it is damaged"),
        .init(
            testDescription: "a list in parts", name: "partial.crl", failure: "critical extension", pythonSucceeds: true
        ),
        .init(testDescription: "missing", name: "missing.crl", failure: "No such file"),
    ]

    private static let made = Task { try await OpenSSLServer.folder(madeBy: script) }

    @Test(arguments: files)
    func theListSaysIt(_ file: File) async throws {
        let folder = try await Self.made.value
        let server = try await OpenSSLServer.start(in: folder)
        let (authority, list) = (folder.appending(path: "ca.crt").path, folder.appending(path: file.name).path)
        func encoded(_ path: String) -> String {
            path.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        }
        let uri =
            "mongodb://u:p@localhost:\(server.port)/?authMechanism=PLAIN&tlsCAFile=\(encoded(authority))"
            + "&tlsCRLFile=\(encoded(list))"
        let outcome = try await AuthCheck.check(uri, timeout: "5s", environment: [:])
        let phase = try #require(outcome.report.hosts.first?.phases.first { $0.name == "tls" })
        #expect(phase.result == (file.failure == nil ? "ok" : "failed"), "\(outcome)")
        if let failure = file.failure {
            #expect(outcome.status == 12, "\(outcome)")
            #expect(outcome.advice.contains(failure), "\(outcome)")
            #expect(outcome.failure?.hint?.contains(file.advice) == true, "\(outcome)")
        }
        // Without verification nothing is asked.
        let insecure = try await AuthCheck.check(
            uri + "&tlsAllowInvalidCertificates=true", timeout: "5s", environment: [:])
        #expect(insecure.report.hosts.first?.phases.first { $0.name == "tls" }?.result == "ok", "\(insecure)")
        if file.name != "revoked.der" {
            let python = try await OpenSSLServer.handshakeOfPython(
                server.port, authorities: authority, lists: list)
            #expect((python.status == 0) == file.pythonSucceeds, "\(python)")
        }
        try await server.stop()
    }

    /// Argument: a folder.
    private static let script = """
        set -e
        cd "$1"
        authority() {
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.crt" -subj "/CN=$2"
        }
        list() {
            name=$1 issuer=$2
            shift 2
            openssl ca -config "$issuer.cnf" -keyfile "$issuer.key" -cert "$issuer.crt" -gencrl -out "$name.crl" "$@"
        }
        certificate() {
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj /CN=localhost
            printf 'subjectAltName=DNS:localhost\\n' >extensions
            openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -extfile extensions -out "$1.crt"
        }
        authority ca "Test CA"
        authority other "Another CA"
        # The same name with another key.
        authority newer "Test CA"
        for issuer in ca other newer; do
            : >"$issuer.index"
            echo 01 >"$issuer.number"
            {
            printf '[ca]\\ndefault_ca=own\\n[own]\\ndatabase=%s\\ncrlnumber=%s\\ndefault_md=sha256\\ndefault_crl_days=30\\n' "$issuer.index" "$issuer.number"
            printf '[part]\\nissuingDistributionPoint=critical,onlyuser:TRUE\\n[mild]\\nissuingDistributionPoint=onlyCA:TRUE\\n'
            } >"$issuer.cnf"
        done
        certificate server
        certificate second
        list empty ca
        list partial ca -crlexts part
        list partial-mild ca -crlexts mild
        list newer newer
        list ended ca -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
        list future ca -crl_lastupdate 21000101000000Z -crl_nextupdate 21000201000000Z
        list stranger other
        list older ca -crl_lastupdate 20250101000000Z -crl_nextupdate 20980101000000Z
        openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke second.crt
        list others ca
        openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke server.crt
        list revoked ca
        openssl crl -in revoked.crl -outform DER -out revoked.der
        cat ended.crl revoked.crl >older-first.crl
        cat older.crl revoked.crl >older-before.crl
        cat revoked.crl older.crl >older-behind.crl
        cat revoked.crl newer.crl >new-key.crl
        cat others.crl future.crl >and-future.crl
        { echo '-----BEGIN X509 CRL-----'; sed '/-----/d' revoked.crl | head -n 2; echo '-----END X509 CRL-----'; } >damaged.crl
        """
}
