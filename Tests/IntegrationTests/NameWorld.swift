import Foundation
import KerberosTestKit
import TestSupport

/// A network in which the tests' names resolve to servers, to dead ends and to nothing.
///
/// Every name of ``places`` is there twice: under `hosts.test` in the hosts file, and under `dns.test` in the DNS. The
/// IPv4 addresses share equally many bits with 127.0.0.1, so that RFC 6724 leaves them in the order given here.
struct NameWorld {
    static let live4 = "127.0.0.6"
    static let live6 = "fd00::2"
    static let dead4 = "127.0.0.5"
    static let dead6 = "fd00::3"
    static let refusing4 = "127.0.0.4"
    static let refusing6 = "fd00::4"
    /// An address that means nothing without its interface, `lo`. A server has it at port 27018.
    static let linkLocal = "fe80::6"
    /// A server that is `mongodb/db.srv.test`. At port 27019 it has TLS, with a certificate for `my_mongo`.
    static let named = "127.0.0.7"

    static let places: [String: [String]] = [
        "only-ipv4": [live4],
        "only-ipv6": [live6],
        "both": [live6, live4],
        "dead-ipv6": [dead6, live4],
        "dead-ipv4": [dead4, live4],
        "refusing-ipv6": [refusing6, live4],
        "refusing-ipv4": [refusing4, live4],
        "all-refusing": [refusing6, refusing4],
        "all-dead": [dead6, dead4],
    ]

    /// Names whose records begin with an unreachable address. RFC 6724 puts it last.
    static let unsorted: [String: [String]] = [
        "unsorted-ipv4": ["192.0.2.1", live4],
        "unsorted-ipv6": ["2001:db8::1", live6],
    ]

    let world: NetworkWorld
    let realm: SharedRealm
    private let servers: [ServerProcess]

    private static let started = Task { try await start() }

    /// Shared by all tests, which change nothing in it.
    static var shared: NameWorld {
        get async throws { try await started.value }
    }

    private static func start() async throws -> NameWorld {
        let realm = try await SharedRealm.shared
        try await realm.realm.addPrincipal("mongodb/db.srv.test")
        let keytab = try await realm.realm.makeKeytab(for: ["mongodb/db.srv.test"])
        let world = try await NetworkWorld.start(
            .init(
                hosts: (Array(places) + Array(unsorted)).flatMap { name, addresses in
                    addresses.map { "\($0) \(name).hosts.test" }
                },
                addresses: [live6, dead6, refusing6, linkLocal], zone: zone,
                resolver: ["search dns.test", "options timeout:5 attempts:1 edns0"],
                deadEnds: [dead4, dead6].map { .init(host: $0, port: 27017) }))
        let users = ["\(realm.ann)=read@test"]
        let authority = try await TestAuthority.shared
        return try await NameWorld(
            world: world, realm: realm,
            servers: [
                world.startKDC(for: realm.realm),
                world.startServer(
                    realm: realm.realm, keytab: realm.serviceKeytab, users: users,
                    listen: ["\(live4):27017", "[\(live6)]:27017", "[::]:27018"]),
                world.startServer(
                    realm: realm.realm, keytab: keytab, users: users, listen: ["\(named):27017"],
                    serviceHost: "db.srv.test"),
                world.startServer(
                    realm: realm.realm, keytab: keytab, users: users, listen: ["\(named):27019"],
                    serviceHost: "db.srv.test",
                    arguments: ["--tls-certificate-key-file", authority.path("underscore.pem")]),
            ])
    }

    private static var zone: NameZone {
        var records: [NameZone.Record] = (Array(places) + Array(unsorted)).flatMap { name, addresses in
            addresses.map { .address("\(name).dns.test", $0) }
        }
        records += [
            .text("empty.dns.test", "a name without addresses"),
            .address("half.dns.test", live4),
            .address("xn--bcher-kva.dns.test", live4),
            .address("my_mongo.dns.test", named),
            .server(of: "xn--bcher-kva.srv.test", "db.srv.test"),
            .alias("alias.dns.test", of: "both.dns.test"),
            .address("db.srv.test", named),
            .address("other.srv.test", live4),
            .server(of: "short.dns.test", "short-db.dns.test"),
            .text("short.dns.test", "authSource=$external"),
            .address("short-db.dns.test", named),
            .address("split.dns.test", dead4),
            .address("split.dns.test", named),
            .pointer(dead4, to: "other.srv.test"),
            .pointer(named, to: "db.srv.test"),
            .address("*.wide.srv.test", named),
        ]
        records += wideHosts.map { .server(of: "wide.srv.test", $0) }
        records += ["plain", "large", "silent-text", "two-texts", "bad-text"].map { cluster in
            .server(of: "\(cluster).srv.test", "db.srv.test")
        }
        records += [
            .text("plain.srv.test", "authSource=$external"),
            .text("large.srv.test", "authSource=$external"),
            .server(of: "two.srv.test", "db.srv.test"),
            .server(of: "two.srv.test", "other.srv.test"),
            .server(of: "foreign.srv.test", "both.dns.test"),
            .text("no-servers.srv.test", "authSource=$external"),
            .text("two-texts.srv.test", "authSource=$external"),
            .text("two-texts.srv.test", "replicaSet=a"),
            .text("bad-text.srv.test", "tls=false"),
            .server(of: "lost.srv.test", "nowhere.srv.test"),
        ]
        return NameZone(
            records,
            faults: [
                "silent.dns.test": .silence,
                "failing.dns.test": .serverFailure,
                "half.dns.test": .silenceForIPv6,
                "_mongodb._tcp.large.srv.test": .truncatedDatagrams,
                "large.srv.test": .truncatedDatagrams,
                "_mongodb._tcp.failing.srv.test": .serverFailure,
                "_mongodb._tcp.silent.srv.test": .silence,
                "silent-text.srv.test": .silence,
                "_mongodb._tcp.wide.srv.test": .datagramsOnly,
            ])
    }

    /// More than 512 bytes of SRV records.
    static let wideHosts = (0..<10).map { "member-\($0).wide.srv.test" }

    /// Runs `authcheck` inside, as `ann`.
    func check(_ uri: String, timeout: String = "60s") async throws -> CheckOutcome {
        try AuthCheck.read(try await run([uri, "--format", "json", "--timeout", timeout]))
    }

    func run(_ arguments: [String]) async throws -> Child.Result {
        try await run(BuiltExecutable.url(named: "authcheck"), arguments)
    }

    /// Runs any program inside, as `ann`.
    func run(_ program: URL, _ arguments: [String]) async throws -> Child.Result {
        try await world.run(program, arguments, environment: realm.realm.environment(cache: realm.annCache))
    }
}
