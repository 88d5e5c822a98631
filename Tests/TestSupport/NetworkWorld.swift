package import Foundation
package import KerberosTestKit

/// A separate network with its own names, for programs that use the system's resolver.
///
/// Linux namespaces: programs outside are not affected, and all of it is removed with its owner, even
/// if that is killed. It needs root, or a system on which users may create namespaces; otherwise
/// ``start(_:)`` throws and says so. Inside there is
///
/// - only the loopback interface, with 127.0.0.0/8, `::1` and the configuration's ``Configuration/addresses``; all
///   ports are free, 53 and 27017 too;
/// - the hosts file and `nsswitch.conf` (`hosts: files dns`) of the configuration;
/// - a name server for its zone at 127.0.0.1, and a `resolv.conf` that names it. Nothing else is reachable.
///
/// ```swift
/// let realm = try await SharedRealm.shared
/// let world = try await NetworkWorld.start(
///     .init(
///         hosts: ["127.0.0.2 db.example.test"], addresses: ["fd00::2"],
///         zone: NameZone([.alias("www.example.test", of: "a.example.test"), .address("a.example.test", "fd00::2")])))
/// let kdc = try await world.startKDC(for: realm.realm)
/// let server = try await world.startServer(
///     realm: realm.realm, keytab: realm.serviceKeytab, users: [realm.ann], listen: ["127.0.0.2:27017"])
/// let result = try await world.run(
///     BuiltExecutable.url(named: "authcheck"), [uri], environment: realm.realm.environment(cache: realm.annCache))
/// for part in [server, kdc] { try await part.stop() }
/// try await world.stop()
/// ```
///
/// Files are those of the machine, so programs inside and outside share a realm's folder; ports are not shared.
package final class NetworkWorld: Sendable {
    /// Its contents.
    package struct Configuration: Sendable {
        /// Lines of the hosts file, after those of `localhost`.
        package var hosts: [String]
        /// IPv6 addresses of the loopback interface beside `::1`. IPv4 needs none: all of 127.0.0.0/8 is there.
        package var addresses: [String]
        /// The records of the name server at 127.0.0.1.
        package var zone: NameZone
        /// Lines of `resolv.conf` beside the name server: `search example.test`, `options timeout:1`.
        package var resolver: [String]
        /// Addresses that neither accept nor refuse connections: listeners whose queue is full, as `address` and
        /// `port`.
        package var deadEnds: [ServerProcess.Address]
        /// A folder that programs inside see at ``NetworkWorld/shownFolder`` too, so that paths are the same in every
        /// run.
        package var folder: String?

        /// Describes a world.
        package init(
            hosts: [String] = [], addresses: [String] = [], zone: NameZone = NameZone(),
            resolver: [String] = ["options timeout:2 attempts:1"], deadEnds: [ServerProcess.Address] = [],
            folder: String? = nil
        ) {
            self.hosts = hosts
            self.addresses = addresses
            self.zone = zone
            self.resolver = resolver
            self.deadEnds = deadEnds
            self.folder = folder
        }
    }

    /// Where ``Configuration/folder`` is seen inside.
    package static let shownFolder = "/mnt"

    private let holder: ServerProcess
    private let fixture: ServerProcess
    private let nsenter: URL

    /// Makes a world, and returns when its name server answers.
    package static func start(_ configuration: Configuration) async throws -> NetworkWorld {
        for (tool, package) in [("ip", "iproute2"), ("mount", "mount"), ("nsenter", "util-linux")] {
            _ = try BuiltExecutable.system(tool, package: package)
        }
        let unshare = try BuiltExecutable.system("unshare", package: "util-linux")
        let hosts = ["127.0.0.1 localhost", "::1 localhost"] + configuration.hosts
        let resolver = ["nameserver 127.0.0.1"] + configuration.resolver
        let holder: ServerProcess
        do {
            holder = try await ServerProcess(
                unshare,
                userOptions + ["--mount", "--net", "/bin/sh", "-c", script, "network-world"]
                    + [hosts, resolver].map { $0.map { "\($0)\n" }.joined() } + [configuration.folder ?? ""]
                    + configuration.addresses,
                environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"])
        } catch {
            throw TestSupportError(
                "no network namespace could be made: run the tests as root (in a container: a privileged one), or where "
                    + "users may make namespaces. \(error)")
        }
        let nsenter = try BuiltExecutable.system("nsenter", package: "util-linux")
        let parts = NetworkFixtureParts(zone: configuration.zone, deadEnds: configuration.deadEnds)
        let fixture = try await ServerProcess(
            nsenter,
            inside(
                holder, BuiltExecutable.url(named: "network-fixture"),
                ["serve", String(decoding: JSONEncoder().encode(parts), as: UTF8.self)]),
            environment: [:])
        return NetworkWorld(holder: holder, fixture: fixture, nsenter: nsenter)
    }

    private init(holder: ServerProcess, fixture: ServerProcess, nsenter: URL) {
        self.holder = holder
        self.fixture = fixture
        self.nsenter = nsenter
    }

    /// Runs a program inside, like ``Child/run(_:_:environment:standardInput:timeout:)``.
    package func run(
        _ executable: URL, _ arguments: [String] = [], environment: [String: String] = [:],
        standardInput: String = "", timeout: Duration = .seconds(120)
    ) async throws -> Child.Result {
        try await Child.run(
            nsenter, Self.inside(holder, executable, arguments), environment: environment,
            standardInput: standardInput, timeout: timeout)
    }

    /// Starts a program that serves inside, like ``ServerProcess/init(_:_:environment:timeout:)``.
    package func start(
        _ executable: URL, _ arguments: [String], environment: [String: String]
    ) async throws -> ServerProcess {
        try await ServerProcess(nsenter, Self.inside(holder, executable, arguments), environment: environment)
    }

    /// Starts the test server inside, like
    /// ``ServerProcess/start(realm:keytab:users:listen:serviceName:serviceHost:arguments:)``.
    package func startServer(
        realm: KerberosRealm, keytab: String, users: [String] = [], listen: [String], serviceHost: String = "localhost",
        arguments: [String] = []
    ) async throws -> ServerProcess {
        let words = listen.flatMap { ["--listen", $0] } + users.flatMap { ["--user", $0] }
        return try await start(
            BuiltExecutable.url(named: "mongo-test-server"),
            words + ["--keytab", keytab, "--service-host", serviceHost, "--exit-with-parent"] + arguments,
            environment: realm.environment(keytab: keytab))
    }

    /// Starts a second KDC for a realm inside, over the same database and with the same addresses, so that the realm's
    /// own configuration is right here too. It runs until it is stopped or dropped.
    ///
    /// - Parameters:
    ///   - profile: The path of another `kdc.conf`, such as one with other addresses.
    ///   - wrapper: A program and its arguments that run the KDC in their own way.
    package func startKDC(
        for realm: KerberosRealm, profile: String? = nil, wrapper: [String] = []
    ) async throws -> ServerProcess {
        let program = try BuiltExecutable.system("krb5kdc", package: "krb5-kdc")
        var environment = realm.environment()
        if let profile { environment["KRB5_KDC_PROFILE"] = profile }
        return try await start(
            URL(fileURLWithPath: "/bin/sh"),
            ["-c", Self.kdcScript, "kdc"] + wrapper + [program.path, "-n", "-r", realm.name], environment: environment)
    }

    /// Ends it, after the servers that tests have started in it were stopped.
    package func stop() async throws {
        try await fixture.stop()
        try await holder.stop()
    }

    private static func inside(_ holder: ServerProcess, _ executable: URL, _ arguments: [String]) -> [String] {
        (geteuid() == 0 ? [] : ["--user", "--preserve-credentials"])
            + ["--mount", "--net", "--target", "\(holder.processIdentifier)", "--", executable.path] + arguments
    }

    /// What lets `unshare` make namespaces for who is not root.
    static var userOptions: [String] { geteuid() == 0 ? [] : ["--user", "--map-root-user"] }

    /// Arguments: the hosts file, `resolv.conf`, a folder to show or nothing, addresses. It makes the namespaces what
    /// they shall be and holds them until its input ends. The files live on a file system without a name, which goes
    /// with its last mount.
    private static let script = """
        set -e
        hosts=$1 resolver=$2 folder=$3
        shift 3
        ip link set lo up
        for address in "$@"; do ip address add "$address/128" dev lo nodad; done
        mount -t tmpfs -o mode=755 network-world /mnt
        printf %s "$hosts" >/mnt/hosts
        printf %s "$resolver" >/mnt/resolv.conf
        echo 'hosts: files dns' >/mnt/nsswitch.conf
        echo 'multi on' >/mnt/host.conf
        : >/mnt/gai.conf
        chmod 644 /mnt/*
        for file in hosts resolv.conf nsswitch.conf; do
            [ -e "/etc/$file" ] || { echo "/etc/$file is missing: make it, so that it can be covered" >&2; exit 1; }
            mount --bind "/mnt/$file" "/etc/$file"
        done
        for file in host.conf gai.conf; do [ ! -e "/etc/$file" ] || mount --bind "/mnt/$file" "/etc/$file"; done
        umount /mnt
        [ -z "$folder" ] || mount --bind "$folder" /mnt
        # A cache daemon of the machine would answer from outside.
        [ ! -d /run/nscd ] || mount -t tmpfs network-world /run/nscd
        echo '{"listening": []}'
        exec cat
        """

    /// Arguments: the words that run the KDC. It says when the KDC has said that it serves, and ends it with its input.
    private static let kdcScript = """
        exec 3<&0
        {
            "$@" </dev/null 2>&1 &
            kdc=$!
            cat <&3 >/dev/null
            kill -KILL "$kdc" 2>/dev/null
            wait "$kdc" 2>/dev/null
            exit 0
        } | while read -r line; do
            case $line in
            *starting...*) echo '{"listening": []}' ;;
            *) echo "$line" >&2 ;;
            esac
        done
        """
}

/// What a world's `network-fixture` serves.
package struct NetworkFixtureParts: Codable {
    package var zone: NameZone
    package var deadEnds: [ServerProcess.Address]
}
