import Foundation
package import KerberosTestKit

/// A cache daemon for caches of the type `KCM`.
///
/// MIT's library has the client, and no daemon: this is Heimdal's, unpacked by `make peers`. Its socket is at a fixed
/// place under `/var/run`, so it runs where that is a folder of ours: in a mount namespace, as ``NetworkWorld`` does.
package final class HeimdalKCM: Sendable {
    private let folder: String
    private let daemon: ServerProcess

    /// Starts it, and returns when it listens.
    package static func start() async throws -> HeimdalKCM {
        let programs = try HeimdalPrograms()
        let unshare = try BuiltExecutable.system("unshare", package: "util-linux")
        _ = try BuiltExecutable.system("mount", package: "mount")
        // The path of a socket has room for 107 bytes, whatever TMPDIR is.
        let folder = "/tmp/kcm-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        do {
            try Data("[logging]\n    kcm = 0-/FILE:\(folder)/kcm.log\n".utf8)
                .write(to: URL(fileURLWithPath: "\(folder)/kcm.conf"))
            try Data("[libdefaults]\n    kcm_socket = \(folder)/\(socket)\n".utf8)
                .write(to: URL(fileURLWithPath: "\(folder)/krb5.conf"))
            let environment = programs.environment(configuration: "\(folder)/kcm.conf")
            let daemon = try await ServerProcess(
                unshare,
                NetworkWorld.userOptions + [
                    "--mount", "--net", "/bin/sh", "-c", script, "kcm", folder, programs.kcm.path,
                    environment["LD_LIBRARY_PATH"] ?? "",
                ],
                environment: ["KRB5_CONFIG": environment["KRB5_CONFIG"] ?? ""])
            return HeimdalKCM(folder, daemon)
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw TestSupportError(
                "Heimdal's KCM daemon did not start: run the tests as root (in a container: a privileged one), or where "
                    + "users may make namespaces. \(error)")
        }
    }

    private init(_ folder: String, _ daemon: ServerProcess) {
        self.folder = folder
        self.daemon = daemon
    }

    /// The environment for a child process in a realm that uses this daemon.
    package func environment(_ realm: KerberosRealm, cache: String? = nil) -> [String: String] {
        realm.environment(cache: cache).merging(
            ["KRB5_CONFIG": "\(realm.configurationFile):\(folder)/krb5.conf"]) { $1 }
    }

    /// Ends it; its tickets and its folder are removed.
    package func stop() async throws {
        try await daemon.stop()
    }

    private static let socket = ".heim_org.h5l.kcm-socket"

    /// Arguments: the folder, the program, where its libraries are. It ends the daemon when its input ends. In a
    /// network of its own the only socket that listens is the daemon's; what the daemon keeps, it keeps without a KDC.
    private static let script = """
        folder=$1 kcm=$2 libraries=$3
        mount --bind "$folder" /var/run || exit 1
        LD_LIBRARY_PATH=$libraries "$kcm" --config-file="$folder/kcm.conf" </dev/null >&2 &
        child=$!
        tries=0
        until grep -q '^[^ ]* [^ ]* [^ ]* 00010000 .*/\(socket)$' /proc/net/unix; do
            tries=$((tries + 1))
            if [ "$tries" -gt 600 ] || ! kill -0 "$child"; then kill "$child"; cat "$folder/kcm.log" >&2; exit 1; fi
            sleep 0.05
        done
        echo '{"listening": []}'
        while read -r line; do :; done
        kill "$child"
        wait "$child"
        rm -rf -- "$folder"
        exit 0
        """
}
