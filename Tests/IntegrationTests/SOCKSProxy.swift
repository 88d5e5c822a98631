import Foundation
import KerberosTestKit
import TestSupport

/// A SOCKS5 proxy that we did not write: `microsocks`.
struct SOCKSProxy {
    let port: Int
    private let process: ServerProcess

    /// - Parameter user: The name and the password that it demands; `nil` is nobody.
    static func start(_ family: Family = .ipv4, user: (name: String, password: String)? = nil) async throws
        -> SOCKSProxy
    {
        let program = try BuiltExecutable.system("microsocks", package: "microsocks")
        let options = user.map { ["-u", $0.name, "-P", $0.password] } ?? []
        // It does not report when or where it listens, so the ports are tried in turn until one is its own.
        let process = try await ServerProcess(
            URL(fileURLWithPath: "/bin/bash"), ["-c", script, "proxy", program.path, family.rawValue] + options,
            environment: [:])
        return SOCKSProxy(port: process.port, process: process)
    }

    func stop() async throws { try await process.stop() }

    /// Arguments: the program, the address, its options.
    private static let script = """
        program=$1 address=$2
        shift 2
        exec 3<&0
        for attempt in {1..50}; do
            port=$((RANDOM % 20000 + 12000))
            "$program" -i "$address" -p "$port" "$@" </dev/null >/dev/null 2>&1 &
            proxy=$!
            while kill -0 "$proxy" 2>/dev/null; do
                if (exec 4<>"/dev/tcp/$address/$port") 2>/dev/null; then
                    # Another program's port would have ended it.
                    kill -0 "$proxy" 2>/dev/null || continue 2
                    printf '{"listening": [{"host": "%s", "port": %d}]}\\n' "$address" "$port"
                    cat <&3 >/dev/null
                    kill "$proxy"
                    exit 0
                fi
            done
        done
        exit 1
        """
}
