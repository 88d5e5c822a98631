import Glibc

extension KerberosRealm {
    /// What a realm's KDC runs in.
    public struct Backend: Sendable, Hashable {
        /// `nil` unless it is a container.
        let container: Container?
        /// `nil` for MIT Kerberos.
        let samba: Samba?

        private init(container: Container? = nil, samba: Samba? = nil) {
            self.container = container
            self.samba = samba
        }

        struct Container: Sendable, Hashable {
            var image: String
            var engine: String
        }

        struct Samba: Sendable, Hashable {
            var domain: String?
            var templates: String?
        }

        /// A separate process; needs MIT Kerberos on this machine.
        public static let processes = Backend()

        /// A container of the image that `docker/kdc` builds, with the realm's folder mounted under its own path.
        ///
        /// `kinit` still runs on this machine, and so must the engine: it mounts a folder of this machine.
        ///
        /// - Parameters:
        ///   - image: The image's name.
        ///   - engine: The engine's command line, found through `PATH` or given as a path; it must be compatible with
        ///     Docker's.
        public static func container(image: String = "mongo-sasl-kdc", engine: String = "docker") -> Backend {
            Backend(container: Container(image: image, engine: engine))
        }

        /// The KDC of an Active Directory domain controller, Samba's, as a separate process.
        ///
        /// Needs the Debian packages that `make packages-samba` installs; no root and no namespace. Of the domain
        /// controller only the KDC runs: there is no LDAP, no name server with SRV records, no SMB and no service that
        /// changes passwords. The domain is changed in its database, see ``KerberosRealm/addGroups(_:to:)`` and related
        /// methods.
        ///
        /// The first realm of a name creates its domain, which takes about ten seconds, and keeps it as a template;
        /// each realm then starts from a copy with its own keys, in about a second.
        ///
        /// - Parameters:
        ///   - domain: The domain's NetBIOS name; `nil` is the first part of the realm's.
        ///   - templates: The folder for templates, which is created if needed; `nil` is `kerberos-test-kit` in
        ///     `XDG_CACHE_HOME`, or in `~/.cache`.
        public static func samba(domain: String? = nil, templates: String? = nil) -> Backend {
            Backend(samba: Samba(domain: domain, templates: templates))
        }
    }
}

/// A container engine, as one realm uses it.
struct ContainerEngine: Sendable {
    let program: String
    let image: String
    /// The name of the KDC's container, and the label of all of the realm's.
    let name: String
    let files: RealmFiles

    init(_ container: KerberosRealm.Backend.Container, files: RealmFiles) throws(KerberosTestKitError) {
        program =
            container.engine.utf8.contains(UInt8(ascii: "/"))
            ? container.engine : try KerberosTool(name: container.engine, package: "docker.io").locate()
        image = container.image
        name = files.folder.unicodeScalars.split(separator: "/").last.map(String.init) ?? files.folder
        self.files = files
    }

    /// The arguments common to the KDC and to the programs that change its database.
    ///
    /// It runs as this user, who owns the folder, and has no other rights. `--env` without a value passes the variable
    /// on.
    var runWords: [String] {
        let variables = files.environment(cache: nil, keytab: nil, clientKeytab: nil).keys.sorted()
        return [
            "run", "--label", "kerberos-realm=\(name)", "--user", "\(getuid()):\(getgid())", "--read-only",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--volume", "\(files.folder):\(files.folder)",
        ] + variables.flatMap { ["--env", $0] }
    }

    /// The arguments that run a program of the image to its end.
    func words(toRun tool: KerberosTool, _ arguments: [String]) -> [String] {
        runWords + ["--rm", "--interactive", "--network", "none", image, tool.name] + arguments
    }

    /// The realm's variables, and those by which the engine's command line finds its engine.
    func environment(_ realm: [String: String]) -> [String: String] {
        var merged = realm
        for name in ["PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "XDG_RUNTIME_DIR"] {
            if let value = getenv(name) { merged[name] = String(cString: value) }
        }
        return merged
    }
}
