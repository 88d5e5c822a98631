import Foundation
package import KerberosTestKit

/// A gssproxy that holds a user's key for programs that authenticate with it.
///
/// Its library stands in for the Kerberos mechanism in every process that is told so by ``environment``, and asks the
/// daemon over a socket. `make peers` unpacks it: installed, it would affect every other program.
package final class GSSProxy: Sendable {
    /// The environment for a child process that has credentials in this way only.
    package let environment: [String: String]
    private let folder: String
    private let daemon: ServerProcess

    /// Starts it with a keytab, and returns when it listens.
    ///
    /// - Parameters:
    ///   - realm: The user's realm, which the daemon finds as the clients do.
    ///   - keytab: The path of a keytab with the user's key.
    ///   - principal: The user.
    package static func start(in realm: KerberosRealm, keytab: String, principal: String) async throws -> GSSProxy {
        let program: URL
        do {
            program = try BuiltExecutable.url(named: "gssproxy/usr/sbin/gssproxy")
        } catch {
            throw TestSupportError("gssproxy is missing: `make test` unpacks the Debian package")
        }
        let libraries = program.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("lib")
        let names = try FileManager.default.contentsOfDirectory(atPath: libraries.path)
        guard let name = names.first(where: { $0.contains("-linux-") }) else {
            throw TestSupportError("gssproxy has no libraries in \(libraries.path)")
        }
        let library = libraries.appendingPathComponent(name)
        // The path of a socket has room for 107 bytes, whatever TMPDIR is.
        let folder = "/tmp/gssproxy-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        do {
            let interposer = library.appendingPathComponent("gssproxy/proxymech.so").path
            try Data("gssproxy_v1 2.16.840.1.113730.3.8.15.1 \(interposer) <interposer>\n".utf8)
                .write(to: URL(fileURLWithPath: "\(folder)/mech"))
            try Data(configuration(folder, keytab: keytab, principal: principal).utf8)
                .write(to: URL(fileURLWithPath: "\(folder)/gssproxy.conf"))
            var environment = realm.environment(cache: "FILE:\(folder)/daemon.ccache")
            environment["LD_LIBRARY_PATH"] = library.path
            let daemon = try await ServerProcess(
                URL(fileURLWithPath: "/bin/sh"), ["-c", script, "gssproxy", folder, program.path],
                environment: environment)
            return GSSProxy(folder, daemon)
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        }
    }

    private init(_ folder: String, _ daemon: ServerProcess) {
        self.folder = folder
        self.daemon = daemon
        environment = [
            "GSS_USE_PROXY": "yes", "GSS_MECH_CONFIG": "\(folder)/mech", "GSSPROXY_SOCKET": "\(folder)/socket",
        ]
    }

    /// Ends it; its folder is removed.
    package func stop() async throws {
        try await daemon.stop()
    }

    private static func configuration(_ folder: String, keytab: String, principal: String) -> String {
        """
        [gssproxy]
            socket = \(folder)/socket
        [service/test]
            mechs = krb5
            cred_store = client_keytab:\(keytab)
            cred_store = ccache:FILE:\(folder)/user.ccache
            cred_usage = initiate
            krb5_principal = \(principal)
            euid = \(getuid())

        """
    }

    /// Arguments: the folder, the program.
    private static let script = """
        folder=$1 gssproxy=$2
        "$gssproxy" -i -C "$folder" -c "$folder/gssproxy.conf" -s "$folder/socket" </dev/null >"$folder/log" 2>&1 &
        child=$!
        tries=0
        until [ -S "$folder/socket" ]; do
            tries=$((tries + 1))
            if [ "$tries" -gt 600 ] || ! kill -0 "$child"; then kill "$child"; cat "$folder/log" >&2; exit 1; fi
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
