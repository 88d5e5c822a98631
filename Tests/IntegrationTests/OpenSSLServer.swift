import Foundation
import TestSupport

/// `openssl s_server` in a folder, on a free port of 127.0.0.1.
enum OpenSSLServer {
    static let ownCertificate = ["-key", "server.key", "-cert", "server.crt"]

    static func start(in folder: URL, _ options: [String] = ownCertificate) async throws -> ServerProcess {
        try await ServerProcess(
            URL(fileURLWithPath: "/bin/sh"), ["-c", script, "serve", folder.path] + options, environment: [:])
    }

    /// Arguments: the folder, options. It says on which port the server listens, and ends the server with its input.
    private static let script = """
        exec 3<&0
        cd "$1"
        shift
        # Nobody writes to it, and it has no end, which the program would take for ours.
        mkfifo input
        exec 4<>input
        {
            openssl s_server -accept 127.0.0.1:0 "$@" <&4 2>&1 &
            server=$!
            cat <&3 >/dev/null
            kill "$server" 2>/dev/null
            wait "$server" 2>/dev/null
            exit 0
        } | while read -r line; do
            case $line in
            ACCEPT\\ *) printf '{"listening": [{"host": "127.0.0.1", "port": %d}]}\\n' "${line##*:}" ;;
            *rror*) echo "$line" >&2 ;;
            esac
        done
        """
}
