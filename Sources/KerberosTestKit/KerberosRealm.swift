import Glibc
internal import SystemPackage

/// A private MIT Kerberos realm: a KDC on free loopback ports, with all its files in one temporary folder.
///
/// It needs no privileges, and reads and writes no configuration, cache or keytab outside its folder. The KDC and the
/// folder are removed when ``stop()`` returns, when the last reference is dropped, and shortly after this process
/// has ended, even by SIGKILL.
///
/// The Kerberos libraries take their configuration from the environment, which belongs to a whole process. So start
/// programs that use the realm as child processes with ``environment(cache:keytab:clientKeytab:)``.
///
/// ```swift
/// let realm = try await KerberosRealm.start()
/// try await realm.addPrincipal("ann", password: "secret")
/// try await realm.addPrincipal("mongodb/localhost")
/// let keytab = try await realm.makeKeytab(for: ["mongodb/localhost"])
/// let cache = try await realm.makeCache("ann", password: "secret")
/// ```
public actor KerberosRealm {
    /// How the realm was set up.
    public nonisolated let configuration: Configuration
    /// The realm's folder, an absolute path; only the user who runs this process can read it.
    public nonisolated let folder: String
    /// The port on which the KDC listens, the same for UDP and TCP on all ``addresses``.
    public nonisolated let port: UInt16
    /// A stopped KDC has no socket, and is restarted on its old port.
    private let reservation: LoopbackPort.Reservation?
    /// The addresses on which the KDC listens: `127.0.0.1` and `::1`, as far as this machine has them.
    public nonisolated let addresses: [String]

    nonisolated let files: RealmFiles
    /// Runs the KDC's programs if the realm is in a container.
    nonisolated let engine: ContainerEngine?
    /// The domain, if the KDC is Samba's.
    nonisolated let samba: SambaDomain?
    private let watch: RealmGuard
    private var kdc: pid_t?
    private var isStopped = false
    private var lastFileNumber = 0
    /// The current `krb5.conf`: the configuration, and other realms that were added since the start.
    private var clientConfiguration: Configuration

    /// The realm's name.
    public nonisolated var name: String { configuration.realm }
    /// The path of the realm's `krb5.conf`, the value for `KRB5_CONFIG`.
    public nonisolated var configurationFile: String { files.krb5Conf }
    /// The process id of the KDC while it runs or is paused; `nil` for one in a container.
    public var processIdentifier: Int32? { kdc }

    private init(
        configuration: Configuration, files: RealmFiles, engine: ContainerEngine?, samba: SambaDomain?,
        port: LoopbackPort, watch: RealmGuard, kdc: pid_t?
    ) {
        self.configuration = configuration
        self.files = files
        self.engine = engine
        self.samba = samba
        self.folder = files.folder
        self.port = port.number
        reservation = port.reservation
        self.addresses = port.addresses
        self.watch = watch
        self.kdc = kdc
        self.clientConfiguration = configuration
    }

    /// Starts a realm, and returns when its KDC answers.
    ///
    /// - Throws: ``KerberosTestKitError`` with the code `toolMissing` if MIT Kerberos, or Samba, is not installed.
    public static func start(
        _ configuration: Configuration = Configuration()
    ) async throws(KerberosTestKitError) -> KerberosRealm {
        try await start(configuration, findingPort: LoopbackPort.find)
    }

    static func start(
        _ configuration: Configuration, findingPort: @Sendable () throws(KerberosTestKitError) -> LoopbackPort
    ) async throws(KerberosTestKitError) -> KerberosRealm {
        try configuration.validate()
        let files = RealmFiles(folder: try newFolderName(in: configuration.parentFolder))
        var environment = toolEnvironment(files)
        var engine: ContainerEngine?
        var samba: SambaDomain?
        var port = try findingPort()
        let charge: RealmGuard.Charge
        _ = try KerberosTool.kinit.locate()
        if let container = configuration.backend.container {
            let found = try ContainerEngine(container, files: files)
            environment = found.environment(environment)
            charge = .container(found, realm: configuration.realm, addresses: port.addresses)
            engine = found
        } else if let backend = configuration.backend.samba {
            let domain = try SambaDomain(backend, configuration, files: files)
            _ = try KerberosTool.debianPython.locate()
            charge = .process(folder: files.folder, command: try domain.command())
            samba = domain
        } else {
            for tool in [KerberosTool.kdb5Util, .kadminLocal] { _ = try tool.locate() }
            charge = .process(
                folder: files.folder, command: [try KerberosTool.krb5kdc.locate(), "-n", "-r", configuration.realm])
        }
        let watch = try await RealmGuard(charge, folder: files.folder, environment: environment)
        do throws(KerberosTestKitError) {
            try write("", to: files.emptyMechanisms)
            try writeConfiguration(configuration, port, files, samba)
            if let samba {
                try write(String(decoding: PackageResources.samba_realm_py, as: UTF8.self), to: files.sambaScript)
                try await samba.create()
            } else {
                // The master key protects a database that only this user can read and that does not outlive the test.
                try await KerberosTool.kdb5Util.runSuccessfully(
                    ["create", "-s", "-r", configuration.realm], environment: environment,
                    input: "master\nmaster\n", in: files, container: engine, to: "create the realm's database")
            }
            var attempts = 1
            while true {
                do throws(KerberosTestKitError) {
                    let kdc = try await startedKDC(watch, files, port, isSamba: samba != nil)
                    return KerberosRealm(
                        configuration: configuration, files: files, engine: engine, samba: samba, port: port,
                        watch: watch, kdc: kdc)
                } catch {
                    // Another process may have taken the port between finding it and binding it.
                    let words = ["in use", "already allocated", "ADDRESS_ALREADY_ASSOCIATED"]
                    guard words.contains(where: error.standardError.contains), attempts < 10 else { throw error }
                    attempts += 1
                    port = try findingPort()
                    try writeConfiguration(configuration, port, files, samba)
                }
            }
        } catch {
            await watch.finish()
            throw error
        }
    }

    /// Starts a realm, runs `body` with it, and stops it whatever happens.
    public static func withRealm<Result: Sendable>(
        _ configuration: Configuration = Configuration(),
        _ body: (KerberosRealm) async throws -> Result
    ) async throws -> Result {
        let realm = try await start(configuration)
        do {
            let result = try await body(realm)
            await realm.stop()
            return result
        } catch {
            await realm.stop()
            throw error
        }
    }

    /// Stops the KDC and removes the folder; returns once both are gone. May be called more than once.
    public func stop() async {
        isStopped = true
        kdc = nil
        await watch.finish()
    }

    /// Stops the KDC and keeps its database: connections are refused.
    public func stopKDC() async throws(KerberosTestKitError) {
        try await watch.haltKDC()
        kdc = nil
    }

    /// Restarts the KDC on its old port; returns when it answers.
    public func restartKDC() async throws(KerberosTestKitError) {
        try await stopKDC()
        kdc = try await Self.startedKDC(
            watch, files, LoopbackPort(number: port, addresses: addresses), isSamba: samba != nil)
    }

    /// Freezes the KDC: connections to it are accepted by the system and never answered.
    public func pause() async throws(KerberosTestKitError) {
        try await watch.pauseKDC()
    }

    /// Resumes a frozen KDC; it answers pending requests.
    public func resume() async throws(KerberosTestKitError) {
        try await watch.resumeKDC()
    }

    /// The environment for a child process that uses this realm and nothing outside its folder.
    ///
    /// It holds the Kerberos variables and `TMPDIR` only: merge it into what the program needs otherwise. Arguments
    /// that are not given become files in the folder that do not exist, so that none of the user's files is used by
    /// accident.
    ///
    /// - Parameters:
    ///   - cache: The credential cache, as ``makeCache(_:password:lifetime:options:)`` returns it.
    ///   - keytab: The path of the keytab for accepting.
    ///   - clientKeytab: The path of the keytab from which a client gets its credentials.
    public nonisolated func environment(
        cache: String? = nil, keytab: String? = nil, clientKeytab: String? = nil
    ) -> [String: String] {
        files.environment(cache: cache, keytab: keytab, clientKeytab: clientKeytab)
    }

    /// Adds another realm's KDC and hosts to `krb5.conf`.
    ///
    /// Programs that start afterwards use it; in running ones the library reads the file again.
    func learn(of realm: String, lines: [String], hosts: [String]) throws(KerberosTestKitError) {
        try requireFolder()
        var changed = clientConfiguration
        changed.otherRealms[realm] = lines
        for host in hosts { changed.domainRealm[host] = realm }
        try changed.validate()
        // Atomically: a reader sees the old or the new file.
        let draft = try newPath("krb5-conf")
        try Self.write(files.krb5Conf(changed, endpoints: endpoints), to: draft)
        guard rename(draft, files.krb5Conf) == 0 else {
            throw KerberosTestKitError(
                .fileSystem, "\(files.krb5Conf) could not be replaced: \(String(cString: strerror(errno)))")
        }
        clientConfiguration = changed
    }

    /// The KDC's endpoints in `krb5.conf`: `127.0.0.1:88` and `[::1]:88`.
    nonisolated var endpoints: [String] { LoopbackPort(number: port, addresses: addresses).endpoints }

    /// A new path in the folder.
    func newPath(_ purpose: String) throws(KerberosTestKitError) -> String {
        try requireFolder()
        lastFileNumber += 1
        return "\(folder)/\(purpose)-\(lastFileNumber)"
    }

    /// Throws once the realm was stopped and its folder is gone.
    func requireFolder() throws(KerberosTestKitError) {
        if isStopped {
            throw KerberosTestKitError(.stopped, "the realm was stopped: start a new one")
        }
    }
}

