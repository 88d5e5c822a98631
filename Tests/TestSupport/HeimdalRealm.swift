import Foundation

/// A private realm of Heimdal, whose KDC is not MIT's, for clients that are.
///
/// Debian's package conflicts with MIT's KDC, so the build unpacks it into a folder of its own: `make peers`.
package final class HeimdalRealm: Sendable {
    /// The realm's name.
    package let name = "HEIMDAL.TEST"
    /// The realm's folder.
    package let folder: String
    /// The path of a keytab with the keys of `mongodb/localhost`, for the server.
    package let serviceKeytab: String
    /// A cache with a ticket-granting ticket of `ann`, as `FILE:` and path, got by MIT's `kinit`.
    package let annCache: String
    /// The password of `ann`.
    package let annPassword = "ann's password"
    /// The principal of `ann` with its realm.
    package var ann: String { "ann@\(name)" }

    private let programs: HeimdalPrograms
    private let kdc: ServerProcess

    /// Starts a realm with the principals `ann` and `mongodb/localhost`.
    package static func start() async throws -> HeimdalRealm {
        let programs = try HeimdalPrograms()
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("heimdal-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        do {
            try Data(Self.serverConfiguration(folder).utf8).write(to: URL(fileURLWithPath: "\(folder)/kdc.conf"))
            try await programs.administer(
                folder, ["init --realm-max-ticket-life=1d --realm-max-renewable-life=7d HEIMDAL.TEST"])
            // Another program may take the port between finding it and binding it: then the KDC ends at once.
            var lastError: (any Error)?
            for _ in 0..<5 {
                do {
                    return try await HeimdalRealm(folder, programs, try await programs.serve(folder))
                } catch {
                    lastError = error
                }
            }
            throw lastError ?? TestSupportError("Heimdal's KDC did not start")
        } catch {
            try? FileManager.default.removeItem(atPath: folder)
            throw error
        }
    }

    private init(_ folder: String, _ programs: HeimdalPrograms, _ kdc: ServerProcess) async throws {
        self.folder = folder
        self.programs = programs
        self.kdc = kdc
        serviceKeytab = "\(folder)/service.keytab"
        annCache = "FILE:\(folder)/ann.ccache"
        try Data(Self.clientConfiguration(folder, port: kdc.port).utf8)
            .write(to: URL(fileURLWithPath: "\(folder)/krb5.conf"))
        try await programs.administer(
            folder,
            [
                #"add --password="\#(annPassword)" --use-defaults ann"#,
                "add --random-key --use-defaults mongodb/localhost",
                "ext_keytab -k \(serviceKeytab) mongodb/localhost",
            ])
        try await makeCache(annCache)
    }

    /// Stops the KDC; its folder is removed.
    package func stop() async throws {
        try await kdc.stop()
    }

    /// The environment for a child process that shall live in this realm.
    package func environment(cache: String? = nil, keytab: String? = nil, clientKeytab: String? = nil) -> [String:
        String]
    {
        [
            "KRB5_CONFIG": "\(folder)/krb5.conf",
            "KRB5CCNAME": cache ?? "FILE:\(folder)/default.ccache",
            "KRB5_KTNAME": keytab ?? "FILE:\(folder)/default.keytab",
            "KRB5_CLIENT_KTNAME": clientKeytab ?? "FILE:\(folder)/default-client.keytab",
            "KRB5RCACHEDIR": folder,
            "TMPDIR": folder,
        ]
    }

    /// Adds a user with a random key and returns the path of a keytab with it.
    package func addUser(_ name: String) async throws -> String {
        let keytab = "\(folder)/\(name.replacing("/", with: "-")).keytab"
        try await programs.administer(
            folder, ["add --random-key --use-defaults \(name)", "ext_keytab -k \(keytab) \(name)"])
        return keytab
    }

    /// Runs commands of Heimdal's `kadmin`.
    package func administer(_ commands: [String]) async throws {
        try await programs.administer(folder, commands)
    }

    /// Gets a ticket-granting ticket of `ann` with MIT's `kinit`.
    package func makeCache(_ cache: String, options: [String] = []) async throws {
        let kinit = try BuiltExecutable.system("kinit", package: "krb5-user")
        let result = try await Child.run(
            kinit, ["-c", cache] + options + [ann], environment: environment(), standardInput: "\(annPassword)\n")
        guard result.status == 0 else { throw TestSupportError("kinit against Heimdal's KDC: \(result)") }
    }

    private static func serverConfiguration(_ folder: String) -> String {
        """
        [libdefaults]
            default_realm = HEIMDAL.TEST
            dns_lookup_kdc = false
        [kdc]
            database = {
                dbname = \(folder)/heimdal
                realm = HEIMDAL.TEST
                mkey_file = \(folder)/m-key
                acl_file = \(folder)/kadmind.acl
                log_file = \(folder)/heimdal.log
            }
            enable-pkinit = no
        [logging]
            kdc = 0-/FILE:\(folder)/kdc.log

        """
    }

    private static func clientConfiguration(_ folder: String, port: Int) -> String {
        """
        [libdefaults]
            default_realm = HEIMDAL.TEST
            dns_lookup_kdc = false
            dns_lookup_realm = false
            dns_canonicalize_hostname = false
            rdns = false
            udp_preference_limit = 1
        [realms]
            HEIMDAL.TEST = {
                kdc = 127.0.0.1:\(port)
            }

        """
    }
}

