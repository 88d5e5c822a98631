import Glibc
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
    static func with<Result: Sendable>(
        _ realm: PreparedRealm, addresses: [String], _ body: (String) async throws -> Result
    ) async throws -> Result {
        let program = try ownProgram().removingLastComponent().appending("mongo-test-server")
        guard access(program.string, X_OK) == 0 else {
            throw KerberosTestKitError(
                .toolMissing, "\(program) is missing: build it with `swift build --product mongo-test-server`")
        }
        let users = realm.description.users.map(\.principal)
        let outcome = try await Subprocess.run(
            .path(program),
            arguments: Arguments(
                addresses.flatMap { ["--listen", $0.contains(":") ? "[\($0)]:0" : "\($0):0"] }
                    + ["--keytab", realm.description.keytab, "--exit-with-parent"]
                    + users.flatMap { ["--user", "\($0)=readWrite@test"] }),
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
            let user = (users.first ?? "").utf8.map { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
            let result = try await body("mongodb://\(user)@localhost:\(port)/?authMechanism=GSSAPI")
            try await execution.standardInputWriter.finish()
            return result
        }
        return outcome.closureResult
    }

    private static func ownProgram() throws -> FilePath {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else {
            throw KerberosTestKitError(.fileSystem, "the program's own path is unknown; is /proc mounted?")
        }
        return FilePath(platformString: buffer)
    }
}

extension [String: String] {
    /// This process's environment with these variables over it.
    var forChild: Environment {
        var variables: [Environment.Key: String?] = [:]
        for (name, value) in self { variables[Environment.Key(stringLiteral: name)] = value }
        return .inherit.updating(variables)
    }
}