extension KerberosRealm {
    /// The environment of the realm's own programs: their messages in English, and no home folder to look into.
    static func toolEnvironment(_ files: RealmFiles) -> [String: String] {
        let own = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": files.folder]
        return files.environment(cache: nil, keytab: nil, clientKeytab: nil).merging(own) { first, _ in first }
    }

    /// An unguessable path; the guard creates the folder, and fails if it exists.
    private static func newFolderName(in parent: String?) throws(KerberosTestKitError) -> String {
        let chosen = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        // A colon separates the files in KRB5_CONFIG; the others would break the lines of the configuration files.
        let forbidden = chosen.utf8.contains { $0 <= 0x20 || $0 == 0x7F || ":%\"{}$".utf8.contains($0) }
        guard let absolute = realpath(chosen, nil), !forbidden else {
            throw KerberosTestKitError(
                .invalidArgument,
                "\(chosen) cannot hold a realm: choose an existing folder without blanks, quotes or colons")
        }
        defer { free(absolute) }
        let mark = String(UInt64.random(in: .min ... .max), radix: 36)
        return "\(String(cString: absolute))/kerberos-realm-\(mark)"
    }

    private static func writeConfiguration(
        _ configuration: Configuration, _ port: LoopbackPort, _ files: RealmFiles, _ samba: SambaDomain?
    ) throws(KerberosTestKitError) {
        try write(files.krb5Conf(configuration, endpoints: port.endpoints), to: files.krb5Conf)
        if let samba {
            try write(samba.smbConf(configuration, port), to: files.smbConf)
            return
        }
        // In a container the loopback addresses differ from those at which its ports are published.
        let listen = configuration.backend.container == nil ? port.endpoints : ["\(port.number)"]
        try write(files.kdcConf(configuration, listen: listen), to: files.kdcConf)
    }

