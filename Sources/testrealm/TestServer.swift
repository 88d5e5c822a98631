import KerberosTestKit
import Subprocess
import SystemPackage

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The program `mongo-test-server`, which the package builds beside this one.
enum TestServer {
    private struct Announcement: Decodable {
        struct Address: Decodable {
            var port: Int
        }

        var listening: [Address]
    }

    /// Starts the server in the realm, runs `body` with a connection string for the first user, and stops it.
    ///
    /// - Parameter roles: Those of every user, as `role@database`.
    static func with<Result: Sendable>(
        _ realm: PreparedRealm, addresses: [String], roles: String, _ body: (String) async throws -> Result
    ) async throws -> Result {
        let program = try Programs.beside("mongo-test-server")
        let users = realm.description.users.map(\.principal)
        let outcome = try await Subprocess.run(
            .path(program),
            arguments: Arguments(
                addresses.flatMap { ["--listen", "\($0.bracketed):0"] }
                    + ["--keytab", realm.description.keytab, "--exit-with-parent"]
                    + users.flatMap { ["--user", "\($0)=\(roles)"] }),
            environment: realm.description.environment.forChild,
            input: .inputWriter, output: .sequence,
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { execution in
            var line = ""
            for try await first in execution.standardOutput.strings() {
                line = first
                break
            }
            let announcement = try? JSONDecoder().decode(Announcement.self, from: Data(line.utf8))
            guard let port = announcement?.listening.first?.port else {
                throw KerberosTestKitError(.toolFailed, "mongo-test-server did not start")
            }
            let result = try await body(
                "mongodb://\(Self.percentEncoded(users.first ?? ""))@localhost:\(port)/?authMechanism=GSSAPI")
            try await execution.standardInputWriter.finish()
            return result
        }
        return outcome.closureResult
    }

    /// The encoding of RFC 3986 for what stands before the `@`.
    private static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
