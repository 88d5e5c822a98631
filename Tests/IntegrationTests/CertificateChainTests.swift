import Foundation
import TestSupport
import Testing

/// Problematic certificate chains and authority files, compared with Python's `ssl`.
@Suite struct CertificateChainTests {
    struct Chain: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// The server's certificate and key, and the authority that issued it, which the server sends too.
        var server: String
        var issuer: String?
        /// The file of authorities.
        var authorities: String
        var host = "localhost"
        /// Words of the failure; `nil` where the handshake succeeds.
        var failure: String?
        var pythonSucceeds = false
    }

    private static let chains: [Chain] = [
        .init(
            testDescription: "an intermediate authority", server: "leaf", issuer: "middle", authorities: "root",
            pythonSucceeds: true),
        .init(
            testDescription: "only the intermediate authority is trusted", server: "leaf", issuer: "middle",
            authorities: "middle",
            failure: "its issuer, CN=Middle, is among the authorities in"),
        .init(
            testDescription: "the root has expired", server: "old-leaf", issuer: "old-middle", authorities: "old-root",
            failure: "CN=Old Root among these expired on 2021-01-01"),
        .init(
            testDescription: "only for clients", server: "for-clients", authorities: "root",
            failure: "extendedKeyUsage does not have serverAuth"),
        .init(
            testDescription: "constraints for addresses", server: "constrained", authorities: "narrow",
            failure: "name constraints", pythonSucceeds: true),
        .init(
            testDescription: "an address as a host name", server: "as-name", authorities: "root", host: "127.0.0.1",
            failure: "an address must be an IP address entry (IP:127.0.0.1)"),
        .init(
            testDescription: "one authority of the file cannot be read", server: "plain", authorities: "with-odd",
            pythonSucceeds: true),
        .init(
            testDescription: "a renewed authority after the expired one", server: "plain", authorities: "renewed",
            pythonSucceeds: true),
        .init(
            testDescription: "a renewed authority before the expired one", server: "plain",
            authorities: "renewed-first",
            pythonSucceeds: true),
        .init(
            testDescription: "a renewed intermediate authority after the expired one", server: "leaf",
            issuer: "middle-renewed", authorities: "root", failure: "an intermediate authority has expired",
            pythonSucceeds: true),
        .init(
            testDescription: "a certificate of version 1", server: "version-1", authorities: "root",
            pythonSucceeds: true),
        .init(
            testDescription: "an authority of version 1", server: "plain", authorities: "root-1", pythonSucceeds: true),
        .init(
            testDescription: "an authority in OpenSSL's form of trusted certificates", server: "plain",
            authorities: "trusted", pythonSucceeds: true),
        .init(
            testDescription: "for any use", server: "for-all", authorities: "root",
            failure: "extendedKeyUsage does not have serverAuth"),
        .init(
            testDescription: "an unknown critical extension", server: "critical", authorities: "root",
            failure: "an unknown critical extension"),
        .init(testDescription: "issued by itself", server: "own", authorities: "own", pythonSucceeds: true),
        .init(
            testDescription: "issued by itself, no authority", server: "own-leaf", authorities: "own-leaf",
            pythonSucceeds: true),
        .init(
            testDescription: "issued by itself, an authority that may sign no others", server: "own-signing",
            authorities: "own-signing", pythonSucceeds: true),
        .init(
            testDescription: "issued by itself, no authority, may sign no others", server: "own-signing-leaf",
            authorities: "own-signing-leaf", pythonSucceeds: true),
        .init(
            testDescription: "one of two that are issued by themselves and may sign no others",
            server: "own-signing-leaf", authorities: "own-two", pythonSucceeds: true),
        // OpenSSL takes the first of the name.
        .init(
            testDescription: "the second of two of the same name, issued by themselves, may sign no others",
            server: "own-signing-leaf", authorities: "own-namesakes"),
        .init(
            testDescription: "issued by itself, may sign no others, beside an authority", server: "own-signing-leaf",
            authorities: "own-and-root", failure: "Name a file that has it alone", pythonSucceeds: true),
        .init(
            testDescription: "issued by itself, may sign no others, for another name", server: "own-signing-leaf",
            authorities: "own-signing-leaf", host: "127.0.0.1", failure: "not for 127.0.0.1"),
        .init(
            testDescription: "issued by itself, may sign no others, expired", server: "own-old",
            authorities: "own-old", failure: "expired on 2021-01-01"),
        .init(
            testDescription: "issued by itself, may sign no others, for clients", server: "own-for-clients",
            authorities: "own-for-clients", failure: "extendedKeyUsage does not have serverAuth"),
        .init(
            testDescription: "issued by itself, may sign no others, an unknown critical extension",
            server: "own-critical", authorities: "own-critical", failure: "unknown critical extension"),
        .init(
            testDescription: "issued by itself, may sign no others, extendedKeyUsage is damaged",
            server: "own-odd-usage", authorities: "own-odd-usage", failure: "extendedKeyUsage"),
        .init(
            testDescription: "issued by itself, one of the same name is named", server: "own-signing-leaf",
            authorities: "own-signing", failure: "is not among"),
    ]

    private static let made = Task { try await OpenSSLServer.folder(madeBy: script) }

    @Test(arguments: chains)
    func theChainIsJudged(_ chain: Chain) async throws {
        let folder = try await Self.made.value
        let server = try await OpenSSLServer.start(
            in: folder,
            ["-key", "\(chain.server).key", "-cert", "\(chain.server).crt"]
                + (chain.issuer.map { ["-cert_chain", "\($0).crt"] } ?? []))
        let authorities = folder.appending(path: "\(chain.authorities).crt").path
        let path = authorities.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let outcome = try await AuthCheck.check(
            "mongodb://u:p@\(chain.host):\(server.port)/?authMechanism=PLAIN&tls=true&tlsCAFile=\(path)", timeout: "5s",
            environment: [:])
        let phase = try #require(outcome.report.hosts.first?.phases.first { $0.name == "tls" })
        #expect(phase.result == (chain.failure == nil ? "ok" : "failed"), "\(outcome)")
        if let failure = chain.failure {
            #expect(outcome.status == 12 && outcome.advice.contains(failure), "\(outcome)")
        }
        let python = try await OpenSSLServer.handshakeOfPython(
            server.port, host: chain.host, authorities: authorities)
        #expect((python.status == 0) == chain.pythonSucceeds, "\(python)")
        try await server.stop()
    }

    /// BoringSSL lacks some ways of encrypting keys that OpenSSL has; the hint says what to do about it.
    @Test func aKeyThatIsEncryptedInAnotherWay() async throws {
        let folder = try await Self.made.value
        for (name, isRead) in [
            ("usual.pem", true), ("parameters.pem", true), ("scrypt.pem", false), ("sha512.pem", false),
            ("pss.pem", false),
        ] {
            let file =
                folder.appending(path: name).path
                .addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
            let outcome = try await AuthCheck.check(
                "mongodb://u:p@127.0.0.1:1/?authMechanism=PLAIN&tls=true&tlsCertificateKeyFile=\(file)"
                    + "&tlsCertificateKeyFilePassword=secret", environment: [:])
            #expect(outcome.status == (isRead ? 11 : 12), "\(outcome)")
            let advice = name == "pss.pem" ? "as those of RSA-PSS and Ed448" : "openssl pkcs8 -topk8 -v2"
            if !isRead { #expect(outcome.advice.contains(advice), "\(outcome)") }
        }
    }

    /// Argument: a folder.
    private static let script = """
        set -e
        cd "$1"
        key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
        # Name, subject, issuer or -, extensions, first and last day.
        certificate() {
            key "$1"
            openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
            printf '%b' "$4" >"$1.ext"
            : >index
            issuer=$3
            if [ "$issuer" = - ]; then
                issuer=$1
                own=-selfsign
            else
                own="-cert $issuer.crt"
            fi
            openssl ca -batch -notext -config ca.cnf $own -keyfile "$issuer.key" -in "$1.csr" -extfile "$1.ext" \
                -startdate "$5" -enddate "$6" -out "$1.crt"
        }
        printf '[ca]\\ndefault_ca=own\\n[own]\\ndatabase=index\\nnew_certs_dir=.\\ndefault_md=sha256\\nrand_serial=yes\\npolicy=any\\n' >ca.cnf
        printf 'unique_subject=no\\n[any]\\ncommonName=supplied\\n' >>ca.cnf
        authority='basicConstraints=critical,CA:TRUE\\n'
        from=20200101000000Z to=20990101000000Z
        localhost='subjectAltName=DNS:localhost\\n'
        certificate root "Root" - "$authority" $from $to
        certificate middle "Middle" root "$authority" $from $to
        certificate leaf localhost middle "$localhost" $from $to
        certificate plain localhost root "$localhost" $from $to
        certificate old-root "Old Root" - "$authority" $from 20210101000000Z
        certificate old-middle "Old Middle" old-root "$authority" $from $to
        certificate old-leaf localhost old-middle "$localhost" $from $to
        certificate for-clients localhost root "${localhost}extendedKeyUsage=clientAuth\\n" $from $to
        certificate as-name localhost root 'subjectAltName=DNS:127.0.0.1\\n' $from $to
        certificate narrow "Narrow" - "${authority}nameConstraints=permitted;IP:127.0.0.0/255.0.0.0,permitted;DNS:localhost\\n" $from $to
        certificate constrained localhost narrow 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' $from $to
        certificate for-all localhost root "${localhost}extendedKeyUsage=anyExtendedKeyUsage\\n" $from $to
        certificate critical localhost root "${localhost}1.2.3.4=critical,ASN1:NULL\\n" $from $to
        : >index
        openssl ca -batch -notext -config ca.cnf -selfsign -keyfile root.key -in root.csr -extfile root.ext \
            -startdate $from -enddate 20210101000000Z -out root-before.crt
        : >index
        openssl ca -batch -notext -config ca.cnf -cert root.crt -keyfile root.key -in middle.csr -extfile middle.ext \
            -startdate $from -enddate 20210101000000Z -out middle-before.crt
        cat middle-before.crt middle.crt >middle-renewed.crt
        cat root-before.crt root.crt >renewed.crt
        cat root.crt root-before.crt >renewed-first.crt
        openssl x509 -req -in plain.csr -CA root.crt -CAkey root.key -CAcreateserial -days 10000 -out version-1.crt
        cp plain.key version-1.key
        openssl x509 -req -in root.csr -signkey root.key -days 10000 -out root-1.crt
        openssl x509 -in root.crt -trustout -addtrust serverAuth -out trusted.crt
        signing='keyUsage=critical,digitalSignature\\n'
        certificate own localhost - "$localhost" $from $to
        certificate own-leaf localhost - "${localhost}basicConstraints=CA:FALSE\\n" $from $to
        certificate own-signing localhost - "$localhost$authority$signing" $from $to
        certificate own-signing-leaf localhost - "${localhost}basicConstraints=CA:FALSE\\n$signing" $from $to
        certificate own-old localhost - "$localhost$signing" $from 20210101000000Z
        certificate own-for-clients localhost - "$localhost${signing}extendedKeyUsage=clientAuth\\n" $from $to
        certificate own-critical localhost - "$localhost${signing}1.2.3.4=critical,ASN1:NULL\\n" $from $to
        certificate own-odd-usage localhost - "$localhost${signing}2.5.29.37=ASN1:INTEGER:1\\n" $from $to
        certificate own-other "Other" - "$localhost$signing" $from $to
        cat own-other.crt own-signing-leaf.crt >own-two.crt
        cat own-signing.crt own-signing-leaf.crt >own-namesakes.crt
        cat own-signing-leaf.crt root.crt >own-and-root.crt
        # A certificate of version 1 with extensions: OpenSSL reads it, BoringSSL does not.
        openssl x509 -in root.crt -outform DER | xxd -p | tr -d '\\n' | sed 's/a003020102/a003020100/' | xxd -r -p >odd.der
        { openssl x509 -in odd.der -inform DER || true; cat root.crt; } >with-odd.crt
        openssl pkcs8 -topk8 -in leaf.key -passout pass:secret -out key.pem
        cat leaf.crt key.pem >usual.pem
        openssl pkcs8 -topk8 -scrypt -in leaf.key -passout pass:secret -out key.pem
        cat leaf.crt key.pem >scrypt.pem
        openssl pkcs8 -topk8 -v2 aes256 -v2prf hmacWithSHA512 -in leaf.key -passout pass:secret -out key.pem
        cat leaf.crt key.pem >sha512.pem
        openssl genpkey -algorithm rsa-pss -out key.pem
        cat leaf.crt key.pem >pss.pem
        # As `openssl ecparam -genkey` writes it: parameters are before the key.
        { openssl ecparam -name prime256v1; cat leaf.key leaf.crt; } >parameters.pem
        """
}
