public import Foundation
internal import KerberosTestKit

/// MongoDB's driver for C, libmongoc, as a program that authenticates and runs a command.
public enum CDriver {
    /// The program, compiled once for all tests of this process. Arguments: a connection string, and the name of a command that is
    /// not connectionStatus. It prints one line of JSON, and ends with 0 where the server has answered.
    public static var program: URL {
        get async throws { try await compiled.value }
    }

    private static let compiled = Task { () async throws -> URL in
        let needed = "install the packages gcc, pkg-config and libmongoc-dev"
        let pkgConfig = try BuiltExecutable.system("pkg-config", package: "pkg-config")
        let flags = try await Child.run(pkgConfig, ["--cflags", "--libs", "libmongoc-1.0"])
        guard flags.status == 0 else { throw TestSupportError("libmongoc is missing: \(needed). \(flags)") }
        // In the shared realm's folder, which goes when this process does.
        let program = URL(fileURLWithPath: try await SharedRealm.shared.realm.folder)
            .appendingPathComponent("libmongoc_peer")
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("MongoTestServerTests/Peers/libmongoc_peer.c").path
        let words = flags.stdout.split { $0.isWhitespace }.map(String.init)
        let compilation = try await Child.run(
            BuiltExecutable.system("cc", package: "gcc"), ["-Wall", "-Werror", "-o", program.path, source] + words)
        guard compilation.status == 0 else {
            throw TestSupportError("the C peer could not be compiled: \(needed). \(compilation)")
        }
        return program
    }
}
