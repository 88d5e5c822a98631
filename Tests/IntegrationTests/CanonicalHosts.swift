import Foundation
import KerberosTestKit
import TestSupport

/// A network of aliases, address names and servers, each of which has the key of one principal and a port of its own.
struct CanonicalHosts {
    /// The identity of the server at a port.
    enum Server: String, CaseIterable {
        /// An alias of an alias.
        case alias = "alias.example.test"
        /// The end of the chain.
        case end = "db.example.test"
        /// What its address belongs to.
        case node = "node7.example.test"
        /// What the IPv6 address belongs to.
        case node6 = "node6.example.test"
        /// The end of a chain that leads to an address without a name.
        case nameless = "end.nameless.example.test"
        /// The end of a chain that leads to an address whose name cannot be found out.
        case failing = "end.failing.example.test"
        /// In the Kerberos database and not in the DNS.
        case gone = "gone.example.test"
        /// A server under another service name.
        case other = "localhost"

        var port: Int { 27017 + (Self.allCases.firstIndex(of: self) ?? 0) }
        var service: String { self == .other ? "other" : "mongodb" }
        var principal: String { "\(service)/\(rawValue)" }
    }

    private let world: NetworkWorld
    private let realm: SharedRealm
    private let parts: [ServerProcess]

    private static let started = Task { try await start() }

    /// Shared by all tests, which change nothing in it.
    static var shared: CanonicalHosts {
        get async throws { try await started.value }
    }

    private static let zone = NameZone(
        [
            .alias("alias.example.test", of: "step.example.test"),
            .alias("step.example.test", of: "DB.Example.TEST"),
            .address("db.example.test", "127.0.0.2"),
            .pointer("127.0.0.2", to: "Node7.Example.TEST"),
            .address("v6.example.test", "fd00::7"),
            .pointer("fd00::7", to: "node6.example.test"),
            .alias("nameless.example.test", of: "end.nameless.example.test"),
            .address("end.nameless.example.test", "127.0.0.3"),
            .alias("failing.example.test", of: "end.failing.example.test"),
            .address("end.failing.example.test", "127.0.0.4"),
        ], faults: ["4.0.0.127.in-addr.arpa": .serverFailure, "silent.example.test": .silence])

    private static func start() async throws -> CanonicalHosts {
        let realm = try await SharedRealm.start()
        try await realm.realm.addPrincipals(Server.allCases.map { NewPrincipal($0.principal) })
        let world = try await NetworkWorld.start(
            .init(
                hosts: ["127.0.0.5 node7.example.test alias.hosts.test"], addresses: ["fd00::7"], zone: zone,
                resolver: ["search example.test", "options timeout:20 attempts:1"]))
        var parts = [try await world.startKDC(for: realm.realm)]
        for server in Server.allCases {
            let addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "[fd00::7]"]
            parts.append(
                try await world.startServer(
                    realm: realm.realm, keytab: realm.realm.makeKeytab(for: [server.principal]),
                    users: ["\(realm.ann)=read@test"],
                    listen: addresses.map { "\($0):\(server.port)" }, serviceHost: server.rawValue,
                    arguments: ["--service-name", server.service]))
        }
        return CanonicalHosts(world: world, realm: realm, parts: parts)
    }

    /// Runs `authcheck keytab` inside, as `ann`, with a keytab of the service on a host.
    func keytab(of host: String) async throws -> KeytabOutcome {
        let principal = "mongodb/\(host)"
        if Server(rawValue: host) == nil { try await realm.realm.addPrincipal(principal) }
        let keytab = try await realm.realm.makeKeytab(for: [principal])
        let program = try BuiltExecutable.url(named: "authcheck")
        let result = try await world.run(
            program, ["keytab", keytab, "--host", host, "--format", "json", "--timeout", "60s"],
            environment: realm.realm.environment(cache: realm.annCache))
        return KeytabOutcome(
            child: result, report: try JSONDecoder().decode(KeytabJSON.self, from: Data(result.stdout.utf8)))
    }

    /// Runs `authcheck` inside, as `ann`.
    func check(_ authority: String, _ properties: String, timeout: String = "60s") async throws -> CheckOutcome {
        let properties = properties.replacing("REALM:REALM", with: "REALM:\(realm.realm.name)")
        let result = try await world.run(
            BuiltExecutable.url(named: "authcheck"),
            [gssapiURI(realm.ann, authority, properties: properties), "--format", "json", "--timeout", timeout],
            environment: realm.realm.environment(cache: realm.annCache))
        return try AuthCheck.read(result)
    }
}
