import Foundation
import KerberosTestKit
import TestSupport
import Testing

/// `authcheck` with Kerberos inside TLS, against the package's test server.
@Suite struct TLSTests {
    /// How a connection string names the server, which its certificate must confirm.
    enum Place: String, CaseIterable, CustomTestStringConvertible {
        case name = "localhost"
        case ipv4 = "127.0.0.1"
        case ipv6 = "::1"

        var testDescription: String { rawValue }
        /// Alone on its family, so that nothing else can have answered.
        var listen: [String] { self == .name ? ["127.0.0.1:0", "[::1]:0"] : ["\(inURI):0"] }
        var inURI: String { self == .ipv6 ? "[::1]" : rawValue }
    }

    private func server(
        _ realm: SharedRealm, clients: String = "none", listen: [String] = ["127.0.0.1:0"]
    ) async throws -> ServerProcess {
        let authority = try await TestAuthority.shared
        return try await ServerProcess.start(
            realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: listen,
            arguments: [
                "--tls-certificate-key-file", authority.path("localhost.pem"), "--tls-ca-file",
                authority.path("ca.crt"), "--tls-client-certificates", clients,
            ])
    }

    private func check(
        _ realm: SharedRealm, _ server: ServerProcess, _ options: TLSURIOptions = TLSURIOptions()
    ) async throws -> CheckOutcome {
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port)) + (try await options.uriSuffix)
        return try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
    }

    // MARK: - The server's certificate

    /// Version, cipher, subject, names, issuer and expiry, for people and for programs.
    @Test(arguments: Place.allCases)
    func theReportShowsTheConnectionAndTheCertificate(_ place: Place) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm, listen: place.listen)
        let uri = gssapiURI(realm.ann, "\(place.inURI):\(server.port)") + (try await TLSURIOptions().uriSuffix)
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 0, "\(outcome)")
        let host = try #require(outcome.report.hosts.first)
        #expect(host.identity?.user == realm.ann)
        #expect(host.phases.map(\.result) == Array(repeating: "ok", count: 7), "\(outcome)")
        let tls = try #require(host.phases.first { $0.name == "tls" })
        #expect(tls.milliseconds != nil)
        let form =
            /TLSv1\.3, TLS_[A-Z0-9_]+, CN=localhost,O=Tests \(for localhost 127\.0\.0\.1 ::1\), issuer CN=Test CA,O=Tests, expires 2099-01-01/
        let detail = try #require(tls.detail)
        #expect(detail.wholeMatch(of: form) != nil, "\(detail)")

        let text = try await AuthCheck.run(
            [uri, "--details"], environment: realm.realm.environment(cache: realm.annCache))
        #expect(text.status == 0, "\(text)")
        #expect(text.stdout.contains(form), "\(text)")
        try await server.stop()
    }

    /// As OpenSSL has it, where the string names no file.
    @Test(arguments: [("SSL_CERT_FILE", "ca.crt"), ("SSL_CERT_DIR", "hashed"), ("SSL_CERT_DIR", "nowhere:hashed")])
    func theVariablesOfOpenSSLCount(name: String, value: String) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let authority = try await TestAuthority.shared
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port)) + "&tls=true"
        let paths = value.split(separator: ":").map { authority.path(String($0)) }.joined(separator: ":")
        let variables = ["SSL_CERT_FILE": "", "SSL_CERT_DIR": ""].merging([name: paths]) { $1 }
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache, environment: variables)
        #expect(outcome.status == 0, "\(outcome)")
        let others = try await OtherDriver.ask(
            commonURI(realm.ann, Family.ipv4.authority(server.port)) + "&tls=true",
            environment: realm.realm.environment(cache: realm.annCache).merging(variables) { $1 })
        #expect(others.connected(as: realm.ann) == [.pyMongo, .libmongoc], "\(others)")
        let missing = variables.merging([name: "/nowhere"]) { $1 }
        let stranger = try await AuthCheck.check(uri, in: realm, cache: realm.annCache, environment: missing)
        #expect(stranger.status == 12, "\(stranger)")
        #expect(stranger.failure?.message.contains("\(name) (/nowhere") == true, "\(stranger)")
        // A file that is named in the string is all that counts.
        let named = try await AuthCheck.check(
            uri + "&tlsCAFile=" + authority.path("other-ca.crt"), in: realm, cache: realm.annCache,
            environment: variables)
        #expect(named.status == 12, "\(named)")
        try await server.stop()
    }

    /// Files that begin with a UTF-8 byte order mark.
    @Test func aByteOrderMark() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm, clients: "demand")
        for (authorities, key) in [("marked-ca.crt", "client.pem"), ("ca.crt", "marked-client.pem")] {
            let files = try await TLSURIOptions(authorities: authorities, certificateKey: key).uriSuffix
            let outcome = try await check(realm, server, .init(authorities: authorities, certificateKey: key))
            #expect(outcome.status == 0, "\(outcome)")
            let others = try await OtherDriver.ask(
                commonURI(realm.ann, Family.ipv4.authority(server.port)) + files,
                environment: realm.realm.environment(cache: realm.annCache))
            #expect(others.connected == [.pyMongo, .libmongoc], "\(authorities), \(key): \(others)")
        }
        try await server.stop()
    }

    /// Where the string names no file, the system's authorities count: this run's is made one of them, in a view of the
    /// files that only this program has.
    @Test func theSystemsAuthoritiesAreTheDefault() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port)) + "&tls=true"
        let stranger = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(stranger.status == 12, "\(stranger)")

        let system = "/etc/ssl/certs/ca-certificates.crt"
        try #require(FileManager.default.fileExists(atPath: system), "install the package ca-certificates")
        let script = #"mount --bind "$1" "$2" && shift 2 && exec "$@""#
        let result = try await Child.run(
            BuiltExecutable.system("unshare", package: "util-linux"),
            (geteuid() == 0 ? [] : ["--user", "--map-root-user"])
                + ["--mount", "/bin/sh", "-c", script, "sh", try await TestAuthority.shared.path("ca.crt"), system]
                + [BuiltExecutable.url(named: "authcheck").path, uri, "--format", "json", "--timeout", "60s"],
            environment: realm.realm.environment(cache: realm.annCache)
                .merging(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]) { $1 })
        let outcome = try AuthCheck.read(result)
        #expect(outcome.status == 0, "\(outcome)")
        try await server.stop()
    }

    @Test func aServerWithTLSAndAClientWithout() async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm)
        let uri = gssapiURI(realm.ann, Family.ipv4.authority(server.port))
        let outcome = try await AuthCheck.check(uri, in: realm, cache: realm.annCache)
        #expect(outcome.status == 13, "\(outcome)")
        #expect(outcome.failure?.phase == "hello", "\(outcome)")
        #expect(outcome.advice.contains("tls=true"), "\(outcome)")
        try await server.stop()
    }

    @Test func aServerWithoutTLSAndAClientWith() async throws {
        let realm = try await SharedRealm.shared
        let server = try await ServerProcess.start(realm: realm.realm, keytab: realm.serviceKeytab)
        let outcome = try await check(realm, server)
        #expect(outcome.status == 12, "\(outcome)")
        #expect(outcome.failure?.phase == "tls", "\(outcome)")
        #expect(outcome.advice.contains("not speak TLS"), "\(outcome)")
        try await server.stop()
    }

    // MARK: - The client's certificate

    struct Client: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var clients: String
        var options: TLSURIOptions
        /// What the failure says; `nil` where there is none.
        var refusal: String?
    }

    @Test(arguments: [
        Client(testDescription: "demanded and given", clients: "demand", options: .init(certificateKey: "client.pem")),
        Client(
            testDescription: "demanded and given, with an encrypted key", clients: "demand",
            options: .init(certificateKey: "client-encrypted.pem", password: TestAuthority.password)),
        Client(
            testDescription: "demanded and given, with a key in the encryption of old", clients: "demand",
            options: .init(certificateKey: "client-encrypted-old.pem", password: TestAuthority.password)),
        Client(testDescription: "asked for and given", clients: "ask", options: .init(certificateKey: "client.pem")),
        Client(testDescription: "asked for and not given", clients: "ask", options: .init()),
        Client(
            testDescription: "given although nobody asks", clients: "none", options: .init(certificateKey: "client.pem")
        ),
        Client(
            testDescription: "demanded and missing", clients: "demand", options: .init(),
            refusal: "requires a client certificate"),
        Client(
            testDescription: "demanded, of another authority", clients: "demand",
            options: .init(certificateKey: "stranger.pem"), refusal: "not accept the client's certificate"),
        Client(
            testDescription: "asked for, of another authority", clients: "ask",
            options: .init(certificateKey: "stranger.pem"), refusal: "not accept the client's certificate"),
        Client(
            testDescription: "given to a server whose authority is not ours", clients: "demand",
            options: .init(authorities: "other-ca.crt", certificateKey: "client.pem"), refusal: "is not trusted"),
        Client(
            testDescription: "an encrypted key without password", clients: "demand",
            options: .init(certificateKey: "client-encrypted.pem"), refusal: "no password is given"),
    ])
    func aClientsCertificate(_ client: Client) async throws {
        let realm = try await SharedRealm.shared
        let server = try await server(realm, clients: client.clients)
        let outcome = try await check(realm, server, client.options)
        #expect(!outcome.child.stdout.contains(TestAuthority.password))
        if let refusal = client.refusal {
            #expect(outcome.status == 12, "\(outcome)")
            #expect(outcome.failure?.phase == "tls", "\(outcome)")
            #expect(outcome.failure?.message.contains(refusal) == true, "\(outcome)")
        } else {
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.report.hosts.map(\.identity?.user) == [realm.ann], "\(outcome)")
        }
        // A client that TLS refuses does not get to the authentication.
        let log = try await server.stop().stderr
        #expect(log == (client.refusal == nil ? "authenticated \(realm.ann)\n" : ""))
    }
}
