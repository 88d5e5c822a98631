import Foundation
import TestSupport

/// `openssl s_server` in a folder, on a free port of 127.0.0.1.
enum OpenSSLServer {
    /// A folder of certificates that a script makes, whose argument it is. The tests of a suite share it, and the system clears it
    /// away.
    static func folder(madeBy script: String) async throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let made = try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", script, "make", folder.path])
        guard made.status == 0 else { throw TestSupportError("no certificates were made: \(made)") }
        return folder
    }

    /// What Python's `ssl`, which is OpenSSL with its defaults and what PyMongo uses, makes of a server on 127.0.0.1.
    ///
    /// - Parameter lists: A file with revocation lists, asked for as PyMongo does.
    static func handshakeOfPython(
        _ port: Int, host: String = "localhost", authorities: String, lists: String? = nil
    ) async throws -> Child.Result {
        try await Child.run(
            BuiltExecutable.system("python3", package: "python3"),
            ["-c", handshake, "\(port)", host, authorities] + (lists.map { [$0] } ?? []), timeout: .seconds(60))
    }

    private static let handshake = """
        import socket, ssl, sys
        port, host, authorities, *lists = sys.argv[1:]
        context = ssl.create_default_context(cafile=authorities)
        for file in lists:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
            context.load_verify_locations(file)
        with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as raw:
            with context.wrap_socket(raw, server_hostname=host) as connection:
                print(connection.version(), connection.cipher()[0])
        """

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
