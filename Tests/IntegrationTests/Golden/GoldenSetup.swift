import Foundation
import KerberosTestKit
import TestSupport

/// Makes what a ``GoldenWorld`` has: principals, keytabs, caches, certificates, configurations, servers.
struct GoldenSetup {
    let realm: KerberosRealm
    let world: NetworkWorld
    let folder: String
    private(set) var parts: [ServerProcess] = []

    static let password = "secret"
    /// How far the clock of the old KDC is behind, in seconds: a day, 3 h 47 min 25 s. What it gave for 10 h 35 min ended 17 h
    /// 12 min ago.
    static let oldKDCOffset = -100_045
    private static let oldLifetime = Duration.seconds(38_125)
    /// 3 h 25 min 45 s.
    static let skew = 12_345

    init(realm: KerberosRealm, world: NetworkWorld, folder: String) {
        (self.realm, self.world, self.folder) = (realm, world, folder)
    }

    mutating func run(lifetime: Duration) async throws {
        try files()
        async let certificates: Void = Self.certificates(in: "\(folder)tls")
        try await principals()
        try await startServers()
        try await caches(lifetime)
        try await certificates
        try await startPeers()
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + name))
    }

    private func keep(_ path: String, as name: String) throws {
        let path = path.hasPrefix("FILE:") ? String(path.dropFirst(5)) : path
        try FileManager.default.moveItem(atPath: path, toPath: folder + name)
    }

    // MARK: - Files

    /// The client's configuration, with the realm's KDC and further lines of `[libdefaults]`.
    static func configuration(kdcs: [String] = [GoldenNames.host("kdc")], _ lines: [String] = []) -> String {
        let libdefaults =
            lines + [
                "default_realm = \(GoldenNames.realm)", "dns_lookup_kdc = false", "dns_lookup_realm = false",
                "dns_canonicalize_hostname = false", "rdns = false", "qualify_shortname = \"\"",
                "default_ccache_name = FILE:/mnt/krb5cc", "default_keytab_name = FILE:/mnt/krb5.keytab",
                "default_client_keytab_name = FILE:/mnt/client.keytab",
                "permitted_enctypes = aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96",
            ]
        return "[libdefaults]\n" + libdefaults.map { "    \($0)\n" }.joined()
            + "[realms]\n    \(GoldenNames.realm) = {\n"
            + kdcs.map { "        kdc = \($0)\n" }.joined() + "    }\n"
    }

    private func files() throws {
        let usual = Self.configuration()
        try write("krb5.conf", usual)
        try write("gss-mechanisms", "")
        try write("password", "\(Self.password)\n")
        try write("wrong-password", "swordfish\n")
        try write("garbage", "this is neither a cache nor a keytab\n")
        for error in GoldenNames.kdcErrors {
            try write("krb5-\(error).conf", Self.configuration(kdcs: [GoldenNames.host("kdc-\(error)")]))
        }
        let configurations: [String: String] = [
            "malformed": usual + "[appdefaults]\n    no sign here\n",
            "comment": usual.replacing("    \(GoldenNames.realm) = {", with: "    \(GoldenNames.realm) = { # ours"),
            "including": "include /mnt/part.conf\n" + usual,
            "old-kdc": Self.configuration(kdcs: [GoldenNames.host("old-kdc")]),
            "closed-kdc": Self.configuration(kdcs: [GoldenNames.host("closed")]),
            "nowhere-kdc": Self.configuration(kdcs: ["nowhere.\(GoldenWorld.domain)"]),
            "failing-kdc": Self.configuration(kdcs: [GoldenNames.host("failing")]),
            "no-kdc": Self.configuration(kdcs: []),
            "no-realm": usual.replacing("default_realm =", with: "ignored ="),
            "comment-kdc": Self.configuration(kdcs: ["\(GoldenNames.host("kdc")) # the first"]),
            "comment-port": Self.configuration(kdcs: ["\(GoldenNames.host("kdc")):88# the first"]),
            "comment-realm": usual.replacing(
                "default_realm = \(GoldenNames.realm)", with: "default_realm = \(GoldenNames.realm) # ours"),
            "proxy-kdc": Self.configuration(kdcs: ["https://\(GoldenNames.host("closed"))/KdcProxy"]),
            "kcm": Self.configuration(["default_ccache_name = KCM:", "kcm_socket = /mnt/no-daemon"])
                .replacing("    default_ccache_name = FILE:/mnt/krb5cc\n", with: ""),
            "cache-name": Self.configuration(["default_ccache_name = FILE:%{nosuch}/krb5cc"])
                .replacing("    default_ccache_name = FILE:/mnt/krb5cc\n", with: ""),
            "small-letters": usual.replacing(
                "[realms]\n", with: "[realms]\n    example.test = {\n        kdc = \(GoldenNames.host("kdc"))\n    }\n"),
            "camellia": Self.configuration(["permitted_enctypes = camellia128-cts-cmac"]),
            "addresses": Self.configuration(["noaddresses = false", "extra_addresses = 192.0.2.1"]),
            "elsewhere": usual + "[domain_realm]\n    rekeyed.\(GoldenWorld.domain) = ELSEWHERE.TEST\n",
        ]
        for (name, text) in configurations { try write("krb5-\(name).conf", text) }
        try write("krb5-forbidden.conf", usual)
        try FileManager.default.createDirectory(atPath: folder + "folder", withIntermediateDirectories: true)
        for name in ["krb5-forbidden.conf", "forbidden"] {
            if name == "forbidden" { try write(name, "") }
            chmod(folder + name, 0)
        }
        mkfifo(folder + "pipe", 0o600)
        let listen = { (address: String) in
            try String(contentsOfFile: "\(realm.folder)/kdc.conf", encoding: .utf8)
                .replacing(/kdc_(tcp_)?listen = .*/) { "kdc_\($0.1 ?? "")listen = \(address):88" }
        }
        for (name, address) in [("kdc", GoldenNames.kdc), ("old-kdc", GoldenNames.oldKDC)] {
            try Data(listen(address).utf8).write(to: URL(fileURLWithPath: "\(realm.folder)/\(name)-golden.conf"))
        }
    }

    // MARK: - Kerberos

    private func principals() async throws {
        let services = GoldenNames.services.map { NewPrincipal("mongodb/\($0)") }
        try await realm.addPrincipals(
            services + [
                NewPrincipal("ann", password: Self.password), NewPrincipal("bob", password: Self.password),
                NewPrincipal("dan", password: Self.password),
                NewPrincipal("careful", password: Self.password, traits: [.requiresPreauthentication]),
                NewPrincipal("locked", password: Self.password, traits: [.locked]),
                NewPrincipal("expired", password: Self.password, traits: [.expired]),
                NewPrincipal("aged", password: Self.password, traits: [.passwordExpired]),
                NewPrincipal("rekeyed"),
                NewPrincipal("mongodb/between.\(GoldenWorld.domain)", traits: [.notAService]),
                NewPrincipal("mongod/none.\(GoldenWorld.domain)"),
            ])
        for user in ["ann", "aged", "rekeyed"] {
            try keep(try await realm.makeKeytab(for: [user]), as: "\(user).keytab")
        }
        try keep(
            try await realm.makeKeytab(for: GoldenNames.services.map { "mongodb/\($0)" }), as: "services.keytab")
        try keep(try await realm.makeKeytab(for: ["mongodb/db.\(GoldenWorld.domain)"]), as: "mongod.keytab")
        try await realm.changeKey("rekeyed")
        try keep(
            try await realm.makeKeytab(for: ["mongodb/\(GoldenNames.host("rekeyed"))"]), as: "old-mongod.keytab")
        try await realm.changeKey("mongodb/\(GoldenNames.host("rekeyed"))")
    }

    private func caches(_ lifetime: Duration) async throws {
        for user in ["ann", "bob", "dan"] {
            let cache = try await realm.makeCache(user, password: Self.password, lifetime: lifetime)
            try keep(cache, as: user == "ann" ? "krb5cc" : "\(user).cache")
        }
        // A collection whose primary cache is not there.
        try FileManager.default.createDirectory(atPath: folder + "caches", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder + "krb5cc", toPath: folder + "caches/tktann")
        try write("caches/primary", "tktgone\n")
        // 590 s: of the words for it the number changes, and not its length.
        try keep(try await realm.makeCache("ann", password: Self.password, lifetime: .seconds(590)), as: "short.cache")
        try keep(
            try await realm.makeCache("ann", password: Self.password, lifetime: lifetime, options: ["-s", "1h"]),
            as: "later.cache")
        try await kinit("addresses", ["-a"])
        // The old KDC gave it, when it was good.
        try await kinit(
            "old", ["-l", "\(Self.oldLifetime.components.seconds)s"], cache: "expired.cache", configuration: "old-kdc",
            wrapper: try FakeTime.wrapper(seconds: Self.oldKDCOffset))
        // One with the server's ticket, and one with a ticket for a service that had another key then.
        try FileManager.default.copyItem(atPath: folder + "krb5cc", toPath: folder + "warm.cache")
        let kvno = try BuiltExecutable.system("kvno", package: "krb5-user").path
        try await inside([kvno, "-c", "FILE:\(folder)warm.cache", "mongodb/\(GoldenNames.host("db"))"])
        let stale = "mongodb/\(GoldenNames.host("stale"))"
        try FileManager.default.copyItem(atPath: folder + "krb5cc", toPath: folder + "stale.cache")
        try await inside(
            [kvno, "-c", "FILE:\(folder)stale.cache", stale])
        try await realm.changeKey(stale)
        try keep(try await realm.makeKeytab(for: [stale]), as: "stale-mongod.keytab")
        try await realm.changeKey(stale)
    }

    private func kinit(
        _ name: String, _ options: [String], cache: String? = nil, configuration: String? = nil, wrapper: [String] = []
    ) async throws {
        let program = try BuiltExecutable.system("kinit", package: "krb5-user").path
        try await inside(
            wrapper + [program, "-c", "FILE:/mnt/\(cache ?? "\(name).cache")"] + options + ["ann"],
            configuration: "/mnt/krb5-\(configuration ?? name).conf", input: "\(Self.password)\n")
    }

    private func inside(
        _ words: [String], configuration: String = "/mnt/krb5.conf", input: String = ""
    ) async throws {
        let result = try await world.run(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()),
            environment: ["KRB5_CONFIG": configuration, "LC_ALL": "C"], standardInput: input)
        guard result.status == 0 else { throw TestSupportError("\(words): \(result)") }
    }

    // MARK: - Servers

    private mutating func startServers() async throws {
        let old = try FakeTime.wrapper(seconds: Self.oldKDCOffset)
        parts = try await [
            world.startKDC(for: realm, profile: "\(realm.folder)/kdc-golden.conf"),
            world.startKDC(for: realm, profile: "\(realm.folder)/old-kdc-golden.conf", wrapper: old),
            server("db", GoldenNames.server), server("rekeyed", GoldenNames.rekeyed, keytab: "old-mongod.keytab"),
            server("skewed", GoldenNames.skewed, wrapper: FakeTime.wrapper(seconds: -Self.skew)),
        ]
    }

    private func server(
        _ name: String, _ address: String, host: String? = nil, keytab: String = "services.keytab",
        wrapper: [String] = [], arguments: [String] = []
    ) async throws -> ServerProcess {
        let users = ["ann@\(GoldenNames.realm)=readWrite@app,read@reports", "dan@\(GoldenNames.realm)"]
        let words =
            wrapper + [
                try BuiltExecutable.url(named: "mongo-test-server").path, "--listen", "\(address):27017", "--keytab",
                folder + keytab, "--service-host", host ?? GoldenNames.host(name), "--exit-with-parent",
            ] + users.flatMap { ["--user", $0] } + arguments
        return try await world.start(
            URL(fileURLWithPath: words[0]), Array(words.dropFirst()),
            environment: realm.environment(keytab: folder + keytab))
    }

    /// What needs the certificates, or changed keys.
    private mutating func startPeers() async throws {
        let tls =
            ["--tls-certificate-key-file", folder + "tls/server.pem", "--tls-client-certificates", "ask"]
            + ["--tls-ca-file", folder + "tls/ca.crt", "--mechanism", "GSSAPI", "--mechanism", "MONGODB-X509"]
        parts += try await [
            server("stale", GoldenNames.stale, keytab: "stale-mongod.keytab"),
            server("db", GoldenNames.encrypted, host: "db.test", arguments: tls),
        ]
        let acceptor = try BuiltExecutable.url(named: "scripted-acceptor")
        let (realm, folder, world) = (realm, folder, world)
        parts += try await withThrowingTaskGroup(of: ServerProcess.self) { group in
            for name in GoldenNames.acceptors {
                group.addTask {
                    try await world.start(
                        acceptor,
                        [
                            "--misbehaviour", name, "--keytab", folder + "services.keytab", "--listen",
                            GoldenNames.address(ofAcceptor: name), "--port", "27017",
                        ], environment: realm.environment(keytab: folder + "services.keytab"))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Peers/golden.py").path
        let peers =
            GoldenNames.peers.map { "\($0)=\(GoldenNames.address(ofPeer: $0))" }
            + GoldenNames.kdcErrors.map { "kdc-\($0)=\(GoldenNames.address(ofKDC: $0))" }
        _ = try BuiltExecutable.system("microsocks", package: "microsocks")
        parts.append(
            try await world.start(
                BuiltExecutable.system("python3", package: "python3"), [script, folder + "tls"] + peers,
                environment: [:]))
    }

    /// Those of the tests' authority, and what it does not make: a certificate for Atlas, one whose keyUsage is too narrow, revocation
    /// lists.
    private static func certificates(in folder: String) async throws {
        let authority = try await TestAuthority.shared
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let names = [
            "ca", "other-ca", "server", "expired", "future", "self-signed", "client-only", "client", "stranger",
            "of-namesake", "self-signed-no-authority",
        ]
        for file in names.flatMap({ ["\($0).crt", "\($0).key"] })
            + [
                "client.pem", "stranger.pem", "client-encrypted.pem", "mismatch.pem", "garbage.pem",
                "no-authority-and-ca.pem",
            ]
        {
            try FileManager.default.copyItem(atPath: authority.path(file), toPath: "\(folder)/\(file)")
        }
        let made = try await Child.run(URL(fileURLWithPath: "/bin/sh"), ["-c", script, "make", folder])
        guard made.status == 0 else { throw TestSupportError("no certificates were made: \(made)") }
    }

    private static let script = """
        set -e
        cd "$1"
        cat server.key server.crt >server.pem
        issue() {
            openssl req -new -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.csr" -subj "/CN=$2"
            printf 'subjectAltName=DNS:%s\\nextendedKeyUsage=serverAuth\\n%s\\n' "$2" "$3" >extensions
            openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 20000 -extfile extensions -out "$1.crt"
        }
        issue atlas cluster0.example.mongodb.net ''
        issue key-usage db.test keyUsage=keyEncipherment,dataEncipherment
        : >index
        echo 01 >number
        printf '[ca]\\ndefault_ca=own\\n[own]\\ndatabase=index\\ncrlnumber=number\\ndefault_md=sha256\\ndefault_crl_days=9000\\n' >ca.cnf
        list() {
            name=$1
            shift
            openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -gencrl -out "$name.crl" "$@"
        }
        list ended -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z
        openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke server.crt
        list revoked
        """
}
