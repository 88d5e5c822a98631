import Foundation
import Glibc
import KerberosTestKit
import TestSupport
import Testing

/// The program `mongo-test-server`: what it prints, and how it ends.
@Suite struct ProgramTests {
    @Test("A signal ends it with status 0", arguments: [SIGTERM, SIGINT])
    func signals(number: Int32) async throws {
        let server = try await start()
        #expect(server.addresses.map(\.host) == ["127.0.0.1", "::1"])
        #expect(kill(server.processIdentifier, number) == 0)
        let result = try await server.wait()
        #expect(result.status == 0, "\(result)")
        #expect(result.stdout.split(separator: "\n").count == 1)
    }

    @Test("The end of its input ends it with status 0")
    func endOfInput() async throws {
        let result = try await start().end()
        #expect(result.status == 0, "\(result)")
    }

    @Test("localhost means both loopback addresses, and each --listen is one more")
    func addresses() async throws {
        let server = try await start(listen: ["localhost:0", "127.0.0.2:0"])
        #expect(server.addresses.map(\.host) == ["127.0.0.1", "::1", "127.0.0.2"])
        #expect(Set(server.addresses.map(\.port)).count == 1)
        try await server.stop()
    }

    @Test("Without --listen it takes 127.0.0.1, and ::1 where the kernel has it")
    func defaultAddresses() async throws {
        let interfaces = (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8)) ?? ""
        let loopback = String(repeating: "0", count: 31) + "1 "
        let hasIPv6 = interfaces.split(separator: "\n").contains { $0.hasPrefix(loopback) }
        let server = try await start(listen: [])
        #expect(server.addresses.map(\.host) == ["127.0.0.1"] + (hasIPv6 ? ["::1"] : []))
        try await server.stop()
    }

    @Test("An exit status other than 0 fails whoever stops it")
    func badEnding() async throws {
        let script = #"echo '{"listening": []}'; cat >/dev/null; echo trouble >&2; exit 66"#
        func shell() async throws -> ServerProcess {
            try await ServerProcess(BuiltExecutable.system("sh", package: "dash"), ["-c", script], environment: [:])
        }
        let error = await #expect(throws: TestSupportError.self) { try await shell().stop() }
        #expect(error?.description.contains("exit status 66") == true && error?.description.contains("trouble") == true)
        #expect(try await shell().end().status == 66)
    }

    @Test(
        "Bad arguments are a usage error",
        arguments: [
            ["--listen", "127.0.0.1"], ["--listen", "::1:27017"], ["--listen", "127.0.0.1:65536"], ["--user", ""],
            ["--user", "ann=read"], ["--auth-failure-delay", "-1"], ["--nonsense"],
            ["--tls-ca-file", "ca.pem"], ["--tls-client-certificates", "demand"],
            ["--tls-certificate-key-file", "server.pem", "--tls-client-certificates", "ask"],
            ["--tls-certificate-key-file", "server.pem", "--tls-client-certificates", "maybe"],
        ])
    func badArguments(arguments: [String]) async throws {
        let result = try await Child.run(BuiltExecutable.url(named: "mongo-test-server"), arguments)
        #expect(result.status == 64, "\(result)")
        #expect(result.stdout.isEmpty && result.stderr.contains("Usage: mongo-test-server"), "\(result)")
    }

    @Test("A keytab that is not there and a port that is taken are told")
    func failures() async throws {
        let program = try BuiltExecutable.url(named: "mongo-test-server")
        let keytab = try await Child.run(program, ["--keytab", "/nonexistent/keytab"])
        #expect(keytab.status == 1 && keytab.stderr.contains("/nonexistent/keytab cannot be read"), "\(keytab)")

        let server = try await start()
        let taken = try await Child.run(program, ["--listen", "127.0.0.1:\(server.port)"])
        #expect(taken.status == 1 && taken.stderr.contains("cannot be listened on"), "\(taken)")
        try await server.stop()
    }

    @Test(
        "Files for TLS that cannot be used are told",
        arguments: [
            ("missing.pem", "ca.crt", "missing.pem", "certificates"),
            ("localhost.crt", "ca.crt", "localhost.crt", "key"),
            ("localhost.key", "ca.crt", "localhost.key", "certificates"),
            ("client-encrypted.pem", "ca.crt", "client-encrypted.pem", "password"),
            ("mismatch.pem", "ca.crt", "mismatch.pem", "does not match"),
            ("localhost.pem", "garbage.pem", "garbage.pem", "certificates"),
        ])
    func filesForTLS(certificateKey: String, authorities: String, named: String, says: String) async throws {
        let authority = try await TestAuthority.shared
        let result = try await Child.run(
            BuiltExecutable.url(named: "mongo-test-server"),
            [
                "--tls-certificate-key-file", authority.path(certificateKey), "--tls-ca-file",
                authority.path(authorities), "--tls-client-certificates", "demand",
            ])
        #expect(result.status == 1 && result.stdout.isEmpty, "\(result)")
        #expect(result.stderr.contains(named) && result.stderr.contains(says), "\(result)")
    }

    private func start(listen: [String] = ["127.0.0.1:0", "[::1]:0"]) async throws -> ServerProcess {
        let shared = try await SharedRealm.shared
        return try await ServerProcess.start(realm: shared.realm, keytab: shared.serviceKeytab, listen: listen)
    }
}
