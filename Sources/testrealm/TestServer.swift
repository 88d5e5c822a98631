import KerberosTestKit
import SaslConnectionString
import Subprocess
import SystemPackage

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The program `mongo-test-server`, which the package builds next to this one.
enum TestServer {
    private struct Announcement: Decodable {
        struct Address: Decodable {
            var port: Int
        }

        var listening: [Address]
    }

    /// The program's path.
    static func program() throws -> FilePath {
        try Programs.beside("mongo-test-server")
    }

    /// A connection string for one of the server's users.
    static func uri(_ user: String, host: String = "localhost", port: Int) -> String {
        "mongodb://\(percentEncoded(user, keeping: .unreserved))@\(host):\(port)/?authMechanism=GSSAPI"
    }

    /// Starts the server in the realm, runs `body` with its port, and stops it.
    ///
    /// - Parameters:
    ///   - roles: Those of every user, as `role@database`.
    ///   - users: The accepted principals.
    ///   - options: Further words for the program.
    static func with<Result: Sendable>(
        _ realm: PreparedRealm, roles: String, users: [String], options: [String] = [],
        _ body: (Int) async throws -> Result
    ) async throws -> Result {
        let program = try program()
        let outcome = try await Subprocess.run(
            .path(program),
            arguments: Arguments(
                realm.kerberos.addresses.flatMap { ["--listen", "\($0.bracketed):0"] }
                    + ["--keytab", realm.description.keytab, "--exit-with-parent"]
                    + users.flatMap { ["--user", "\($0)=\(roles)"] } + options),
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
            let result = try await body(port)
            try await execution.standardInputWriter.finish()
            return result
        }
        return outcome.closureResult
    }
}