    private static func write(_ contents: String, to path: String) throws(KerberosTestKitError) {
        do {
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
            try file.closeAfter { _ = try file.writeAll(contents.utf8) }
        } catch {
            throw KerberosTestKitError(.fileSystem, "\(path) could not be written", underlying: error)
        }
    }

    /// Starts the KDC and waits until its log says that it serves all its sockets.
    private static func startedKDC(
        _ watch: RealmGuard, _ files: RealmFiles, _ port: LoopbackPort, isSamba: Bool
    ) async throws(KerberosTestKitError) -> pid_t? {
        let before = KDCLog(path: files.log).size
        var isAlive = true
        do throws(KerberosTestKitError) {
            let process = try await watch.startKDC(port: port.number)
            let deadline = ContinuousClock.now + .seconds(20)
            while ContinuousClock.now < deadline, isAlive {
                // Checked first: what it wrote before it ended is then in the log.
                isAlive = await watch.isAlive()
                // Samba's does not log that it serves, but logs every connection; it ends if it lacks one of its
                // sockets.
                if isSamba { port.knock() }
                let log = try KDCLog(path: files.log).read(from: before)
                if isSamba, log.contains("kdc_tcp_call_loop") { return process }
                if log.contains("commencing operation") {
                    // It continues if it cannot bind one of its sockets; in a container no other process uses its
                    // ports.
                    guard process == nil || log.contains("set up \(2 * port.addresses.count) sockets") else { break }
                    return process
                }
                do {
                    try await Task.sleep(for: .milliseconds(2))
                } catch {
                    throw KerberosTestKitError(.cancelled, "the task was cancelled while the KDC started")
                }
            }
        } catch {
            guard error.code == .kdcFailed else { throw error }
        }
        try await watch.haltKDC()
        let log = try KDCLog(path: files.log).read(from: before)
        let output = try KDCLog(path: files.kdcOutput).read(from: 0)
        throw KerberosTestKitError(
            .kdcFailed, "the KDC did not start to serve", standardError: (output + log).trimmed)
    }
}
