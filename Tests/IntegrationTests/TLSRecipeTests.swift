import Foundation
import TestSupport
import Testing

/// `Fixtures/TLS/make`: certificates for servers that are started by hand or in containers.
@Suite struct TLSRecipeTests {
    @Test(
        "Its certificates are good for the hosts and the purpose they are made for, and for no other",
        arguments: [
            (["-purpose", "sslserver", "-verify_hostname", "db.example.test", "server.crt"], true),
            (["-purpose", "sslserver", "-verify_ip", "fd00::1", "server.crt"], true),
            (["-purpose", "sslserver", "-verify_ip", "127.0.0.1", "server.crt"], true),
            (["-purpose", "sslserver", "-verify_hostname", "other.example.test", "server.crt"], false),
            (["-purpose", "sslclient", "server.crt"], false),
            (["-purpose", "sslclient", "client.crt"], true),
        ])
    func verifies(arguments: [String], expected: Bool) async throws {
        try await withFolder { folder in
            let recipe = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../Fixtures/TLS/make").standardized
            let openssl = try BuiltExecutable.system("openssl", package: "openssl")
            let made = try await Child.run(recipe, [folder.path, "db.example.test", "127.0.0.1", "fd00::1"])
            try #require(made.status == 0, "\(made)")
            let words = arguments.dropLast() + [folder.appendingPathComponent(arguments.last ?? "").path]
            let verdict = try await Child.run(
                openssl, ["verify", "-CAfile", folder.appendingPathComponent("ca.crt").path] + words)
            #expect((verdict.status == 0) == expected, "\(verdict)")
        }
    }
}