/// Where the build has unpacked Heimdal's programs, and how they are run.
struct HeimdalPrograms: Sendable {
    let kcm: URL
    private let kdc: URL
    private let kadmin: URL
    private let libraries: String

    init() throws {
        do {
            kcm = try BuiltExecutable.url(named: "heimdal/usr/sbin/kcm")
            kdc = try BuiltExecutable.url(named: "heimdal/usr/lib/heimdal-servers/kdc")
            kadmin = try BuiltExecutable.url(named: "heimdal/usr/bin/kadmin.heimdal")
        } catch {
            throw TestSupportError(
                "Heimdal is missing: `make test` unpacks the Debian packages heimdal-kdc, heimdal-kcm and heimdal-clients"
            )
        }
        let folder = kadmin.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("lib")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        libraries = names.filter { $0.contains("-linux-") }.map { folder.appendingPathComponent($0).path }
            .joined(separator: ":")
    }

    /// What one of the programs needs that shall find nothing of the machine's.
    func environment(configuration: String) -> [String: String] {
        ["KRB5_CONFIG": configuration, "LD_LIBRARY_PATH": libraries]
    }

    private func environment(_ folder: String) -> [String: String] { environment(configuration: "\(folder)/kdc.conf") }

    func administer(_ folder: String, _ commands: [String]) async throws {
        let input = commands.map { "\($0)\n" }.joined()
        let result = try await Child.run(
            kadmin, ["-l"], environment: environment(folder), standardInput: input)
        // It goes on after a command that fails, and says why with its own name in front.
        guard result.status == 0, !result.stderr.contains("kadmin") else {
            throw TestSupportError("Heimdal's kadmin, \(commands): \(result)")
        }
    }

    /// Starts the KDC on a free port. The shell around it ends it, and removes the folder, when its own input ends.
    func serve(_ folder: String) async throws -> ServerProcess {
        let script = """
            folder=$1 kdc=$2 port=$3
            "$kdc" --config-file="$folder/kdc.conf" --addresses=127.0.0.1 --ports="$port" </dev/null >/dev/null 2>&1 &
            child=$!
            tries=0
            until grep -qs "listening on IPv4:127.0.0.1 port $port/tcp" "$folder/kdc.log"; do
                tries=$((tries + 1))
                if [ "$tries" -gt 600 ] || ! kill -0 "$child"; then exit 1; fi
                sleep 0.05
            done
            echo "{\\"listening\\": [{\\"host\\": \\"127.0.0.1\\", \\"port\\": $port}]}"
            while read -r line; do :; done
            kill "$child"
            wait "$child"
            rm -rf -- "$folder"
            exit 0
            """
        return try await ServerProcess(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", script, "heimdal-kdc", folder, kdc.path, "\(try FreePort.find())"],
            environment: environment(folder))
    }
}

/// A TCP port that is free at this moment.
enum FreePort {
    static func find() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw TestSupportError("no free loopback port") }
        return UInt16(bigEndian: address.sin_port)
    }
}
