import ArgumentParser
import KerberosTestKit
import Subprocess
import SystemPackage

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Shows an authentication where there is neither a realm nor a server: it brings both.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Starts a private Kerberos realm and a server that demands it, checks it, and stops both.",
        discussion: """
            Needs the MIT KDC (Debian: krb5-kdc krb5-admin-server krb5-user) and the program mongo-test-server beside \
            authcheck; no network, and no root.
            """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let program = try Self.ownProgram()
        let server = program.removingLastComponent().appending("mongo-test-server")
        guard access(server.string, X_OK) == 0 else {
            Diagnostics.print("authcheck: \(server) is missing: run `swift build` to build it beside authcheck")
            throw ExitCode(1)
        }

        Diagnostics.print("starting a private Kerberos realm ...")
        do {
            let status = try await KerberosRealm.withRealm { realm in
                try await check(in: realm, with: program, against: server)
            }
            guard status == 0 else { throw ExitCode(status) }
        } catch let error as KerberosTestKitError {
            Diagnostics.print("authcheck: \(error)")
            throw ExitCode(1)
        }
    }

    /// Everything that uses Kerberos runs in a child: the library reads its configuration from the environment of the
    /// process, which must not change under a running one.
    private func check(in realm: KerberosRealm, with program: FilePath, against server: FilePath) async throws -> Int32
    {
        let user = "ann@\(realm.name)"
        try await realm.addPrincipals([
            NewPrincipal("ann", password: "a password of no importance"), NewPrincipal("mongodb/localhost"),
        ])
        let keytab = try await realm.makeKeytab(for: ["mongodb/localhost"])
        let cache = try await realm.makeCache("ann", password: "a password of no importance")
        Diagnostics.print("realm \(realm.name): user \(user), service mongodb/localhost@\(realm.name)")

        let outcome = try await Subprocess.run(
            .path(server),
            arguments: Arguments(
                // The families that the realm found on this machine: a container may have no IPv6.
                realm.addresses.flatMap { ["--listen", $0.contains(":") ? "[\($0)]:0" : "\($0):0"] } + [
                    "--keytab", keytab, "--service-host", "localhost", "--user", "\(user)=readWrite@demo",
                    "--exit-with-parent",
                ]),
            environment: realm.environment(keytab: keytab).forChild,
            input: .inputWriter, output: .sequence,
            error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        ) { execution in
            var announcement = ""
            for try await line in execution.standardOutput.strings() {
                announcement = line
                break
            }
            let port = try Self.port(in: announcement)
            let uri = "mongodb://ann%40\(realm.name)@localhost:\(port)/?authMechanism=GSSAPI"
            Diagnostics.print("server on localhost:\(port) that demands GSSAPI; now: authcheck '\(uri)'\n")
            let check = try await Subprocess.run(
                .path(program), arguments: ["check", uri, "--format", output.format.rawValue],
                environment: realm.environment(cache: cache).forChild,
                input: .none,
                output: .fileDescriptor(.standardOutput, closeAfterSpawningProcess: false),
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
            try await execution.standardInputWriter.finish()
            return check.terminationStatus.exitStatus
        }
        return outcome.closureResult
    }

    private struct Announcement: Decodable {
        struct Address: Decodable {
            var port: Int
        }

        var listening: [Address]
    }

    /// The port in the line of JSON with which the server says where it listens.
    private static func port(in line: String) throws -> Int {
        let announcement = try? JSONDecoder().decode(Announcement.self, from: Data(line.utf8))
        guard let address = announcement?.listening.first else {
            Diagnostics.print("authcheck: the server did not start")
            throw ExitCode(1)
        }
        return address.port
    }

    private static func ownProgram() throws -> FilePath {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlink("/proc/self/exe", &buffer, buffer.count - 1) > 0 else {
            Diagnostics.print("authcheck: the program's own path is unknown; is /proc mounted?")
            throw ExitCode(1)
        }
        return FilePath(platformString: buffer)
    }
}

extension [String: String] {
    /// This process's environment with these variables over it.
    fileprivate var forChild: Environment {
        var variables: [Environment.Key: String?] = [:]
        for (name, value) in self { variables[Environment.Key(stringLiteral: name)] = value }
        return .inherit.updating(variables)
    }
}

extension TerminationStatus {
    /// The exit status as a shell has it: 128 and the signal's number where a signal ended the program.
    fileprivate var exitStatus: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal
        }
    }
}
